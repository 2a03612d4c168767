/** Credits, debits, their reversals, and what the end of a card does to its credit. Pure. */
import { withFreed } from "../balance.ts";
import { cardStatus, refusalOf, type CardState } from "../card.ts";
import { invalidField, refuse, type Refusal } from "../errors.ts";
import { MAX_AMOUNT_MICROS } from "../money.ts";
import { err, ok, type Result } from "../result.ts";
import type { Context, Credit, Debit, Decision, Reversal } from "./commands.ts";
import { post } from "./posting.ts";

type Outcome = Result<Decision, Refusal>;

/** Debt is paid first. On an expired card whose batch revives, the breakage comes back and a new life begins. */
export function credit(before: CardState, command: Credit, context: Context, nowMs: number): Outcome {
  // A blocked card takes credit, but never before its face value: that posting is the first, once.
  const early = before.firstUsedAtMs === null ? "card_not_redeemed" : null;
  // Blocked or not, a card whose time is over revives or refuses: credit put into it would be breakage at once.
  const isOver = early === null && before.expiresAtMs !== null && nowMs > before.expiresAtMs;
  const revives = canRevive(before, context, nowMs);
  const over = isOver && !revives ? "card_expired" : null;
  const code = revives ? null : (refusalOf(before, "credit", nowMs) ?? early ?? over);
  if (code) return err(refuse(code));
  if (command.currency !== before.currency) return err(refuse("currency_mismatch"));
  if (hasNoRoom(before, command.amountMicros, context)) {
    return err(invalidField("/amount", "The card would hold more than the largest amount."));
  }
  return ok(addCredit(before, command, context, nowMs));
}

/** What vouchers were promised is as good as credited: their credit cannot be refused any more. */
export const hasNoRoom = ({ balance }: CardState, amountMicros: number, { promisedMicros = 0 }: Context): boolean =>
  balance.credits + promisedMicros + amountMicros > MAX_AMOUNT_MICROS;

/** Books a credit that is allowed already; where it can, it brings the card back to life. */
export function addCredit(
  before: CardState,
  command: Pick<Credit, "id" | "amountMicros" | "reason">,
  context: Context,
  nowMs: number,
): Decision {
  const { reviveUntilMs } = context;
  const revives = canRevive(before, context, nowMs) && reviveUntilMs !== null;
  const revived = revives ? revive(before, command.id, reviveUntilMs, nowMs) : undefined;
  const state = revived?.state ?? before;
  const { amountMicros } = command;
  const balance = withFreed({ ...state.balance, credits: state.balance.credits + amountMicros }, amountMicros);
  const applied = { movedMicros: amountMicros, restMicros: state.balance.debt - balance.debt };
  const credited = post(state, nowMs, { type: "credit", id: command.id, balance, reason: command.reason, applied });
  if (!revived) return credited;
  const version = before.version + 1;
  return { ...credited, state: { ...credited.state, version }, postings: [...revived.postings, ...credited.postings] };
}

/** The card's time is over, and a credit now gives it another. */
export const canRevive = (state: CardState, { reviveUntilMs }: Context, nowMs: number): boolean =>
  state.firstUsedAtMs !== null &&
  state.expiresAtMs !== null &&
  nowMs > state.expiresAtMs &&
  !isFinal(state, nowMs) &&
  reviveUntilMs !== null;

/** Nothing brings a closed or recalled card back. */
const isFinal = (state: CardState, nowMs: number): boolean => ["closed", "recalled"].includes(cardStatus(state, nowMs));

function revive(state: CardState, id: string, expiresAtMs: number, nowMs: number): Decision {
  const { expired } = state.balance;
  const balance = withFreed({ ...state.balance, expired: 0 }, expired);
  return post(state, nowMs, { type: "revive", id, balance, changes: { expiresAtMs } });
}

export function debit(state: CardState, command: Debit, nowMs: number): Outcome {
  const code = refusalOf(state, "spend", nowMs);
  if (code) return err(refuse(code));
  if (command.currency !== state.currency) return err(refuse("currency_mismatch"));
  const collected = Math.min(command.amountMicros, state.balance.available);
  if (collected < (command.minimumMicros ?? command.amountMicros)) return err(refuse("insufficient_credit"));
  const shortfall = command.amountMicros - collected;
  const balance = {
    ...state.balance,
    available: state.balance.available - collected,
    spent: state.balance.spent + collected,
  };
  const applied = { movedMicros: collected, restMicros: shortfall };
  return ok(post(state, nowMs, { type: "debit", id: command.id, balance, shortfallMicros: shortfall, applied }));
}

/**
 * Taking a credit back never goes below zero: available first, the rest becomes debt, which blocks until it is paid.
 * Taking a debit back frees what was spent. History stays: a reversal is a posting of its own.
 */
export function reverse(state: CardState, command: Reversal, { original }: Context, nowMs: number): Outcome {
  if (!original) return err(refuse("not_found"));
  const left = original.movedMicros - original.reversedMicros;
  const amount = command.amountMicros ?? left;
  if (amount > left || amount === 0) return err(invalidField("/amount", "More than is left of the original."));
  const { balance } = state;
  const taken = Math.min(amount, balance.available);
  const after =
    command.type === "credit_reversal"
      ? {
          ...balance,
          available: balance.available - taken,
          debt: balance.debt + amount - taken,
          reversed: balance.reversed + amount,
        }
      : withFreed({ ...balance, spent: balance.spent - amount }, amount);
  const restMicros = Math.abs(after.debt - balance.debt);
  const applied = { movedMicros: amount, restMicros };
  return ok(post(state, nowMs, { type: "reversal", id: command.id, balance: after, reason: command.reason, applied }));
}

/** Breakage: what is available at the end is the operator's. Open holds settle, and their rest follows. */
export function expireCard(state: CardState, nowMs: number): Decision {
  const { balance } = state;
  const after = { ...balance, available: 0, expired: balance.expired + balance.available };
  return post(state, nowMs, { type: "card_expired", id: "card", balance: after });
}

export const breakageIsDue = (state: CardState, nowMs: number): boolean =>
  state.balance.available > 0 && state.expiresAtMs !== null && nowMs > state.expiresAtMs;
