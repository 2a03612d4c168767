/**
 * The sweep after a recall: tells the touched cards one by one what each would learn with its next command anyway.
 * Rounds, because a card may be touched, or made by a copy of the terms from before, while one goes on. Pure.
 */
import { SECOND_MS } from "./time.ts";

/** Copies of terms live 300 s in KV and 15 s in an isolate, and the projection is seconds behind: after this, none is left. */
export const COPIES_GONE_MS = 420 * SECOND_MS;
const ROUND_EVERY_MS = 60 * SECOND_MS;
/** Cards that cannot be reached are asked again this often, for a day; their next command tells them all the same. */
const MISSED_EVERY_MS = 300 * SECOND_MS;
const GIVE_UP_MS = 24 * 3600 * SECOND_MS;
/** A slice takes seconds; one that is due for longer was lost. */
export const STALLED_MS = 60 * SECOND_MS;

export type SweepProgress = {
  /** Touched cards that the recall concerns, and those of them known to obey it. */
  readonly total: number;
  readonly done: number;
  readonly updatedAtMs: number;
};

export type Sweep = SweepProgress & {
  readonly batch: number;
  /** The last card told in this round; 0 = the round begins. */
  readonly afterCard: number;
  /** Cards of this round whose objects did not answer. */
  readonly missed: number;
  readonly roundAtMs: number;
  /** When the next slice may run; null = the sweep has ended. */
  readonly dueAtMs: number | null;
  /** No round that began before this is the last. */
  readonly untilMs: number;
};

/** What a slice did: the last card it told, whether there may be more behind it, and how it went. */
export type Slice = {
  readonly lastCard: number;
  readonly hasMore: boolean;
  readonly told: number;
  readonly missed: number;
};

export function afterSlice(sweep: Sweep, slice: Slice, nowMs: number): Sweep {
  const done = Math.min(sweep.total, sweep.done + slice.told);
  const missed = sweep.missed + slice.missed;
  const going = { ...sweep, done, missed, updatedAtMs: nowMs };
  if (slice.hasMore) return { ...going, afterCard: slice.lastCard, dueAtMs: nowMs };
  const isLast = sweep.roundAtMs >= sweep.untilMs && missed === 0;
  if (isLast || sweep.roundAtMs >= sweep.untilMs + GIVE_UP_MS) return { ...going, dueAtMs: null };
  const nextMs = nowMs + (sweep.roundAtMs >= sweep.untilMs ? MISSED_EVERY_MS : ROUND_EVERY_MS);
  return { ...going, afterCard: 0, missed: 0, roundAtMs: nextMs, dueAtMs: nextMs };
}
