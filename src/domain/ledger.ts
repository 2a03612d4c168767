/**
 * A card's money. `decide` is the whole rule book: a pure function of state, command and time.
 * It never reads a clock, never stores, never throws for what a caller can cause. Amounts are integer micros.
 */
import { assert, unreachable } from "./assert.ts";
import { conserves, type Balance } from "./balance.ts";
import { cardStatus, refusalOf, type CardState } from "./card.ts";
import type { Refusal } from "./errors.ts";
import { invalidField, refuse } from "./errors.ts";
import { MAX_AMOUNT_MICROS } from "./money.ts";
import { err, ok, type Result } from "./result.ts";
import { SECOND_MS } from "./time.ts";

export type CreditSource = "top_up" | "payment" | "goodwill" | "refund";

/** Money commands carry the caller's id; the same id with the same content has one effect and one outcome for ever. */
export type MoneyCommand =
  | {
      readonly type: "credit";
      readonly id: string;
      readonly amountMicros: number;
      readonly currency: string;
      readonly source: CreditSource;
      readonly reason: string | null;
    }
  | {
      readonly type: "debit";
      readonly id: string;
      readonly amountMicros: number;
      readonly currency: string;
      /** The least that may be collected; null = all of it. */
      readonly minimumMicros: number | null;
      /** SIP user of the device that called; null = no device is checked. */
      readonly subject: string | null;
    };

export type LifeCommand =
  /** `endsAtMs`: the end that the first use sets; null = the batch has no such rule. */
  | { readonly type: "first"; readonly endsAtMs: number | null }
  | { readonly type: "block" }
  | { readonly type: "unblock" }
  | { readonly type: "activate" }
  | { readonly type: "deactivate" }
  | { readonly type: "close" }
  | { readonly type: "extend"; readonly expiresAtMs: number };

export type Command = MoneyCommand | LifeCommand;

/** One line of a card's books. `amountMicros` is the signed effect on available; the balances are after it. */
export type Posting = {
  readonly seq: number;
  readonly atMs: number;
  readonly type: "first" | "credit" | "debit";
  readonly id: string;
  readonly amountMicros: number;
  readonly availableMicros: number;
  readonly heldMicros: number;
  readonly reason: string | null;
};

export type Applied = {
  /** Credited, or collected by a debit. */
  readonly movedMicros: number;
  /** Of a credit, what paid debt; of a debit, what could not be collected. */
  readonly restMicros: number;
};

export type Decision = { readonly state: CardState; readonly postings: readonly Posting[]; readonly applied: Applied };

const NOTHING_MOVED: Applied = { movedMicros: 0, restMicros: 0 };
/** How long an activation at the till can be undone. */
const DEACTIVATE_WITHIN_MS = 15 * 60 * SECOND_MS;

/**
 * The state after a command, its postings and what it did; or why it is refused, with nothing changed.
 * `nowMs` is the card's clock, never before `state.clockMs`.
 */
export function decide(state: CardState, command: Command, nowMs: number): Result<Decision, Refusal> {
  assert(nowMs >= state.clockMs, "the card's clock never goes back");
  assert(conserves(state.balance), "balances add up before a command");
  const decision = apply(state, command, nowMs);
  if (decision.ok) {
    assert(conserves(decision.value.state.balance), "balances add up after a command");
    assert(decision.value.state.version === state.version + 1, "a change has a version of its own");
  }
  return decision;
}

function apply(state: CardState, command: Command, nowMs: number): Result<Decision, Refusal> {
  switch (command.type) {
    case "first":
      return first(state, command.endsAtMs, nowMs);
    case "credit":
      return credit(state, command, nowMs);
    case "debit":
      return debit(state, command, nowMs);
    case "block":
    case "unblock":
      return change(state, nowMs, { blocked: command.type === "block" });
    case "activate":
      return activate(state, nowMs);
    case "deactivate":
      return deactivate(state, nowMs);
    case "close":
      return change(state, nowMs, { closed: true });
    case "extend":
      return extend(state, command.expiresAtMs, nowMs);
    default:
      return unreachable(command);
  }
}

/** A life change without money. */
const change = (state: CardState, nowMs: number, changes: Partial<CardState>): Result<Decision, Refusal> =>
  ok({
    state: { ...state, ...changes, version: state.version + 1, clockMs: nowMs },
    postings: [],
    applied: NOTHING_MOVED,
  });

type Entry = Pick<Posting, "type" | "id" | "amountMicros" | "reason">;

