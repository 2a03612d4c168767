/**
 * What a partner has used of its limits, as SQL that the writing statements ask in their own WHERE: nothing passes a
 * limit whatever runs in parallel. Sums come from the projection and from reservations of credit; what either does not
 * know yet counts as still owed, so every error is on the safe side. Test cards owe nothing.
 */
import { sql, type SQL } from "drizzle-orm";
import { DAY_MS } from "../domain/time.ts";
import type { Database } from "./database.ts";

/** Time zones and changes of clocks move the end of a day by less than this. */
const ZONE_SLACK_MS = 3 * DAY_MS;
const NEVER_MS = Number.MAX_SAFE_INTEGER;
/** A reservation whose credit was never heard of is given up after this: the card was never called. */
const PENDING_MS = 2 * DAY_MS;

type Owner = { readonly partner: SQL; readonly currency: SQL };

/**
 * What the partner owes its holders in a currency, in micros: the face value of cards that can still be redeemed, what
 * redeemed cards got and have neither spent nor lost, and credit on its way that the projection does not show yet.
 */
export const outstandingMicros = ({ partner, currency }: Owner, nowMs: number): SQL => sql`(
  SELECT coalesce(sum(b.face * b.waiting + b.owed), 0) FROM (
    SELECT o.credit_micros AS face,
      CASE WHEN o.status = 'recalled' OR o.untouched_recalled OR ${endMs} < ${nowMs - ZONE_SLACK_MS} THEN 0
        ELSE o.quantity - coalesce(sum(${isOver}), 0) - ${recalledWaiting} END AS waiting,
      coalesce(sum(t.credits_micros - t.spent_micros - t.expired_micros - t.reversed_micros), 0) AS owed
    FROM batches AS o LEFT JOIN cards AS t ON t.batch = o.number
    WHERE o.partner = ${partner} AND o.currency = ${currency} AND o.mode = 'live' GROUP BY o.number) AS b
  ) + (
  SELECT coalesce(sum(r.amount_micros), 0)
  FROM credit_reservations AS r LEFT JOIN cards AS t ON t.batch = r.batch AND t.card = r.card
  WHERE r.partner = ${partner} AND r.currency = ${currency} AND r.reserved_at_ms > ${nowMs - PENDING_MS}
    AND (r.applied_at_ms IS NULL OR t.changed_at_ms IS NULL OR t.changed_at_ms <= r.applied_at_ms))`;

/** A touched card that can no longer be given its face value: it was, or it never will be. */
const isOver = sql`(t.first_used_at_ms IS NOT NULL OR t.status IN ('closed', 'recalled'))`;

/** Cards of recalled ranges that were not redeemed before. */
const recalledWaiting = sql`(SELECT coalesce(sum(g.value->>1 - g.value->>0 + 1
    - (SELECT count(*) FROM cards AS t WHERE t.batch = o.number AND t.card BETWEEN g.value->>0 AND g.value->>1 AND ${isOver})), 0)
  FROM json_each(o.recalled_ranges) AS g)`;

const endMs = sql`min(coalesce(unixepoch(o.expiry_at) * 1000, ${NEVER_MS}),
  coalesce(o.created_at_ms + o.expiry_days_after_issue * ${DAY_MS}, ${NEVER_MS}))`;

/** Credit given or on its way on a day of the partner's calendar, in micros. */
export const creditedMicros = ({ partner, currency }: Owner, day: string): SQL => sql`(
  SELECT coalesce(sum(r.amount_micros), 0) FROM credit_reservations AS r
  WHERE r.partner = ${partner} AND r.currency = ${currency} AND r.day = ${day})`;

/** Of one partner and currency; sums may pass 2^53. */
export type Usage = {
  readonly currency: string;
  readonly outstandingMicros: bigint;
  readonly creditedMicros: bigint;
};

/** In every currency the partner has limits in. `day` is today in its calendar. */
export async function readUsage(
  db: Database,
  partner: string,
  { day, nowMs }: { readonly day: string; readonly nowMs: number },
): Promise<Usage[]> {
  const owner = { partner: sql`l.partner`, currency: sql`l.currency` };
  const rows = await db.read("usage", (q) =>
    q.all<{ currency: string; outstanding: string; credited: string }>(
      sql`SELECT l.currency AS "currency", CAST(${outstandingMicros(owner, nowMs)} AS TEXT) AS "outstanding",
          CAST(${creditedMicros(owner, day)} AS TEXT) AS "credited"
        FROM partner_limits AS l WHERE l.partner = ${partner} ORDER BY l.currency`,
    ),
  );
  return rows.map(({ currency, outstanding, credited }) => ({
    currency,
    outstandingMicros: BigInt(outstanding),
    creditedMicros: BigInt(credited),
  }));
}
