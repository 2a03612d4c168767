/**
 * What became of issued batches, summed from D1: the batches themselves, and the projection of their touched cards.
 * Untouched cards have no rows; they are what arithmetic leaves. Sums may pass 2^53, and over many batches even 2^63:
 * SQL adds whole units and the rest apart, and they meet as BigInt. Decides nothing about money.
 */
import { sql, type SQL } from "drizzle-orm";
import { MICROS_PER_UNIT } from "../domain/money.ts";
import { fixedEndMs, type BatchStatus, type CardKind, type CardMode } from "../domain/terms.ts";
import { DAY_MS } from "../domain/time.ts";
import type { Database } from "./database.ts";

/** Sums over touched cards, as the projection names them. */
export const CARD_SUMS = ["available", "held", "spent", "reversed", "expired", "credits", "debt", "shortfall"] as const;
type CardSum = (typeof CARD_SUMS)[number];

export type Figures = {
  readonly partner: string;
  readonly currency: string;
  readonly issuedCards: number;
  readonly issuedMicros: bigint;
  /** Cards nobody has touched, recalled and ended ones too. */
  readonly untouched: number;
  readonly redeemed: number;
  /** Never redeemed, and could still be. */
  readonly unredeemedCards: number;
  readonly unredeemedMicros: bigint;
  readonly sums: Readonly<Record<CardSum, bigint>>;
};

export type BatchFigures = Figures & {
  readonly number: number;
  readonly label: string | null;
  readonly kind: CardKind;
  readonly mode: CardMode;
  readonly status: BatchStatus;
  /** When the newest change of one of its cards arrived; null = none has. */
  readonly asOfMs: number | null;
};

export type ReportFilter = {
  readonly partner: string | null;
  readonly batch: number | null;
  readonly currency: string | null;
};

/** How far the projection has come; null = nothing has arrived yet. */
export type Progress = { readonly asOfMs: number; readonly lagMs: number } | null;

type Window = { readonly after: readonly [number: number] | null; readonly take: number };

/** A page of batches, newest first; with the first page also the totals of the whole filter, live batches only. */
export async function readBatchReport(
  db: Database,
  filter: ReportFilter,
  { after, take }: Window,
  nowMs: number,
): Promise<{ readonly items: BatchFigures[]; readonly totals: Figures[] | null }> {
  const matches = sql.join(
    [
      filter.partner === null ? sql`1` : sql`partner = ${filter.partner}`,
      filter.batch === null ? sql`1` : sql`number = ${filter.batch}`,
      filter.currency === null ? sql`1` : sql`currency = ${filter.currency}`,
    ],
    sql` AND `,
  );
  const beyond = after === null ? sql`` : sql`AND number < ${after[0]}`;
  const page = sql`SELECT * FROM batches WHERE ${matches} ${beyond} ORDER BY number DESC LIMIT ${take}`;
  const live = sql`SELECT * FROM batches WHERE ${matches} AND mode = 'live'`;
  const [items, totals] = await Promise.all([
    db.readNear("report", (q) => q.all<Row>(figures(page, sql`number`, sql`number DESC`, nowMs))),
    after === null
      ? db.readNear("report totals", (q) =>
          q.all<Row>(figures(live, sql`partner, currency, ending`, sql`partner, currency`, nowMs)),
        )
      : null,
  ]);
  return { items: items.map((row) => batchFigures(row, nowMs)), totals: totals && totalsOf(totals, nowMs) };
}

/** A partner's own progress, or the newest of all (null). */
export async function readProgress(db: Database, partner: string | null): Promise<Progress> {
  const [row] = await db.readNear("projection progress", (q) =>
    q.all<{ newest: number | null; projected: number | null }>(
      sql`SELECT max(newest_event_at_ms) AS newest, max(projected_at_ms) AS projected FROM projection_progress
        WHERE ${partner === null ? sql`1` : sql`partner = ${partner}`}`,
    ),
  );
  if (!row || row.newest === null || row.projected === null) return null;
  // A card's clock may run ahead of the machine's.
  return { asOfMs: row.projected, lagMs: Math.max(0, row.projected - row.newest) };
}

