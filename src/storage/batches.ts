/**
 * Batches in D1. Issuing is one INSERT whose WHERE holds every rule that another request could break meanwhile,
 * so nothing is written beyond a limit whatever runs in parallel, and the work is the same for one card and a million.
 */
import { and, desc, eq, gte, lt, sql, type SQL } from "drizzle-orm";
import { fingerprintOf, type Batch, type BatchOrder } from "../domain/batch.ts";
import { KEYPAD_MAX_LIVE_CARDS } from "../domain/code/odds.ts";
import { MAX_NUMBERS } from "../domain/code/seal.ts";
import { recallSpans } from "../domain/standing.ts";
import type { SweepProgress } from "../domain/sweep.ts";
import type { BatchTerms, Standing } from "../domain/terms.ts";
import { auditRow, type AuditEntry } from "./audit.ts";
import type { Database } from "./database.ts";
import { outstandingMicros } from "./limits.ts";
import { batches, brands, partners, profiles, sweeps } from "./schema.ts";
import { ofBatch, SWEEP_AGAIN, sweepRows } from "./sweeps.ts";
import { batchTermsOf, standingOf } from "./terms.ts";

export type IssueKey = { readonly owner: string; readonly idempotencyKey: string };
export type Issue = IssueKey & { readonly order: BatchOrder; readonly keyId: string; readonly atMs: number };

type BatchRow = typeof batches.$inferSelect;
type StoredBatch = Batch & { readonly fingerprint: string };

const batchOf = (row: BatchRow, sweep: SweepProgress | null = null): StoredBatch => ({
  ...batchTermsOf(row),
  bonus: row.bonus,
  label: row.label,
  status: row.status,
  liveCardsAtIssue: row.liveCardsAtIssue,
  sweep,
  fingerprint: row.fingerprint,
});

/** What issuing depends on, read in one round trip before it: who, what exists, and whether it was issued already. */
export async function readIssueContext(db: Database, { owner, idempotencyKey }: IssueKey, order: BatchOrder) {
  const { partner, brand, profile } = order;
  const [[existing], [owned], [ownBrand], [ownProfile]] = await db.read("issue context", (q) =>
    q.batch([
      q
        .select()
        .from(batches)
        .where(and(eq(batches.owner, owner), eq(batches.idempotencyKey, idempotencyKey))),
      q.select().from(partners).where(eq(partners.id, partner)),
      q
        .select({ id: brands.id })
        .from(brands)
        .where(and(eq(brands.id, brand), eq(brands.partner, partner))),
      q
        .select({ id: profiles.id })
        .from(profiles)
        .where(and(eq(profiles.partner, partner), eq(profiles.id, profile ?? ""))),
    ]),
  );
  return {
    existing: existing && batchOf(existing),
    partner: owned,
    hasBrand: ownBrand !== undefined,
    hasProfile: profile === null || ownProfile !== undefined,
  };
}

/** Cards that a guess of this format could hit, all partners together. */
const liveCards = (format: string): SQL =>
  sql`(SELECT coalesce(sum(l.quantity), 0) FROM batches AS l WHERE l.format = ${format} AND l.status <> 'recalled')`;

const integer = (value: number): SQL => sql`CAST(${value} AS INTEGER)`;

const LIMITED = { partner: sql`p.id`, currency: sql`l.currency` };

/** Each limit as a condition that holds when the order fits; `p` is the partner's row, `l` its limits in the currency. */
function limitsOf({ quantity, creditMicros, mode, format }: BatchOrder, nowMs: number) {
  const issued = integer(quantity * creditMicros);
  return {
    faceValue: sql`${integer(creditMicros)} <= l.max_face_value_micros`,
    outstanding:
      mode === "test" ? sql`1` : sql`${outstandingMicros(LIMITED, nowMs)} + ${issued} <= l.outstanding_micros`,
    odds:
      format === "keypad18"
        ? sql`${liveCards(format)} + ${integer(quantity)} <= ${integer(KEYPAD_MAX_LIVE_CARDS)}`
        : sql`1`,
    numbers: sql`(SELECT coalesce(max(n.number), 0) FROM batches AS n) < ${integer(MAX_NUMBERS[format].batch)}`,
  };
}

