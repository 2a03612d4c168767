/** Pausing, resuming and recalling: decided on the standing as it is, written only if it still is. */
import type { Batch } from "../domain/batch.ts";
import { refuse, type Refusal } from "../domain/errors.ts";
import { err, ok, type Result } from "../domain/result.ts";
import { decideStanding, type StandingChange } from "../domain/standing.ts";
import { findBatch, updateStanding, type BatchKey } from "../storage/batches.ts";
import type { Database } from "../storage/database.ts";
import type { Audited } from "./audit.ts";

/**
 * Somebody who recalls the cards of a list one by one, in parallel, must not learn that the others were faster:
 * every round one of them gets through, and the waits, growing and random, keep them apart.
 */
const MAX_TRIES = 40;
const FIRST_WAIT_MS = 10;
const LONGEST_WAIT_MS = 250;

const ACTS = { active: "batch.resume", paused: "batch.pause", recalled: "batch.recall" } as const;

const detailsOf = ({ range }: StandingChange) => (range === null ? {} : { from: range[0], to: range[1] });

type Deps = {
  readonly db: Database;
  /** The new standing must be seen at once, here and in the copies. */
  readonly refreshTerms: (batch: number) => Promise<void>;
  readonly startSweep: (batch: number) => void;
  readonly now: () => number;
};

export async function changeStanding(
  { db, refreshTerms, startSweep, now }: Deps,
  audited: Audited,
  key: BatchKey,
  change: StandingChange,
): Promise<Result<Batch, Refusal>> {
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const found = await findBatch(db, key);
    if (!found) return err(refuse("not_found"));
    const next = decideStanding(found.standing, found.batch.quantity, change);
    if (!next.ok) return next;
    const isSame = next.value === found.standing;
    const recall = change.status === "recalled" ? { atMs: now() } : null;
    const { partner, number } = found.batch;
    const act = { owner: partner, act: ACTS[change.status], object: `batch:${number}`, details: detailsOf(change) };
    const write = () => audited(act, (entry) => updateStanding(db, { ...found, next: next.value, recall }, entry));
    if (!isSame && !(await write())) {
      await scheduler.wait(Math.random() * Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * (tries + 1)));
      continue;
    }
    // A repetition renews the copies too: the first time may have failed between the row and the copies.
    await refreshTerms(key.number);
    if (recall) startSweep(key.number);
    const changed = isSame ? found : await findBatch(db, key);
    return changed ? ok(changed.batch) : err(refuse("not_found"));
  }
  return err(refuse("try_again"));
}