/** Time zones and changes of clocks move the end of a day by less than this. */
const ZONE_SLACK_MS = 2 * DAY_MS;
const ENDED = -1;
const NEVER_MS = Number.MAX_SAFE_INTEGER;

/** The same columns for any choice of batches (`listed`) and any grouping of them. */
function figures(listed: SQL, groupBy: SQL, orderBy: SQL, nowMs: number): SQL {
  const isWaiting = sql`(c.first_used_at_ms IS NULL AND c.status NOT IN ('closed', 'recalled')
    AND (c.expires_at_ms IS NULL OR c.expires_at_ms >= ${nowMs}))`;
  const first = sql`min(coalesce(unixepoch(l.expiry_at) * 1000, ${NEVER_MS}),
    coalesce(l.created_at_ms + l.expiry_days_after_issue * ${DAY_MS}, ${NEVER_MS})) + ${DAY_MS}`;
  // The exact end needs the partner's calendar, which SQL does not have: batches near it stay apart, and are few.
  const ending = sql`CASE WHEN ${first} > ${nowMs + ZONE_SLACK_MS} THEN 0
    WHEN ${first} < ${nowMs - ZONE_SLACK_MS} THEN ${sql.raw(String(ENDED))} ELSE l.number END`;
  return sql`
    WITH listed AS (${listed}),
    sums AS (
      SELECT c.batch AS batch, count(*) AS touched, count(c.first_used_at_ms) AS redeemed, sum(${isWaiting}) AS waiting,
        max(c.projected_at_ms) AS as_of, ${list((name) => [part("c.", name, "units"), part("c.", name, "rest")])}
      FROM listed AS l JOIN cards AS c ON c.batch = l.number GROUP BY c.batch),
    ranges AS (
      SELECT l.number AS batch, r.value->>0 AS low, r.value->>1 AS high FROM listed AS l, json_each(l.recalled_ranges) AS r),
    recalled AS (SELECT batch, sum(high - low + 1) AS cards FROM ranges GROUP BY batch),
    recalled_touched AS (
      SELECT c.batch AS batch, count(*) AS touched, sum(${isWaiting}) AS waiting
      FROM ranges AS r JOIN cards AS c ON c.batch = r.batch AND c.card BETWEEN r.low AND r.high GROUP BY c.batch),
    figures AS (
      SELECT l.*, ${ending} AS ending, (l.status <> 'recalled' AND NOT l.untouched_recalled) AS is_open,
        coalesce(s.touched, 0) AS touched, coalesce(s.redeemed, 0) AS redeemed, s.as_of AS as_of,
        l.quantity - coalesce(s.touched, 0) - coalesce(r.cards, 0) + coalesce(t.touched, 0) AS untouched_open,
        coalesce(s.waiting, 0) - coalesce(t.waiting, 0) AS waiting_open,
        ${list((name) => [`coalesce(s.${name}_units, 0) AS ${name}_units`, `coalesce(s.${name}_rest, 0) AS ${name}_rest`])}
      FROM listed AS l LEFT JOIN sums AS s ON s.batch = l.number LEFT JOIN recalled AS r ON r.batch = l.number
        LEFT JOIN recalled_touched AS t ON t.batch = l.number)
    SELECT number, partner, currency, label, kind, mode, status, expiry_at, expiry_days_after_issue, created_at_ms, time_zone,
      ending, max(as_of) AS as_of, sum(quantity) AS issued, sum(quantity - touched) AS untouched, sum(redeemed) AS redeemed,
      sum(is_open * untouched_open) AS untouched_open, sum(is_open * waiting_open) AS waiting_open,
      ${exact("quantity * credit_micros", "issued")}, ${exact("is_open * untouched_open * credit_micros", "untouched_open")},
      ${exact("is_open * waiting_open * credit_micros", "waiting_open")},
      ${list((name) => [`CAST(sum(${name}_units) AS TEXT) AS ${name}_units`, `CAST(sum(${name}_rest) AS TEXT) AS ${name}_rest`])}
    FROM figures GROUP BY ${groupBy} ORDER BY ${orderBy}`;
}

/** Our own column names only. */
const list = (columns: (name: CardSum) => string[]): SQL => sql.raw(CARD_SUMS.flatMap(columns).join(", "));

