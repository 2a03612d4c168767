/**
 * Replays a card's postings from the first and says what they prove. Pure; takes them page by page, so a long book needs
 * no memory. The books themselves are decided in `decide.ts`; nothing here shares code with it, or both would err alike.
 *
 * Postings tell exactly: their number, available, held, breakage, uncollected use. What came in and what went out they tell
 * exactly until the first reversal; from then on debt may be paid silently out of what is freed, and they give bounds.
 */
import type { Balance } from "../balance.ts";
import { unreachable } from "../assert.ts";
import type { Posting } from "./commands.ts";

export type ReplayedPosting = Pick<
  Posting,
  "seq" | "atMs" | "type" | "amountMicros" | "availableMicros" | "heldMicros" | "shortfallMicros"
>;

/** What the postings so far add up to. */
export type Replay = {
  readonly seq: number;
  readonly atMs: number;
  readonly available: number;
  readonly held: number;
  readonly expired: number;
  readonly shortfall: number;
  /** The face value as it was credited; null = it was not, or another card's balance came instead. */
  readonly face: number | null;
  /** Entered by first, credit and transfer: credits but for what paid debt. */
  readonly entered: number;
  /** Charged by debits and holds, and what freed credit paid of debt. */
  readonly charged: number;
  readonly transferredOut: number;
  readonly hasReversal: boolean;
  /** What is wrong, in the order it was found, at most MAX_FINDINGS. */
  readonly findings: readonly string[];
};

export const MAX_FINDINGS = 10;

export const emptyReplay: Replay = {
  seq: 0,
  atMs: 0,
  available: 0,
  held: 0,
  expired: 0,
  shortfall: 0,
  face: null,
  entered: 0,
  charged: 0,
  transferredOut: 0,
  hasReversal: false,
  findings: [],
};

export const replay = (from: Replay, postings: readonly ReplayedPosting[]): Replay => postings.reduce(step, from);

function step(before: Replay, posting: ReplayedPosting): Replay {
  const { seq, type, amountMicros, availableMicros, heldMicros, shortfallMicros, atMs } = posting;
  const heldBy = heldMicros - before.held;
  const wrong = [
    seq !== before.seq + 1 && `posting ${before.seq + 1} is missing before ${seq}`,
    atMs < before.atMs && `posting ${seq} is older than the one before it`,
    availableMicros !== before.available + amountMicros &&
      `posting ${seq} (${type}) of ${signed(amountMicros)} on ${before.available} leaves ${availableMicros} available`,
    !isPossible(before, posting, heldBy) &&
      `posting ${seq} cannot be a ${type}: available ${signed(amountMicros)}, held ${signed(heldBy)}`,
    shortfallMicros < 0 && `posting ${seq} has a negative shortfall`,
  ].filter((finding) => finding !== false);
  // Goes on from what the posting says: one wrong row is found once and not in every row after it.
  return {
    ...before,
    ...flows(before, posting, heldBy),
    seq,
    atMs,
    available: availableMicros,
    held: heldMicros,
    shortfall: before.shortfall + shortfallMicros,
    findings: wrong.length === 0 ? before.findings : [...before.findings, ...wrong].slice(0, MAX_FINDINGS),
  };
}

const signed = (micros: number): string => (micros > 0 ? `+${micros}` : String(micros));

/** Whether a posting of this type can have had this effect on available and held. */
function isPossible(before: Replay, { type, amountMicros, availableMicros }: ReplayedPosting, heldBy: number): boolean {
  // What left the two together was charged or paid debt.
  const left = -(amountMicros + heldBy);
  switch (type) {
    case "first":
      return before.seq === 0 && heldBy === 0 && amountMicros > 0;
    case "transfer_in":
      return before.seq === 0 && heldBy === 0 && amountMicros >= 0;
    case "credit":
      return heldBy === 0 && amountMicros >= 0;
    case "debit":
    case "late":
    case "transfer_out":
      return heldBy === 0 && amountMicros <= 0;
    case "hold":
      return left === 0 && heldBy >= 0;
    case "extend":
    case "commit":
      return left >= 0;
    case "release":
    case "hold_expired":
      return left >= 0 && heldBy <= 0 && amountMicros >= 0;
    case "reversal":
      return heldBy === 0;
    case "card_expired":
      return heldBy === 0 && availableMicros === 0;
    case "revive":
      return heldBy === 0 && amountMicros >= 0 && amountMicros <= before.expired;
    default:
      return unreachable(type);
  }
}

type Flows = Pick<Replay, "face" | "entered" | "charged" | "expired" | "transferredOut" | "hasReversal">;

/** Where the money came from or went. */
function flows(before: Replay, { type, amountMicros }: ReplayedPosting, heldBy: number): Partial<Flows> {
  switch (type) {
    case "first":
      return { face: amountMicros, entered: before.entered + amountMicros };
    case "credit":
    case "transfer_in":
      return { entered: before.entered + amountMicros };
    case "transfer_out":
      return { transferredOut: before.transferredOut - amountMicros };
    case "reversal":
      return { hasReversal: true };
    case "card_expired":
      return { expired: before.expired - amountMicros };
    case "revive":
      // What it did not make available paid debt.
      return { expired: 0, charged: before.charged + before.expired - amountMicros };
    case "debit":
    case "late":
    case "hold":
    case "extend":
    case "commit":
    case "release":
    case "hold_expired":
      return { charged: before.charged - amountMicros - heldBy };
    default:
      return unreachable(type);
  }
}

/** The books as they are stored beside the postings. */
export type StoredBooks = {
  readonly balance: Balance;
  readonly shortfallMicros: number;
  readonly lastSeq: number;
  readonly faceValueMicros: number;
};

/** What the stored books say otherwise than the replayed postings; empty = proven as far as postings tell. */
export function compareBooks(replayed: Replay, stored: StoredBooks): string[] {
  const { balance, shortfallMicros, lastSeq, faceValueMicros } = stored;
  const exact = [
    ...differs("the last posting's number", lastSeq, replayed.seq),
    ...differs("available", balance.available, replayed.available),
    ...differs("held", balance.held, replayed.held),
    ...differs("expired", balance.expired, replayed.expired),
    ...differs("shortfall", shortfallMicros, replayed.shortfall),
    ...(replayed.face === null ? [] : differs("the face value", faceValueMicros, replayed.face)),
  ];
  if (replayed.hasReversal) {
    const isWithin = balance.credits >= replayed.entered && balance.reversed >= replayed.transferredOut;
    return isWithin ? exact : [...exact, "less credited or reversed than the postings say"];
  }
  return [
    ...exact,
    ...differs("credits", balance.credits, replayed.entered),
    ...differs("spent", balance.spent, replayed.charged),
    ...differs("reversed", balance.reversed, replayed.transferredOut),
    ...differs("debt", balance.debt, 0),
  ];
}

const differs = (what: string, stored: number, found: number): string[] =>
  stored === found ? [] : [`${what} is ${stored}, the postings say ${found}`];
