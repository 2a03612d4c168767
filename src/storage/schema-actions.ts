/** D1: bulk actions on cards, and what became of each card. */
import { sql } from "drizzle-orm";
import { index, integer, primaryKey, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";
import type { Targets } from "../domain/bulk-action.ts";
import type { CardAction } from "../domain/card-calls.ts";
import type { CardStatus } from "../domain/card.ts";
import type { ProblemCode } from "../domain/errors.ts";

/** One row per bulk action on cards; once per id and owner. */
export const cardActions = sqliteTable(
  "card_actions",
  {
    number: integer().primaryKey({ autoIncrement: true }),
    owner: text().notNull(),
    id: text().notNull(),
    fingerprint: text().notNull(),
    /** Whose cards it may touch; null = an operator's. */
    partner: text(),
    actor: text().notNull(),
    action: text({ mode: "json" }).$type<CardAction>().notNull(),
    reason: text().notNull(),
    targets: text({ mode: "json" }).$type<Targets>().notNull(),
    dryRun: integer("dry_run", { mode: "boolean" }).notNull(),
    total: integer().notNull(),
    done: integer().notNull().default(0),
    failed: integer().notNull().default(0),
    position: integer().notNull().default(0),
    attempts: integer().notNull().default(0),
    createdAtMs: integer("created_at_ms").notNull(),
    updatedAtMs: integer("updated_at_ms").notNull(),
    /** null = finished. */
    dueAtMs: integer("due_at_ms"),
  },
  (table) => [
    uniqueIndex("card_actions_id").on(table.owner, table.id),
    index("card_actions_due")
      .on(table.dueAtMs)
      .where(sql`${table.dueAtMs} is not null`),
  ],
);

/** What became of each card of a bulk action. */
export const cardActionResults = sqliteTable(
  "card_action_results",
  {
    action: integer()
      .notNull()
      .references(() => cardActions.number),
    position: integer().notNull(),
    serial: text().notNull(),
    status: text().$type<CardStatus>(),
    code: text().$type<ProblemCode>(),
    detail: text(),
  },
  (table) => [primaryKey({ columns: [table.action, table.position] })],
);