/** The batch, or undefined when the key was used before or a rule forbids it; then nothing was written. */
export async function insertBatch(
  db: Database,
  { owner, idempotencyKey, order, keyId, atMs }: Issue,
  entry: AuditEntry,
): Promise<Batch | undefined> {
  const { faceValue, outstanding: fits, odds, numbers } = limitsOf(order, atMs);
  const { expiry, bonus, profile, quantity, format } = order;
  // Every column of the table in its order; NULL lets SQLite number the batch.
  const values = sql`SELECT NULL, ${owner}, ${idempotencyKey}, ${fingerprintOf(order)}, p.id, b.id, ${profile},
      ${order.kind}, ${order.mode}, ${integer(quantity)}, ${format}, ${keyId}, ${integer(order.creditMicros)},
      l.currency, ${expiry.at}, ${expiry.daysAfterFirstUse}, ${expiry.daysAfterIssue}, p.time_zone,
      ${order.maxDevices}, ${order.activation}, ${order.onExpiredTopUp}, ${order.graceDays},
      ${bonus && JSON.stringify(bonus)}, ${order.label}, ${integer(atMs)}, ${liveCards(format)} + ${integer(quantity)},
      1, 'active', 0, '[]'
    FROM partners AS p
      JOIN brands AS b ON b.id = ${order.brand} AND b.partner = p.id
      JOIN partner_limits AS l ON l.partner = p.id AND l.currency = ${order.currency}
    WHERE p.id = ${order.partner} AND p.status = 'active' AND ${faceValue} AND ${fits} AND ${odds} AND ${numbers}
      AND (${profile} IS NULL OR EXISTS (SELECT 1 FROM profiles AS f WHERE f.partner = p.id AND f.id = ${profile}))`;
  // Its number is known to the database only.
  const object = sql`'batch:' || (SELECT i.number FROM batches AS i
    WHERE i.owner = ${owner} AND i.idempotency_key = ${idempotencyKey})`;
  const [[row]] = await db.write("issue", (q) =>
    q.batch([q.insert(batches).select(values).onConflictDoNothing().returning(), auditRow(q, { ...entry, object })]),
  );
  return row && batchOf(row);
}

export type IssueLimits = { readonly [K in "hasLimits" | "faceValue" | "outstanding" | "odds" | "numbers"]: boolean };

/** Which rule forbade an order just now: for the refusal's wording only, the INSERT has decided. */
export async function readIssueLimits(db: Database, order: BatchOrder, nowMs: number): Promise<IssueLimits> {
  const { faceValue, outstanding: fits, odds, numbers } = limitsOf(order, nowMs);
  const [row] = await db.read("issue limits", (q) =>
    q.all<Record<keyof IssueLimits, number | null>>(
      sql`SELECT l.currency IS NOT NULL AS "hasLimits", ${faceValue} AS "faceValue", ${fits} AS "outstanding",
          ${odds} AS "odds", ${numbers} AS "numbers"
        FROM partners AS p LEFT JOIN partner_limits AS l ON l.partner = p.id AND l.currency = ${order.currency}
        WHERE p.id = ${order.partner}`,
    ),
  );
  const holds = (name: keyof IssueLimits) => row?.[name] === 1;
  return {
    hasLimits: holds("hasLimits"),
    faceValue: holds("faceValue"),
    outstanding: holds("outstanding"),
    odds: holds("odds"),
    numbers: holds("numbers"),
  };
}

export type BatchKey = { readonly number: number; readonly scope: string | null };

const owned = ({ number, scope }: BatchKey): SQL | undefined =>
  and(eq(batches.number, number), scope === null ? undefined : eq(batches.partner, scope));

/** Undefined when there is no such batch in the scope: a partner's own, or every partner's (null). */
export async function findBatch(
  db: Database,
  key: BatchKey,
): Promise<{ readonly batch: Batch; readonly standing: Standing } | undefined> {
  const [row] = await db.read("batch", (q) =>
    q.select({ batch: batches, sweep: sweeps }).from(batches).leftJoin(sweeps, ofBatch).where(owned(key)),
  );
  return row && { batch: batchOf(row.batch, row.sweep), standing: standingOf(row.batch) };
}

