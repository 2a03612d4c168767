/**
 * What a card tells its partner unasked: first use, a block, credit running low, its end coming, a call settled too late.
 * Pure. A notice is part of the decision that causes it, so the two live or die together.
 */
import { cardStatus, type CardState } from "./card.ts";
import type { Hold } from "./hold.ts";
import { formatAmount } from "./money.ts";
import { DAY_MS, toRfc3339 } from "./time.ts";

export const CARD_NOTICES = [
  "card.redeemed",
  "card.low_balance",
  "card.expiring",
  "card.blocked",
  "hold.late",
] as const;
export type NoticeType = (typeof CARD_NOTICES)[number];

/** `data` is what a receiver outside sees: decimal strings and RFC 3339 times. */
export type CardNotice = { readonly event: NoticeType; readonly data: NoticeData };
export type NoticeData = {
  readonly expiresAt: string | null;
  readonly balance: { readonly available: string; readonly held: string; readonly currency: string };
  /** Of `hold.late`: what could still be collected of the call, and what could not. */
  readonly hold?: { readonly id: string; readonly charged: string; readonly shortfall: string };
};

const EXPIRING_WITHIN_MS = 7 * DAY_MS;
/** Low = less than a fifth of the face value. */
const LOW_FRACTION = 5;

const notice = (event: NoticeType, { expiresAtMs, balance, currency }: CardState): CardNotice => ({
  event,
  data: {
    expiresAt: expiresAtMs === null ? null : toRfc3339(expiresAtMs),
    balance: {
      available: formatAmount(balance.available, currency),
      held: formatAmount(balance.held, currency),
      currency,
    },
  },
});

/** A hold was committed after its end: what is told of is how much of the call is lost. */
export function lateNotice(state: CardState, { id, chargedMicros, shortfallMicros }: Hold): CardNotice {
  const { event, data } = notice("hold.late", state);
  const [charged, shortfall] = [chargedMicros, shortfallMicros].map((micros) => formatAmount(micros, state.currency));
  return { event, data: { ...data, hold: { id, charged: charged ?? "", shortfall: shortfall ?? "" } } };
}

/** What is left counts, credit held for a call included: holding alone spends nothing. */
const isLow = ({ balance, faceValueMicros }: CardState): boolean =>
  balance.available + balance.held < Math.ceil(faceValueMicros / LOW_FRACTION);

const cannotSpend = ({ blocked, balance }: CardState): boolean => blocked || balance.debt > 0;

/** By an act or by debt. A card that was closed or recalled before is not blocked on top of it. */
const wasBlocked = (before: CardState, after: CardState): boolean =>
  cannotSpend(after) && !cannotSpend(before) && cardStatus(after, after.clockMs) === "blocked";

const wasFirstUsed = (before: CardState, after: CardState): boolean =>
  before.firstUsedAtMs === null && after.firstUsedAtMs !== null;

/**
 * A change of a card, completed by what it gives notice of. Low credit is told once when spending crosses the line, and
 * armed again above it.
 */
export function withNotices(
  before: CardState,
  after: CardState,
): { readonly state: CardState; readonly notices: readonly CardNotice[] } {
  const low = isLow(after);
  const crossed = low && !before.lowBalanceTold && after.balance.spent > before.balance.spent;
  const lowBalanceTold = low && (before.lowBalanceTold || crossed);
  const state = lowBalanceTold === after.lowBalanceTold ? after : { ...after, lowBalanceTold };
  const told: NoticeType[] = [];
  if (wasFirstUsed(before, after)) told.push("card.redeemed");
  if (crossed) told.push("card.low_balance");
  if (wasBlocked(before, after)) told.push("card.blocked");
  return { state, notices: told.map((event) => notice(event, state)) };
}

const isToldOf = (state: CardState, endMs: number): boolean =>
  state.expiringToldMs !== null && endMs <= state.expiringToldMs;

/** Told once for an end, and once more for a later one. A card that cannot be used anyway is not worth a word. */
export const expiringIsDue = (state: CardState, nowMs: number): boolean =>
  state.kind === "card" &&
  state.expiresAtMs !== null &&
  nowMs >= state.expiresAtMs - EXPIRING_WITHIN_MS &&
  !isToldOf(state, state.expiresAtMs) &&
  cardStatus(state, nowMs) === "active";

export const expiringNotice = (state: CardState): CardNotice => notice("card.expiring", state);

/** When time alone makes the next notice due; null = none is ahead. */
export function nextNoticeMs(state: CardState, nowMs: number): number | null {
  if (state.kind !== "card" || state.firstUsedAtMs === null || state.expiresAtMs === null) return null;
  const atMs = state.expiresAtMs - EXPIRING_WITHIN_MS;
  return atMs > nowMs && !isToldOf(state, state.expiresAtMs) ? atMs : null;
}
