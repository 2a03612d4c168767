/** How far the sweeps after recalls have come, and whom they still have to tell, by the projection of touched cards. */
import { and, asc, eq, isNotNull, isNull, lt, notInArray, sql, between, type SQL } from "drizzle-orm";
import type { RecallSpan } from "../domain/standing.ts";
import { COPIES_GONE_MS, type Sweep } from "../domain/sweep.ts";
import type { Database } from "./database.ts";
import { batches, cards, sweeps } from "./schema.ts";

/** Cards in these obey for ever: a recall is final, and so is a closing. */
const TOLD = ["recalled", "closed"];

type Counted = Pick<Sweep, "total" | "done">;

/** Touched cards of the spans, and those that obey, as columns of one row. */
const counted = (batch: SQL | number, spans: readonly RecallSpan[]): SQL => sql`
  SELECT count(*) AS total, coalesce(sum(c.status IN ('recalled', 'closed')), 0) AS done
  FROM json_each(${JSON.stringify(spans.map(({ from, to, unusedOnly }) => [from, to, unusedOnly ? 1 : 0]))}) AS s
    CROSS JOIN cards AS c ON c.batch = ${batch} AND c.card BETWEEN s.value->>0 AND s.value->>1
  WHERE s.value->>2 = 0 OR c.first_used_at_ms IS NULL`;

/** The rows with which a sweep begins anew, for the statement that recalls; nothing unless the batch has that standing by then. */
export const sweepRows = (
  batch: number,
  {
    version,
    spans,
    nowMs,
  }: { readonly version: number; readonly spans: readonly RecallSpan[]; readonly nowMs: number },
): SQL => sql`
  SELECT b.number, n.total, n.done, 0, 0, ${nowMs}, ${nowMs}, ${nowMs + COPIES_GONE_MS}, ${nowMs}
  FROM batches AS b, (${counted(batch, spans)}) AS n WHERE b.number = ${batch} AND b.standing_version = ${version}`;

/** For `ON CONFLICT`: a batch that is swept already begins anew, because its standing has changed. */
export const SWEEP_AGAIN = {
  total: sql`excluded.total`,
  done: sql`excluded.done`,
  afterCard: 0,
  missed: 0,
  roundAtMs: sql`excluded.round_at_ms`,
  dueAtMs: sql`excluded.due_at_ms`,
  untilMs: sql`excluded.until_ms`,
  updatedAtMs: sql`excluded.updated_at_ms`,
};

export async function findSweep(db: Database, batch: number): Promise<Sweep | undefined> {
  const [row] = await db.read("sweep", (q) => q.select().from(sweeps).where(eq(sweeps.batch, batch)));
  return row;
}

/** At the beginning of a round: how many there are now, by the projection. */
export async function countSwept(db: Database, batch: number, spans: readonly RecallSpan[]): Promise<Counted> {
  const [row] = await db.read("sweep count", (q) => q.all<Counted>(counted(batch, spans)));
  return row ?? { total: 0, done: 0 };
}

/** Card numbers of one span that the projection does not know to obey, in order. */
export async function readUntold(
  db: Database,
  batch: number,
  { from, to, unusedOnly }: RecallSpan,
  take: number,
): Promise<number[]> {
  const rows = await db.read("sweep cards", (q) =>
    q
      .select({ card: cards.card })
      .from(cards)
      .where(
        and(
          eq(cards.batch, batch),
          between(cards.card, from, to),
          notInArray(cards.status, TOLD),
          unusedOnly ? isNull(cards.firstUsedAtMs) : undefined,
        ),
      )
      .orderBy(asc(cards.card))
      .limit(take),
  );
  return rows.map(({ card }) => card);
}

/** Writes what a slice did if nobody else has moved the sweep on meanwhile; false when somebody has. */
export async function advanceSweep(db: Database, before: Sweep, after: Sweep): Promise<boolean> {
  const { batch, ...changes } = after;
  const moved = await db.write("sweep", (q) =>
    q
      .update(sweeps)
      .set(changes)
      .where(
        and(
          eq(sweeps.batch, batch),
          eq(sweeps.afterCard, before.afterCard),
          eq(sweeps.roundAtMs, before.roundAtMs),
          eq(sweeps.untilMs, before.untilMs),
          isNotNull(sweeps.dueAtMs),
        ),
      )
      .returning({ batch: sweeps.batch }),
  );
  return moved.length > 0;
}

/** Batches whose sweep has been due since before an instant. */
export async function readDueSweeps(db: Database, beforeMs: number, take: number): Promise<number[]> {
  const rows = await db.read("due sweeps", (q) =>
    q
      .select({ batch: sweeps.batch })
      .from(sweeps)
      .where(lt(sweeps.dueAtMs, beforeMs))
      .orderBy(asc(sweeps.dueAtMs))
      .limit(take),
  );
  return rows.map(({ batch }) => batch);
}

export const ofBatch = eq(sweeps.batch, batches.number);