const part = (table: string, name: CardSum, which: "units" | "rest"): string =>
  `sum(${table}${name}_micros ${which === "units" ? "/" : "%"} ${MICROS_PER_UNIT}) AS ${name}_${which}`;

const exact = (micros: string, name: string): SQL =>
  sql.raw(
    `CAST(sum((${micros}) / ${MICROS_PER_UNIT}) AS TEXT) AS ${name}_units, CAST(sum((${micros}) % ${MICROS_PER_UNIT}) AS TEXT) AS ${name}_rest`,
  );

type Exact = CardSum | "issued" | "untouched_open" | "waiting_open";
type Row = Readonly<Record<`${Exact}_units` | `${Exact}_rest`, string>> & {
  readonly number: number;
  readonly partner: string;
  readonly currency: string;
  readonly label: string | null;
  readonly kind: CardKind;
  readonly mode: CardMode;
  readonly status: BatchStatus;
  readonly expiry_at: string | null;
  readonly expiry_days_after_issue: number | null;
  readonly created_at_ms: number;
  readonly time_zone: string;
  /** 0 = not near its end, ENDED = long past it, else the batch's number. */
  readonly ending: number;
  readonly as_of: number | null;
  readonly issued: number;
  readonly untouched: number;
  readonly redeemed: number;
  readonly untouched_open: number;
  readonly waiting_open: number;
};

const microsOf = (row: Row, name: Exact): bigint =>
  BigInt(row[`${name}_units`]) * BigInt(MICROS_PER_UNIT) + BigInt(row[`${name}_rest`]);

function figuresOf(row: Row, nowMs: number): Figures {
  const isOver = hasEnded(row, nowMs);
  return {
    partner: row.partner,
    currency: row.currency,
    issuedCards: row.issued,
    issuedMicros: microsOf(row, "issued"),
    untouched: row.untouched,
    redeemed: row.redeemed,
    // A touched card waits for its first use with an end of its own.
    unredeemedCards: (isOver ? 0 : row.untouched_open) + row.waiting_open,
    unredeemedMicros: (isOver ? 0n : microsOf(row, "untouched_open")) + microsOf(row, "waiting_open"),
    sums: Object.fromEntries(CARD_SUMS.map((name) => [name, microsOf(row, name)])) as Figures["sums"],
  };
}

function hasEnded(row: Row, nowMs: number): boolean {
  if (row.ending <= 0) return row.ending === ENDED;
  const expiry = { at: row.expiry_at, daysAfterFirstUse: null, daysAfterIssue: row.expiry_days_after_issue };
  const endMs = fixedEndMs({ expiry, timeZone: row.time_zone, createdAtMs: row.created_at_ms });
  return endMs !== null && nowMs > endMs;
}

const batchFigures = (row: Row, nowMs: number): BatchFigures => ({
  ...figuresOf(row, nowMs),
  number: row.number,
  label: row.label,
  kind: row.kind,
  mode: row.mode,
  status: row.status,
  asOfMs: row.as_of,
});

/** The rows of one partner and currency, which come together, as one. */
function totalsOf(rows: readonly Row[], nowMs: number): Figures[] {
  const totals: Figures[] = [];
  for (const row of rows) {
    const next = figuresOf(row, nowMs);
    const last = totals.at(-1);
    const isSame = last?.partner === next.partner && last.currency === next.currency;
    if (isSame && last) totals[totals.length - 1] = added(last, next);
    else totals.push(next);
  }
  return totals;
}

const added = (a: Figures, b: Figures): Figures => ({
  ...a,
  issuedCards: a.issuedCards + b.issuedCards,
  issuedMicros: a.issuedMicros + b.issuedMicros,
  untouched: a.untouched + b.untouched,
  redeemed: a.redeemed + b.redeemed,
  unredeemedCards: a.unredeemedCards + b.unredeemedCards,
  unredeemedMicros: a.unredeemedMicros + b.unredeemedMicros,
  sums: Object.fromEntries(CARD_SUMS.map((name) => [name, a.sums[name] + b.sums[name]])) as Figures["sums"],
});
