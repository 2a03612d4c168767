/**
 * What a card tells its partner unasked: that it ends soon, and that its credit runs low. Pure.
 * What was told is part of the card's state, so a notice and the change that caused it live or die together.
 */
import { cardStatus, type CardState } from "./card.ts";
import { formatAmount } from "./money.ts";
import { DAY_MS, toRfc3339 } from "./time.ts";

export const CARD_NOTICES = ["card.expiring", "card.low_balance"] as const;
export type NoticeType = (typeof CARD_NOTICES)[number];

/** `data` is what a receiver outside sees: decimal strings and RFC 3339 times. */
export type CardNotice = { readonly event: NoticeType; readonly data: NoticeData };
export type NoticeData = {
  readonly expiresAt: string | null;
  readonly balance: { readonly available: string; readonly held: string; readonly currency: string };
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

/** What is left counts, credit held for a call included: holding alone spends nothing. */
const isLow = ({ balance, faceValueMicros }: CardState): boolean =>
  balance.available + balance.held < Math.ceil(faceValueMicros / LOW_FRACTION);

/** A change of a card, completed by what it gives notice of: told once when spending crosses the line, armed again above it. */
export function withNotices(
  before: CardState,
  after: CardState,
): { readonly state: CardState; readonly notices: readonly CardNotice[] } {
  const low = isLow(after);
  const crossed = low && !before.lowBalanceTold && after.balance.spent > before.balance.spent;
  const lowBalanceTold = low && (before.lowBalanceTold || crossed);
  const state = lowBalanceTold === after.lowBalanceTold ? after : { ...after, lowBalanceTold };
  return { state, notices: crossed ? [notice("card.low_balance", state)] : [] };
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
