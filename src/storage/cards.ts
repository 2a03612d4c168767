/** The projection of touched cards: written from the queue by version, read for search and reports. Seconds behind. */
import { and, asc, eq, gte, lt, sql, type SQL } from "drizzle-orm";
import type { CardEvent } from "../domain/card-calls.ts";
import type { CardStatus } from "../domain/card.ts";
import type { CardRef } from "../domain/serial.ts";
import type { CardKind, CardMode } from "../domain/terms.ts";
import type { Database } from "./database.ts";
import { batches, cards } from "./schema.ts";

/** Upserts whatever is newer than what is there: events may come twice and in any order. Notes how far it has come. */
export async function projectCards(db: Database, events: readonly CardEvent[], nowMs: number): Promise<void> {
  const rows = events.map(({ atMs, state }) => ({ ...state, ...state.balance, atMs }));
  const json = JSON.stringify(rows);
  // One statement and one parameter for the whole batch; `WHERE true` keeps ON CONFLICT from being read as a join.
  await db.write("projection", (q) =>
    q.run(sql`
      INSERT INTO cards (batch, card, version, status, available_micros, held_micros, spent_micros, reversed_micros,
        expired_micros, credits_micros, debt_micros, shortfall_micros, devices, open_holds, first_used_at_ms, expires_at_ms, changed_at_ms, projected_at_ms)
      SELECT value->>'batch', value->>'card', value->>'version', value->>'status', value->>'available', value->>'held',
        value->>'spent', value->>'reversed', value->>'expired', value->>'credits', value->>'debt', value->>'shortfallMicros', value->>'devices',
        value->>'openHolds', value->>'firstUsedAtMs', value->>'expiresAtMs', value->>'atMs', ${nowMs}
      FROM json_each(${json}) WHERE true
      ON CONFLICT (batch, card) DO UPDATE SET version = excluded.version, status = excluded.status,
        available_micros = excluded.available_micros, held_micros = excluded.held_micros, spent_micros = excluded.spent_micros,
        reversed_micros = excluded.reversed_micros, expired_micros = excluded.expired_micros, credits_micros = excluded.credits_micros,
        debt_micros = excluded.debt_micros, shortfall_micros = excluded.shortfall_micros, devices = excluded.devices, open_holds = excluded.open_holds,
        first_used_at_ms = excluded.first_used_at_ms, expires_at_ms = excluded.expires_at_ms,
        changed_at_ms = excluded.changed_at_ms, projected_at_ms = excluded.projected_at_ms
      WHERE excluded.version > cards.version`),
  );
  // A statement of its own, as drizzle's batch takes no plain SQL. Lost between the two, it comes with the retry.
  await db.write("projection progress", (q) =>
    q.run(sql`
      INSERT INTO projection_progress (partner, newest_event_at_ms, projected_at_ms)
      SELECT b.partner, max(e.value->>'atMs'), ${nowMs}
      FROM json_each(${json}) AS e JOIN batches AS b ON b.number = e.value->>'batch' WHERE true GROUP BY b.partner
      ON CONFLICT (partner) DO UPDATE SET newest_event_at_ms = max(newest_event_at_ms, excluded.newest_event_at_ms),
        projected_at_ms = max(projected_at_ms, excluded.projected_at_ms)`),
  );
}

export type ProjectedCard = {
  readonly card: typeof cards.$inferSelect;
  readonly partner: string;
  readonly brand: string;
  readonly profile: string | null;
  readonly currency: string;
  readonly kind: CardKind;
  readonly mode: CardMode;
};

export type CardFilter = {
  readonly partner: string | null;
  readonly batch: number | null;
  readonly status: CardStatus | null;
  /** Serials, inclusive. */
  readonly from?: CardRef | undefined;
  readonly to?: CardRef | undefined;
  /** The card's last change: from an instant, before another. */
  readonly changedFromMs?: number | undefined;
  readonly changedBeforeMs?: number | undefined;
  /** Cards whose codes are sealed under this key. */
  readonly codeKey?: string | undefined;
};

/** Counting reads at most so many rows. */
const COUNTED_ROWS = 10_000;

/** What the table's order or the batches decide. */
const within = ({ partner, batch, from, to, codeKey }: CardFilter): SQL | undefined =>
  and(
    partner === null ? undefined : eq(batches.partner, partner),
    batch === null ? undefined : eq(cards.batch, batch),
    codeKey === undefined ? undefined : eq(batches.keyId, codeKey),
    from && sql`(${cards.batch}, ${cards.card}) >= (${from.batch}, ${from.card})`,
    to && sql`(${cards.batch}, ${cards.card}) <= (${to.batch}, ${to.card})`,
  );

/** What each card decides. */
const selected = ({ status, changedFromMs, changedBeforeMs }: CardFilter, nowMs: number): SQL | undefined =>
  and(
    status === null ? undefined : eq(statusAt(nowMs), status),
    changedFromMs === undefined ? undefined : gte(cards.changedAtMs, changedFromMs),
    changedBeforeMs === undefined ? undefined : lt(cards.changedAtMs, changedBeforeMs),
  );

/** In the order of serials. An expiry that has passed counts although nothing was written when it did. */
export async function listCards(
  db: Database,
  filter: CardFilter,
  window: { readonly after: readonly [batch: number, card: number] | null; readonly take: number },
  nowMs: number,
): Promise<ProjectedCard[]> {
  const [batch, card] = window.after ?? [0, 0];
  return db.readNear("cards", (q) =>
    q
      .select({
        card: cards,
        partner: batches.partner,
        brand: batches.brand,
        profile: batches.profile,
        currency: batches.currency,
        kind: batches.kind,
        mode: batches.mode,
      })
      .from(cards)
      .innerJoin(batches, eq(batches.number, cards.batch))
      .where(and(sql`(${cards.batch}, ${cards.card}) > (${batch}, ${card})`, within(filter), selected(filter, nowMs)))
      .orderBy(asc(cards.batch), asc(cards.card))
      .limit(window.take),
  );
}

/** How many there are in all; null when more rows would have to be read than that is worth. */
export async function countCards(db: Database, filter: CardFilter, nowMs: number): Promise<number | null> {
  const [row] = await db.readNear("card count", (q) =>
    q.all<{ read: number; matching: number }>(sql`
      SELECT count(*) AS read, coalesce(sum(matches), 0) AS matching FROM (
        SELECT ${selected(filter, nowMs) ?? sql`1`} AS matches FROM ${cards}
          JOIN ${batches} ON ${batches.number} = ${cards.batch}
        WHERE ${within(filter) ?? sql`1`} LIMIT ${COUNTED_ROWS + 1})`),
  );
  return row && row.read <= COUNTED_ROWS ? row.matching : null;
}

const statusAt = (nowMs: number) =>
  sql<CardStatus>`CASE WHEN ${cards.status} = 'active' AND ${cards.expiresAtMs} < ${nowMs} THEN 'expired' ELSE ${cards.status} END`;
