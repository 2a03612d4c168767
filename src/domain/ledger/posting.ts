/** The two ways a decision changes a card: with money (a posting says so) and without. Pure. */
import type { Balance } from "../balance.ts";
import type { CardState } from "../card.ts";
import type { Hold } from "../hold.ts";
import type { Applied, Decision, Posting, PostingType } from "./commands.ts";

export const NOTHING_MOVED: Applied = { movedMicros: 0, restMicros: 0, grantedMicros: 0, releasedMicros: 0 };

/** A change of life without money. */
export const change = (state: CardState, nowMs: number, changes: Partial<CardState>): Decision => ({
  state: { ...state, ...changes, version: state.version + 1, clockMs: nowMs },
  postings: [],
  applied: NOTHING_MOVED,
});

type Entry = {
  readonly type: PostingType;
  readonly id: string;
  readonly balance: Balance;
  readonly reason?: string | null;
  readonly shortfallMicros?: number;
  readonly applied?: Partial<Applied>;
  readonly changes?: Partial<CardState>;
  readonly hold?: Hold;
};

/** Moves money: the new balance, and the posting that says so. The amount is the difference it made to available. */
export function post(state: CardState, nowMs: number, entry: Entry): Decision {
  const { type, id, balance, reason = null, shortfallMicros = 0, applied = {}, changes = {}, hold } = entry;
  const seq = state.lastSeq + 1;
  const posting: Posting = {
    seq,
    atMs: nowMs,
    type,
    id,
    amountMicros: balance.available - state.balance.available,
    availableMicros: balance.available,
    heldMicros: balance.held,
    shortfallMicros,
    reason,
  };
  return {
    state: {
      ...state,
      ...changes,
      balance,
      shortfallMicros: state.shortfallMicros + shortfallMicros,
      lastSeq: seq,
      version: state.version + 1,
      clockMs: nowMs,
    },
    postings: [posting],
    applied: { ...NOTHING_MOVED, ...applied },
    ...(hold && { hold }),
  };
}
