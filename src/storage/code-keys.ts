/** Which code keys batches were issued under, and the recall of what nobody has used under one of them. */
import { and, asc, eq, ne, sql, type SQL } from "drizzle-orm";
import { COPIES_GONE_MS } from "../domain/sweep.ts";
import { auditRow, type AuditEntry } from "./audit.ts";
import type { Database } from "./database.ts";
import { batches, sweeps } from "./schema.ts";
import { SWEEP_AGAIN } from "./sweeps.ts";

export type CodeKeyUse = {
  readonly id: string;
  readonly batches: number;
  readonly cards: number;
  /** Batches whose untouched cards are not recalled. */
  readonly openBatches: number;
};

/** A recalled batch has no card left that could be redeemed first. */
const isOpen = and(eq(batches.untouchedRecalled, false), ne(batches.status, "recalled"));

/** One row a key that any batch records. */
export function readCodeKeyUse(db: Database): Promise<CodeKeyUse[]> {
  return db.read("code keys", (q) =>
    q
      .select({
        id: batches.keyId,
        batches: sql<number>`count(*)`,
        cards: sql<number>`sum(${batches.quantity})`,
        openBatches: sql<number>`sum(${isOpen})`,
      })
      .from(batches)
      .groupBy(batches.keyId),
  );
}

export async function isRecorded(db: Database, keyId: string): Promise<boolean> {
  const rows = await db.read("code key", (q) =>
    q.select({ number: batches.number }).from(batches).where(eq(batches.keyId, keyId)).limit(1),
  );
  return rows.length > 0;
}

/** Numbers of batches under a key whose untouched cards are not recalled yet, oldest first. */
export async function readOpenBatches(db: Database, keyId: string, take: number): Promise<number[]> {
  const rows = await db.read("open batches", (q) =>
    q
      .select({ number: batches.number })
      .from(batches)
      .where(and(eq(batches.keyId, keyId), isOpen))
      .orderBy(asc(batches.number))
      .limit(take),
  );
  return rows.map(({ number }) => number);
}

/**
 * Recalls the untouched cards of those batches, begins their sweeps and writes the row of the trail, in one transaction.
 * Answers the batches it changed: not those that somebody else recalled meanwhile, whose sweeps it merely begins anew.
 */
export async function recallUntouched(
  db: Database,
  { numbers, nowMs }: { readonly numbers: readonly number[]; readonly nowMs: number },
  entry: AuditEntry,
): Promise<number[]> {
  const json = JSON.stringify(numbers);
  const isNamed: SQL = sql`${batches.number} IN (SELECT value FROM json_each(${json}))`;
  const [written] = await db.write("recall untouched", (q) =>
    q.batch([
      q
        .update(batches)
        .set({ untouchedRecalled: true, standingVersion: sql`${batches.standingVersion} + 1` })
        .where(and(isNamed, isOpen))
        .returning({ number: batches.number }),
      auditRow(q, entry),
      // The first slice of a sweep counts its cards.
      q
        .insert(sweeps)
        .select(
          sql`SELECT ${batches.number}, 0, 0, 0, 0, ${nowMs}, ${nowMs}, ${nowMs + COPIES_GONE_MS}, ${nowMs}
            FROM ${batches} WHERE ${isNamed} AND ${batches.untouchedRecalled} = 1`,
        )
        .onConflictDoUpdate({ target: sweeps.batch, set: SWEEP_AGAIN }),
    ]),
  );
  return written.map(({ number }) => number);
}
