/** D1: partners' webhooks, and what was sent to them or is to be. */
import { sql } from "drizzle-orm";
import { index, integer, primaryKey, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";
import type { SealedSecret, Subscriptions } from "../domain/webhook.ts";

export const webhooks = sqliteTable(
  "webhooks",
  {
    partner: text().notNull(),
    id: text().notNull(),
    url: text().notNull(),
    events: text({ mode: "json" }).$type<Subscriptions>().notNull(),
    enabled: integer({ mode: "boolean" }).notNull(),
    disabledReason: text("disabled_reason", { enum: ["request", "gone", "failing"] }),
    secrets: text({ mode: "json" }).$type<readonly SealedSecret[]>().notNull(),
    failingSinceMs: integer("failing_since_ms"),
    failures: integer().notNull().default(0),
    restUntilMs: integer("rest_until_ms"),
    /** When the message on its way to the deliverer goes off; null = there is none. */
    wakeAtMs: integer("wake_at_ms"),
    createdAtMs: integer("created_at_ms").notNull(),
  },
  (table) => [primaryKey({ columns: [table.partner, table.id] })],
);

/** One row per webhook and event, unique: whatever brings an event twice adds nothing. Numbered in the order of arrival. */
export const webhookDeliveries = sqliteTable(
  "webhook_deliveries",
  {
    seq: integer().primaryKey({ autoIncrement: true }),
    partner: text().notNull(),
    webhook: text().notNull(),
    eventId: text("event_id").notNull(),
    type: text().notNull(),
    /** Serial of the card whose events are delivered in order; of an event without a card its own id. */
    lane: text().notNull(),
    body: text().notNull(),
    status: text({ enum: ["pending", "delivered", "failed"] })
      .notNull()
      .default("pending"),
    attempts: integer().notNull().default(0),
    createdAtMs: integer("created_at_ms").notNull(),
    /** null = it waits behind an earlier event of its lane, or has ended. */
    nextAttemptAtMs: integer("next_attempt_at_ms"),
    lastAttemptAtMs: integer("last_attempt_at_ms"),
    endedAtMs: integer("ended_at_ms"),
    responseStatus: integer("response_status"),
    error: text({
      enum: ["status", "redirect", "gone", "timeout", "unreachable", "address_not_allowed", "expired"],
    }),
  },
  (table) => [
    uniqueIndex("webhook_deliveries_event").on(table.partner, table.webhook, table.eventId),
    index("webhook_deliveries_log").on(table.partner, table.webhook, table.seq),
    index("webhook_deliveries_due")
      .on(table.partner, table.webhook, table.nextAttemptAtMs)
      .where(sql`${table.status} = 'pending'`),
    index("webhook_deliveries_lane")
      .on(table.partner, table.webhook, table.lane, table.seq)
      .where(sql`${table.status} = 'pending'`),
    index("webhook_deliveries_age")
      .on(table.createdAtMs)
      .where(sql`${table.status} = 'pending'`),
  ],
);