/** Moves money: the new balance, and the posting that says so. */
function post(
  state: CardState,
  nowMs: number,
  balance: Balance,
  entry: Entry,
  changes: Partial<CardState> = {},
): Omit<Decision, "applied"> {
  const seq = state.lastSeq + 1;
  return {
    state: { ...state, ...changes, balance, lastSeq: seq, version: state.version + 1, clockMs: nowMs },
    postings: [{ ...entry, seq, atMs: nowMs, availableMicros: balance.available, heldMicros: balance.held }],
  };
}

/** The first redemption: the face value is credited, exactly once because `firstUsedAtMs` is set with it. */
function first(state: CardState, endsAtMs: number | null, nowMs: number): Result<Decision, Refusal> {
  const code = refusalOf(state, "redeem", nowMs);
  if (code) return err(refuse(code));
  assert(state.firstUsedAtMs === null && state.lastSeq === 0, "a first redemption comes first");
  const face = state.faceValueMicros;
  const balance = { ...state.balance, credits: face, available: face };
  const entry: Entry = { type: "first", id: "first", amountMicros: face, reason: null };
  const ends = [state.expiresAtMs, endsAtMs].filter((end) => end !== null);
  const changes = { firstUsedAtMs: nowMs, expiresAtMs: ends.length === 0 ? null : Math.min(...ends) };
  return ok({ ...post(state, nowMs, balance, entry, changes), applied: NOTHING_MOVED });
}

function credit(
  state: CardState,
  command: MoneyCommand & { type: "credit" },
  nowMs: number,
): Result<Decision, Refusal> {
  // A blocked card takes credit, but never before its face value: that posting is the first, once.
  const code = refusalOf(state, "credit", nowMs) ?? (state.firstUsedAtMs === null ? "card_not_redeemed" : null);
  if (code) return err(refuse(code));
  if (command.currency !== state.currency) return err(refuse("currency_mismatch"));
  if (state.balance.credits + command.amountMicros > MAX_AMOUNT_MICROS) {
    return err(invalidField("/amount", "The card would hold more than the largest amount."));
  }
  // Debt first: it is the operator's money until it is paid.
  const debtPaid = Math.min(state.balance.debt, command.amountMicros);
  const toAvailable = command.amountMicros - debtPaid;
  const balance = {
    ...state.balance,
    credits: state.balance.credits + command.amountMicros,
    debt: state.balance.debt - debtPaid,
    available: state.balance.available + toAvailable,
  };
  const entry: Entry = { type: "credit", id: command.id, amountMicros: toAvailable, reason: command.reason };
  return ok({
    ...post(state, nowMs, balance, entry),
    applied: { movedMicros: command.amountMicros, restMicros: debtPaid },
  });
}

function debit(state: CardState, command: MoneyCommand & { type: "debit" }, nowMs: number): Result<Decision, Refusal> {
  const code = refusalOf(state, "spend", nowMs);
  if (code) return err(refuse(code));
  if (command.currency !== state.currency) return err(refuse("currency_mismatch"));
  const collected = Math.min(command.amountMicros, state.balance.available);
  if (collected < (command.minimumMicros ?? command.amountMicros)) return err(refuse("insufficient_credit"));
  const balance = {
    ...state.balance,
    available: state.balance.available - collected,
    spent: state.balance.spent + collected,
  };
  const entry: Entry = { type: "debit", id: command.id, amountMicros: -collected, reason: null };
  return ok({
    ...post(state, nowMs, balance, entry),
    applied: { movedMicros: collected, restMicros: command.amountMicros - collected },
  });
}

function activate(state: CardState, nowMs: number): Result<Decision, Refusal> {
  const status = cardStatus(state, nowMs);
  if (status === "closed") return err(refuse("card_closed"));
  if (status === "recalled") return err(refuse("card_recalled"));
  return change(state, nowMs, { activatedAtMs: state.activatedAtMs ?? nowMs });
}

function deactivate(state: CardState, nowMs: number): Result<Decision, Refusal> {
  const canUndo =
    state.onSale &&
    state.firstUsedAtMs === null &&
    state.activatedAtMs !== null &&
    nowMs - state.activatedAtMs <= DEACTIVATE_WITHIN_MS;
  if (!canUndo)
    return err(invalidField("/action", "Only a card activated within the last 15 minutes and not redeemed."));
  return change(state, nowMs, { activatedAtMs: null });
}

function extend(state: CardState, expiresAtMs: number, nowMs: number): Result<Decision, Refusal> {
  if (state.closed) return err(refuse("card_closed"));
  const isLater = expiresAtMs > nowMs && (state.expiresAtMs === null || expiresAtMs > state.expiresAtMs);
  if (!isLater) return err(invalidField("/expiresAt", "Must be later than now and than the present end."));
  return change(state, nowMs, { expiresAtMs });
}