type StandingWrite = {
  readonly batch: BatchTerms;
  readonly next: Standing;
  /** null = no card is recalled by it. */
  readonly recall: { readonly atMs: number } | null;
};

/**
 * Writes the next standing if the version is still the one it was decided on; false when it is not.
 * A recall begins its sweep in the same transaction: whatever the number of cards, two rows are written, and the one of the trail.
 */
export async function updateStanding(
  db: Database,
  { batch: { number, quantity }, next, recall }: StandingWrite,
  entry: AuditEntry,
): Promise<boolean> {
  const spans = recallSpans(next, quantity);
  const [written] = await db.write("standing", (q) =>
    q.batch([
      q
        .update(batches)
        .set({
          status: next.status,
          standingVersion: next.version,
          untouchedRecalled: next.untouchedRecalled,
          recalledRanges: next.recalledRanges.map(([from, to]) => [from, to]),
        })
        .where(and(eq(batches.number, number), eq(batches.standingVersion, next.version - 1)))
        .returning({ number: batches.number }),
      auditRow(q, entry),
      ...(recall
        ? [
            q
              .insert(sweeps)
              .select(sweepRows(number, { version: next.version, spans, nowMs: recall.atMs }))
              .onConflictDoUpdate({ target: sweeps.batch, set: SWEEP_AGAIN }),
          ]
        : []),
    ]),
  );
  return written.length > 0;
}

export type BatchFilter = {
  readonly partner: string | null;
  readonly status?: Batch["status"] | undefined;
  readonly brand?: string | undefined;
  readonly kind?: Batch["kind"] | undefined;
  readonly mode?: Batch["mode"] | undefined;
  readonly currency?: string | undefined;
  /** Part of the label; capitals of A to Z make no difference. */
  readonly label?: string | undefined;
  readonly createdFromMs?: number | undefined;
  readonly createdBeforeMs?: number | undefined;
};

const is = <T>(value: T | undefined, condition: (value: T) => SQL): SQL | undefined =>
  value === undefined ? undefined : condition(value);

const matching = (filter: BatchFilter): SQL | undefined =>
  and(
    filter.partner === null ? undefined : eq(batches.partner, filter.partner),
    is(filter.status, (status) => eq(batches.status, status)),
    is(filter.brand, (brand) => eq(batches.brand, brand)),
    is(filter.kind, (kind) => eq(batches.kind, kind)),
    is(filter.mode, (mode) => eq(batches.mode, mode)),
    is(filter.currency, (currency) => eq(batches.currency, currency)),
    is(filter.label, (label) => sql`instr(lower(${batches.label}), lower(${label})) > 0`),
    is(filter.createdFromMs, (fromMs) => gte(batches.createdAtMs, fromMs)),
    is(filter.createdBeforeMs, (beforeMs) => lt(batches.createdAtMs, beforeMs)),
  );

/** Newest first, those before `after`. */
export async function listBatches(
  db: Database,
  filter: BatchFilter,
  { after, take }: { readonly after: readonly [number: number] | null; readonly take: number },
): Promise<Batch[]> {
  const rows = await db.readNear("batches", (q) =>
    q
      .select({ batch: batches, sweep: sweeps })
      .from(batches)
      .leftJoin(sweeps, ofBatch)
      .where(and(matching(filter), after ? lt(batches.number, after[0]) : undefined))
      .orderBy(desc(batches.number))
      .limit(take),
  );
  return rows.map((row) => batchOf(row.batch, row.sweep));
}

/** How many match in all. One row a batch, so counting them is cheap beside what they stand for. */
export async function countBatches(db: Database, filter: BatchFilter): Promise<number> {
  const [row] = await db.readNear("batch count", (q) =>
    q
      .select({ count: sql<number>`count(*)` })
      .from(batches)
      .where(matching(filter)),
  );
  return row?.count ?? 0;
}
