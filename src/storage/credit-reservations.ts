/**
 * Credit set aside of a partner's limits before a card is asked to take it: one row for a card's credit id, for ever.
 * A row counts on its day from when it was reserved, whatever becomes of the request that made it; a refusal of the card
 * gives it back, unless another request under the same id is still on its way.
 */
import { and, eq, sql, type SQL } from "drizzle-orm";
import type { Database } from "./database.ts";
import { creditedMicros, outstandingMicros } from "./limits.ts";
import { partners } from "./schema.ts";
import { creditReservations } from "./schema-credit.ts";

export type CreditKey = { readonly batch: number; readonly card: number; readonly id: string };

export type CreditOrder = CreditKey & {
  readonly partner: string;
  readonly currency: string;
  /** Today in the partner's calendar. */
  readonly day: string;
  readonly amountMicros: number;
  readonly nowMs: number;
};

const ofKey = ({ batch, card, id }: CreditKey): SQL | undefined =>
  and(eq(creditReservations.batch, batch), eq(creditReservations.card, card), eq(creditReservations.id, id));

/** The partner's time zone, and whether this very credit is on the card already. */
export async function readCreditContext(
  db: Database,
  partner: string,
  key: CreditKey,
): Promise<{ readonly timeZone: string | undefined; readonly isApplied: boolean }> {
  const [[owner], [row]] = await db.read("credit context", (q) =>
    q.batch([
      q.select({ timeZone: partners.timeZone }).from(partners).where(eq(partners.id, partner)),
      q.select({ appliedAtMs: creditReservations.appliedAtMs }).from(creditReservations).where(ofKey(key)),
    ]),
  );
  return { timeZone: owner?.timeZone, isApplied: row !== undefined && row.appliedAtMs !== null };
}

const owner = { partner: sql`l.partner`, currency: sql`l.currency` };

/** Each limit as a condition on `l`; what this id has set aside before is not counted twice. */
function limitsOf({ batch, card, id, day, amountMicros, nowMs }: CreditOrder) {
  const own = (where: SQL) => sql`coalesce((SELECT s.amount_micros FROM credit_reservations AS s
    WHERE s.batch = ${batch} AND s.card = ${card} AND s.id = ${id} AND ${where}), 0)`;
  const amount = sql`CAST(${amountMicros} AS INTEGER)`;
  return {
    perDay: sql`${creditedMicros(owner, day)} - ${own(sql`s.day = ${day}`)} + ${amount} <= l.credit_per_day_micros`,
    // An older one is counted twice here, which errs on the safe side.
    outstanding: sql`${outstandingMicros(owner, nowMs)} - ${own(sql`s.day = ${day}`)} + ${amount} <= l.outstanding_micros`,
    /** The same request again: it was let in when it came first. */
    isRepeat: sql`${own(sql`s.day = ${day}`)} >= ${amount}`,
  };
}

/** False, and nothing written, when a limit forbids it or the credit is on the card already. */
export async function reserveCredit(db: Database, order: CreditOrder): Promise<boolean> {
  const { batch, card, id, partner, currency, day, amountMicros, nowMs } = order;
  const { perDay, outstanding, isRepeat } = limitsOf(order);
  const rows = await db.write("credit reservation", (q) =>
    q
      .insert(creditReservations)
      .select(
        sql`SELECT ${batch}, ${card}, ${id}, l.partner, l.currency, ${day}, CAST(${amountMicros} AS INTEGER), 1, NULL, ${nowMs}
          FROM partner_limits AS l
          WHERE l.partner = ${partner} AND l.currency = ${currency} AND (${isRepeat} OR (${perDay} AND ${outstanding}))`,
      )
      .onConflictDoUpdate({
        target: [creditReservations.batch, creditReservations.card, creditReservations.id],
        set: {
          attempts: sql`${creditReservations.attempts} + 1`,
          day: sql`excluded.day`,
          amountMicros: sql`max(${creditReservations.amountMicros}, excluded.amount_micros)`,
          reservedAtMs: sql`excluded.reserved_at_ms`,
        },
        setWhere: sql`${creditReservations.appliedAtMs} IS NULL`,
      })
      .returning({ id: creditReservations.id }),
  );
  return rows.length > 0;
}

export type CreditLimits = { readonly hasLimits: boolean; readonly perDay: boolean };

/** Which limit forbade a credit just now: for the refusal's wording only. */
export async function readCreditLimits(db: Database, order: CreditOrder): Promise<CreditLimits> {
  const [row] = await db.read("credit limits", (q) =>
    q.all<{ perDay: number }>(
      sql`SELECT ${limitsOf(order).perDay} AS "perDay" FROM partner_limits AS l
        WHERE l.partner = ${order.partner} AND l.currency = ${order.currency}`,
    ),
  );
  return { hasLimits: row !== undefined, perDay: row?.perDay === 1 };
}

/** The card has it, for ever; `atMs` is the card's own clock. Written again when it was given back meanwhile. */
export async function settleCredit(db: Database, order: CreditOrder, atMs: number): Promise<void> {
  const { nowMs, ...row } = order;
  await db.write("credit settlement", (q) =>
    q
      .insert(creditReservations)
      .values({ ...row, attempts: 0, appliedAtMs: atMs, reservedAtMs: nowMs })
      .onConflictDoUpdate({
        target: [creditReservations.batch, creditReservations.card, creditReservations.id],
        set: {
          attempts: sql`${creditReservations.attempts} - 1`,
          amountMicros: order.amountMicros,
          appliedAtMs: atMs,
        },
        setWhere: sql`${creditReservations.appliedAtMs} IS NULL`,
      }),
  );
}

/** The card refused one request; the row goes when no other is on its way. */
export async function releaseCredit(db: Database, key: CreditKey): Promise<void> {
  const isOpen = sql`${creditReservations.appliedAtMs} IS NULL`;
  await db.write("credit release", (q) =>
    q.batch([
      q
        .update(creditReservations)
        .set({ attempts: sql`${creditReservations.attempts} - 1` })
        .where(and(ofKey(key), isOpen)),
      q.delete(creditReservations).where(and(ofKey(key), isOpen, sql`${creditReservations.attempts} <= 0`)),
    ]),
  );
}
