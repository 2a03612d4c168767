/** Bulk actions on cards: the order, how far it is, and a result per card. Written so that any slice may come twice. */
import { and, asc, between, desc, eq, gt, isNotNull, isNull, lt, sql } from "drizzle-orm";
import { fingerprintOf, sizeOf, type BulkAction, type BulkOrder, type BulkResult } from "../domain/bulk-action.ts";
import { auditRow, type AuditEntry } from "./audit.ts";
import type { Database } from "./database.ts";
import { cardActionResults, cardActions } from "./schema.ts";

export type BulkCaller = Pick<BulkAction, "owner" | "partner" | "actor">;
export type StoredBulkAction = BulkAction & { readonly fingerprint: string };

/** The new action, or undefined when this owner has used the id before. */
export async function insertCardAction(
  db: Database,
  order: BulkOrder,
  caller: BulkCaller,
  nowMs: number,
  entry: AuditEntry,
): Promise<StoredBulkAction | undefined> {
  const times = { createdAtMs: nowMs, updatedAtMs: nowMs, dueAtMs: nowMs };
  const row = { ...order, ...caller, ...times, fingerprint: fingerprintOf(order), total: sizeOf(order.targets) };
  const [made] = await db.write("card action", (q) =>
    q.batch([q.insert(cardActions).values(row).onConflictDoNothing().returning(), auditRow(q, entry)]),
  );
  return made[0];
}

export async function findCardAction(
  db: Database,
  { owner, id }: { readonly owner: string; readonly id: string },
): Promise<StoredBulkAction | undefined> {
  const [row] = await db.read("card action", (q) =>
    q
      .select()
      .from(cardActions)
      .where(and(eq(cardActions.owner, owner), eq(cardActions.id, id))),
  );
  return row;
}

export async function readCardAction(db: Database, number: number): Promise<StoredBulkAction | undefined> {
  const [row] = await db.read("card action", (q) => q.select().from(cardActions).where(eq(cardActions.number, number)));
  return row;
}

/** An owner's, newest first. */
export async function listCardActions(
  db: Database,
  owner: string,
  { after, take }: { readonly after: readonly [number: number] | null; readonly take: number },
): Promise<StoredBulkAction[]> {
  return db.readNear("card actions", (q) =>
    q
      .select()
      .from(cardActions)
      .where(and(eq(cardActions.owner, owner), after ? lt(cardActions.number, after[0]) : undefined))
      .orderBy(desc(cardActions.number))
      .limit(take),
  );
}

export type ResultFilter = { readonly action: number; readonly outcome?: "done" | "failed" | undefined };

/** In the order of the cards. */
export async function listResults(
  db: Database,
  { action, outcome }: ResultFilter,
  { after, take }: { readonly after: readonly [position: number] | null; readonly take: number },
): Promise<BulkResult[]> {
  const { code, position } = cardActionResults;
  const wanted = outcome && (outcome === "done" ? isNull(code) : isNotNull(code));
  return db.read("card action results", (q) =>
    q
      .select()
      .from(cardActionResults)
      .where(and(eq(cardActionResults.action, action), wanted, after ? gt(position, after[0]) : undefined))
      .orderBy(asc(position))
      .limit(take),
  );
}

/** Positions of a slice whose cards are settled already. */
export async function readSettled(db: Database, action: number, from: number, end: number): Promise<Set<number>> {
  const rows = await db.read("card action slice", (q) =>
    q
      .select({ position: cardActionResults.position })
      .from(cardActionResults)
      .where(and(eq(cardActionResults.action, action), between(cardActionResults.position, from, end - 1))),
  );
  return new Set(rows.map(({ position }) => position));
}

type Progress = Pick<BulkAction, "position" | "attempts" | "dueAtMs" | "updatedAtMs">;

/**
 * The results of a slice and the new place, in one transaction; the counts are those of the results, so a slice that
 * comes twice counts once. False when somebody else has moved the action on meanwhile.
 */
export async function saveSlice(
  db: Database,
  before: BulkAction,
  results: readonly BulkResult[],
  progress: Progress,
): Promise<boolean> {
  const rows = sql`SELECT ${before.number}, value->>'position', value->>'serial', value->>'status', value->>'code', value->>'detail'
    FROM json_each(${JSON.stringify(results)}) WHERE true`;
  const counted = (condition: "IS NULL" | "IS NOT NULL") =>
    sql`(SELECT count(*) FROM card_action_results AS r WHERE r.action = ${before.number} AND r.code ${sql.raw(condition)})`;
  const [, , moved] = await db.write("card action slice", (q) =>
    q.batch([
      q.insert(cardActionResults).select(rows).onConflictDoNothing(),
      q
        .update(cardActions)
        .set({ done: counted("IS NULL"), failed: counted("IS NOT NULL") })
        .where(eq(cardActions.number, before.number)),
      q
        .update(cardActions)
        .set(progress)
        .where(
          and(
            eq(cardActions.number, before.number),
            eq(cardActions.position, before.position),
            eq(cardActions.attempts, before.attempts),
            isNotNull(cardActions.dueAtMs),
          ),
        )
        .returning({ number: cardActions.number }),
    ]),
  );
  return moved.length > 0;
}

/** Actions that have been due since before an instant. */
export async function readDueActions(db: Database, beforeMs: number, take: number): Promise<number[]> {
  const rows = await db.read("due card actions", (q) =>
    q
      .select({ number: cardActions.number })
      .from(cardActions)
      .where(lt(cardActions.dueAtMs, beforeMs))
      .orderBy(asc(cardActions.dueAtMs))
      .limit(take),
  );
  return rows.map(({ number }) => number);
}
