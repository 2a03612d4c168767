/**
 * When deliverers must be woken, and what time does to deliveries. A webhook has one message on its way at most; the
 * row remembers when it goes off, and one that is overdue counts as lost.
 */
import { sql } from "drizzle-orm";
import { SECOND_MS } from "../domain/time.ts";
import { GIVEN_UP_AFTER_MS, LOG_KEPT_MS, type WebhookKey } from "../domain/webhook.ts";
import type { Database } from "./database.ts";
import { webhookDeliveries } from "./schema.ts";
import { releaseFirst } from "./webhook-deliveries.ts";

const LOST_AFTER_MS = 60 * SECOND_MS;
/** The queue holds a message back for so long at most. */
const LONGEST_DELAY_MS = 12 * 3_600_000;
const ROWS_AT_ONCE = 500;

export type Wake = WebhookKey & { readonly atMs: number };

/**
 * The messages to send so that everything that waits at these webhooks (null: at all) is tried in time; noted as sent.
 * None for a webhook that is disabled, or whose partner is suspended.
 */
export async function noteWakes(db: Database, keys: readonly WebhookKey[] | null, nowMs: number): Promise<Wake[]> {
  const scope =
    keys === null
      ? sql`true`
      : sql`(w.partner, w.id) IN (SELECT value->>'partner', value->>'id' FROM json_each(${JSON.stringify(keys)}))`;
  return db.write("webhook wakes", (q) =>
    q.all<Wake>(sql`
      UPDATE webhooks SET wake_at_ms = due.at_ms FROM (
        SELECT w.partner, w.id, min(${nowMs + LONGEST_DELAY_MS}, max(${nowMs}, coalesce(w.rest_until_ms, 0),
          (SELECT min(d.next_attempt_at_ms) FROM webhook_deliveries AS d WHERE d.partner = w.partner
            AND d.webhook = w.id AND d.status = 'pending' AND d.next_attempt_at_ms IS NOT NULL))) AS at_ms
        FROM webhooks AS w JOIN partners AS p ON p.id = w.partner
        WHERE w.enabled = 1 AND p.status = 'active' AND ${scope}) AS due
      WHERE webhooks.partner = due.partner AND webhooks.id = due.id AND due.at_ms IS NOT NULL
        AND (webhooks.wake_at_ms IS NULL OR webhooks.wake_at_ms > due.at_ms OR webhooks.wake_at_ms < ${nowMs - LOST_AFTER_MS})
      RETURNING webhooks.partner AS partner, webhooks.id AS id, webhooks.wake_at_ms AS "atMs"`),
  );
}

/** The messages could not be sent: whoever looks next sends them. */
export async function forgetWakes(db: Database, wakes: readonly Wake[]): Promise<void> {
  const keys = JSON.stringify(wakes);
  await db.write("webhook wakes", (q) =>
    q.run(sql`UPDATE webhooks SET wake_at_ms = NULL
      WHERE (partner, id) IN (SELECT value->>'partner', value->>'id' FROM json_each(${keys}))`),
  );
}

/** Gives up what nobody could try in time, and lets what waits behind it go. A bounded number at a time. */
export async function expireDeliveries(db: Database, nowMs: number): Promise<void> {
  const old = await db.read("old webhook deliveries", (q) =>
    q.all<{ seq: number; partner: string; webhook: string; lane: string }>(
      sql`SELECT seq, partner, webhook, lane FROM webhook_deliveries
        WHERE status = 'pending' AND created_at_ms < ${nowMs - GIVEN_UP_AFTER_MS} ORDER BY created_at_ms LIMIT ${ROWS_AT_ONCE}`,
    ),
  );
  if (old.length === 0) return;
  const seqs = JSON.stringify(old.map(({ seq }) => seq));
  await db.write("old webhook deliveries", (q) =>
    q.batch([
      q
        .update(webhookDeliveries)
        .set({
          status: "failed",
          error: sql`coalesce(${webhookDeliveries.error}, 'expired')`,
          nextAttemptAtMs: null,
          endedAtMs: nowMs,
        })
        .where(
          sql`${webhookDeliveries.status} = 'pending' AND ${webhookDeliveries.seq} IN (SELECT value FROM json_each(${seqs}))`,
        ),
      releaseFirst(q, old, nowMs),
    ]),
  );
}

/** Takes the oldest entries out of the log. */
export async function shortenLog(db: Database, nowMs: number): Promise<void> {
  await db.write("webhook log", (q) =>
    q.run(sql`DELETE FROM webhook_deliveries WHERE created_at_ms < ${nowMs - LOG_KEPT_MS}
      AND seq IN (SELECT seq FROM webhook_deliveries ORDER BY seq LIMIT ${ROWS_AT_ONCE})`),
  );
}
