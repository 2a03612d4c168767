/** D1: what partners' limits count beside the catalogue. Part of `schema.ts`. */
import { index, integer, primaryKey, sqliteTable, text } from "drizzle-orm/sqlite-core";

/** Credit set aside of a partner's limits, one row for every credit id of a card, for ever. */
export const creditReservations = sqliteTable(
  "credit_reservations",
  {
    batch: integer().notNull(),
    card: integer().notNull(),
    id: text().notNull(),
    partner: text().notNull(),
    currency: text().notNull(),
    /** `YYYY-MM-DD` in the partner's calendar. */
    day: text().notNull(),
    amountMicros: integer("amount_micros").notNull(),
    /** Requests under this id that may still reach the card. */
    attempts: integer().notNull(),
    /** By the card's clock; null = nobody knows yet whether the card has it. */
    appliedAtMs: integer("applied_at_ms"),
    reservedAtMs: integer("reserved_at_ms").notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.batch, table.card, table.id] }),
    // Covers the sum of a day.
    index("credit_reservations_day").on(table.partner, table.currency, table.day, table.amountMicros),
    // Covers what is on its way.
    index("credit_reservations_recent").on(table.partner, table.currency, table.reservedAtMs),
  ],
);
