/** A code key that may be known to others: every card under it that nobody has touched is recalled, some batches a call. */
import { OPERATOR } from "../domain/audit.ts";
import { refuse, type Refusal } from "../domain/errors.ts";
import { err, ok, type Result } from "../domain/result.ts";
import { isRecorded, readOpenBatches, recallUntouched } from "../storage/code-keys.ts";
import type { Database } from "../storage/database.ts";
import type { Audited } from "./audit.ts";

export const BATCHES_A_CALL = 50;

type Deps = {
  readonly db: Database;
  readonly liveKeys: readonly string[];
  readonly refreshTerms: (batch: number) => Promise<void>;
  readonly startSweep: (batch: number) => void;
  readonly now: () => number;
};

/** `batches`: those recalled by this very call; `done`: none is left. Where it stands is in D1, so a lost answer costs nothing. */
export async function compromiseCodeKey(
  { db, liveKeys, refreshTerms, startSweep, now }: Deps,
  audited: Audited,
  { key, reason }: { readonly key: string; readonly reason: string },
): Promise<Result<{ readonly batches: number; readonly done: boolean }, Refusal>> {
  if (!liveKeys.includes(key) && !(await isRecorded(db, key))) return err(refuse("not_found"));
  const open = await readOpenBatches(db, key, BATCHES_A_CALL + 1);
  const numbers = open.slice(0, BATCHES_A_CALL);
  if (numbers.length === 0) return ok({ batches: 0, done: true });
  const details = { batches: numbers };
  const act = { owner: OPERATOR, act: "code_key.compromise", object: `code-key:${key}`, details, reason } as const;
  const recalled = await audited(act, (entry) => recallUntouched(db, { numbers, nowMs: now() }, entry));
  // A copy that could not be renewed ends by itself within five minutes, and its cards are swept after that.
  await Promise.allSettled(numbers.map((number) => refreshTerms(number)));
  for (const number of recalled) startSweep(number);
  return ok({ batches: recalled.length, done: open.length <= BATCHES_A_CALL });
}
