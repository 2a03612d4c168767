/** One act for many cards: what was ordered, how far it is, and what became of each card. Pure. */
import type { CardAction } from "./card-calls.ts";
import type { CardStatus } from "./card.ts";
import type { ProblemCode } from "./errors.ts";
import { formatSerial, parseSerial } from "./serial.ts";
import { SECOND_MS } from "./time.ts";

export const MAX_LISTED_SERIALS = 1000;
export const MAX_RANGE_CARDS = 10_000;

/** Which cards: a list, or all between two of one batch, inclusive. Positions count from 0. */
export type Targets =
  | { readonly serials: readonly string[] }
  | { readonly batch: number; readonly from: number; readonly to: number };

export type BulkOrder = {
  /** The caller's. */
  readonly id: string;
  readonly action: CardAction;
  readonly reason: string;
  readonly targets: Targets;
  readonly dryRun: boolean;
};

export type BulkAction = BulkOrder & {
  readonly number: number;
  readonly owner: string;
  /** Whose cards it may touch; null = an operator's, all. */
  readonly partner: string | null;
  /** The key that ordered it. */
  readonly actor: string;
  readonly total: number;
  readonly done: number;
  readonly failed: number;
  /** The first card that is not settled yet. */
  readonly position: number;
  /** How often the cards from there on could not be reached. */
  readonly attempts: number;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
  /** When the next slice may run; null = finished. */
  readonly dueAtMs: number | null;
};

/** What became of one card, or in a dry run would; `code` null = it was done. */
export type BulkResult = {
  readonly position: number;
  readonly serial: string;
  /** Of the card afterwards. */
  readonly status: CardStatus | null;
  readonly code: ProblemCode | null;
  readonly detail: string | null;
};

export const sizeOf = (targets: Targets): number =>
  "serials" in targets ? targets.serials.length : targets.to - targets.from + 1;

export const serialAt = (targets: Targets, position: number): string =>
  "serials" in targets
    ? (targets.serials[position] ?? "")
    : formatSerial({ batch: targets.batch, card: targets.from + position });

export const cardAt = (targets: Targets, position: number) => parseSerial(serialAt(targets, position));

export type BulkStatus = "queued" | "running" | "finished";

export const bulkStatus = ({ dueAtMs, done, failed, position }: BulkAction): BulkStatus => {
  if (dueAtMs === null) return "finished";
  return done + failed + position === 0 ? "queued" : "running";
};

/** Equal orders have equal fingerprints, however they were spelled. */
export const fingerprintOf = ({ action, reason, targets, dryRun }: BulkOrder): string =>
  JSON.stringify([Object.entries(action).toSorted(byName), reason, Object.entries(targets).toSorted(byName), dryRun]);

const byName = ([a]: [string, unknown], [b]: [string, unknown]): number => (a < b ? -1 : 1);

/** A card that does not answer is tried so often, then counts as failed: its own code says that it may be tried again. */
const MOST_ATTEMPTS = 6;
const FIRST_WAIT_MS = 5 * SECOND_MS;

export const givesUp = ({ attempts }: Pick<BulkAction, "attempts">): boolean => attempts + 1 >= MOST_ATTEMPTS;

/** Where an action stands after a slice that ended before `end`; `open` = cards of it that did not answer. */
export function afterSlice(
  action: BulkAction,
  { end, open }: { readonly end: number; readonly open: number },
  nowMs: number,
): Pick<BulkAction, "position" | "attempts" | "dueAtMs" | "updatedAtMs"> {
  if (open > 0) {
    const waitMs = FIRST_WAIT_MS * 2 ** action.attempts;
    return { position: action.position, attempts: action.attempts + 1, dueAtMs: nowMs + waitMs, updatedAtMs: nowMs };
  }
  return { position: end, attempts: 0, dueAtMs: end >= action.total ? null : nowMs, updatedAtMs: nowMs };
}
