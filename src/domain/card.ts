/**
 * A card's life apart from its money: what state it is in and what that state allows. Pure.
 * The table below is the contract; handlers never test a status themselves.
 */
import { assert } from "./assert.ts";
import { emptyBalance, type Balance } from "./balance.ts";
import type { ProblemCode } from "./errors.ts";
import { fixedEndMs, isRecalled, type BatchTerms, type CardKind, type CardMode, type Standing } from "./terms.ts";

export type CardStatus = "issued" | "not_activated" | "active" | "blocked" | "expired" | "recalled" | "closed";

export type CardState = {
  /** Grows by one with every change; orders the projection. */
  readonly version: number;
  /** The card's own clock: never goes back. */
  readonly clockMs: number;
  readonly card: number;
  readonly kind: CardKind;
  readonly mode: CardMode;
  readonly currency: string;
  readonly faceValueMicros: number;
  readonly maxDevices: number;
  /** null until the first redemption; a card blocked or activated before it is touched but not redeemed. */
  readonly firstUsedAtMs: number | null;
  readonly expiresAtMs: number | null;
  /** An on-sale card is refused until the till activates it. */
  readonly onSale: boolean;
  readonly activatedAtMs: number | null;
  readonly blocked: boolean;
  readonly closed: boolean;
  readonly standing: Standing;
  readonly balance: Balance;
  /** Number of the newest posting; 0 = none. */
  readonly lastSeq: number;
  /** Number of the newest device; numbers are never reused. */
  readonly lastDevice: number;
};

/** What every call to a card carries: the terms it was issued under and the standing the caller knows. */
export type CardCall = {
  readonly terms: BatchTerms;
  readonly card: number;
  readonly standing: Standing;
  /** The partner is suspended: first redemptions wait, as if the batch were paused. */
  readonly firstUsePaused: boolean;
};

/** The state a card has before anybody touches it: derived from its terms, stored nowhere. */
export function untouchedCard({ terms, card, standing }: CardCall): CardState {
  assert(card >= 1 && card <= terms.quantity, "card is of the batch");
  return {
    version: 0,
    clockMs: 0,
    card,
    kind: terms.kind,
    mode: terms.mode,
    currency: terms.currency,
    faceValueMicros: terms.creditMicros,
    maxDevices: terms.maxDevices,
    firstUsedAtMs: null,
    expiresAtMs: fixedEndMs(terms),
    onSale: terms.activation === "on_sale",
    activatedAtMs: null,
    blocked: false,
    closed: false,
    standing,
    balance: emptyBalance,
    lastSeq: 0,
    lastDevice: 0,
  };
}

export function cardStatus(state: CardState, nowMs: number): CardStatus {
  const isUnused = state.firstUsedAtMs === null;
  if (state.closed) return "closed";
  if (isRecalled(state.standing, state.card) || (isUnused && state.standing.untouchedRecalled)) return "recalled";
  // Debt blocks by itself and ends by itself when it is paid.
  if (state.blocked || state.balance.debt > 0) return "blocked";
  if (state.expiresAtMs !== null && nowMs > state.expiresAtMs) return "expired";
  if (isUnused) return state.onSale && state.activatedAtMs === null ? "not_activated" : "issued";
  return "active";
}

export type CardVerb = "redeem" | "redeem_own" | "holder" | "spend" | "top_up" | "credit";

/** null = allowed. Settling open holds is allowed in every status and therefore no verb here. */
const REFUSALS: Record<CardStatus, Record<CardVerb, ProblemCode | null>> = {
  issued: {
    redeem: null,
    redeem_own: null,
    holder: "card_not_redeemed",
    spend: "card_not_redeemed",
    top_up: "card_not_redeemed",
    credit: "card_not_redeemed",
  },
  not_activated: all("card_not_activated"),
  active: all(null),
  blocked: { ...all("card_blocked"), credit: null },
  expired: { ...all("card_expired"), redeem_own: null, holder: null },
  recalled: all("card_recalled"),
  closed: all("card_closed"),
};

function all(code: ProblemCode | null): Record<CardVerb, ProblemCode | null> {
  return { redeem: code, redeem_own: code, holder: code, spend: code, top_up: code, credit: code };
}

export const refusalOf = (state: CardState, verb: CardVerb, nowMs: number): ProblemCode | null =>
  REFUSALS[cardStatus(state, nowMs)][verb];

/** Pausing a batch, or suspending its partner, refuses first redemptions and nothing else. */
export const firstUseIsPaused = (state: CardState, call: CardCall): boolean =>
  state.firstUsedAtMs === null && (state.standing.status === "paused" || call.firstUsePaused);

/** What people are shown: an untouched card as if it held its face value, a touched one by its books. */
export const shownBalance = (state: CardState): Balance =>
  state.firstUsedAtMs === null
    ? { ...state.balance, credits: state.faceValueMicros, available: state.faceValueMicros }
    : state.balance;
