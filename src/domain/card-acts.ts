/**
 * Acts of people on one card: what its own journal says of them, and what the audit trail is told. Pure.
 * Money traffic of switches is not among them: the postings are its journal.
 */
import { unreachable } from "./assert.ts";
import type { CardAction } from "./card-calls.ts";
import type { CardState } from "./card.ts";
import type { MoneyCommand } from "./ledger/commands.ts";
import { formatAmount } from "./money.ts";
import { toRfc3339 } from "./time.ts";

/** Whose key acts, and in which request; of many cards together, the object of the order's own row. */
export type ActedBy = { readonly owner: string; readonly requestId: string };

/** Who acts on a card. `by` is absent when it is nobody with a key, or a Worker of the release before. */
export type Doer = { readonly actor: string; readonly by?: ActedBy };

export type CardAct = {
  readonly action: string;
  readonly details: Readonly<Record<string, unknown>>;
  readonly reason: string | null;
};

/** An act on its way to the audit trail. Its id is the same however often it arrives. */
export type AuditedAct = {
  readonly id: string;
  readonly atMs: number;
  /** The card's partner. */
  readonly owner: string;
  readonly act: string;
  readonly object: string;
  readonly details: Readonly<Record<string, unknown>>;
  readonly reason: string | null;
  readonly actor: string;
  readonly actorOwner: string;
  readonly requestId: string;
};
export type ActsEvent = { readonly type: "acts"; readonly acts: readonly AuditedAct[] };

/** null = what a switch does all day. */
export function moneyAct(command: MoneyCommand, currency: string, movedMicros: number): CardAct | null {
  switch (command.type) {
    case "credit": {
      const { id, source, reason } = command;
      const amount = formatAmount(command.amountMicros, currency);
      return { action: "credit", details: { id, amount, currency, source }, reason };
    }
    case "credit_reversal":
    case "debit_reversal": {
      const { id, original, reason } = command;
      const action = command.type === "credit_reversal" ? "reverse_credit" : "reverse_debit";
      return { action, details: { id, original, amount: formatAmount(movedMicros, currency), currency }, reason };
    }
    case "release":
      return command.reason === null
        ? null
        : { action: "release_hold", details: { hold: command.id }, reason: command.reason };
    case "debit":
    case "hold":
    case "extend":
    case "commit":
      return null;
    default:
      return unreachable(command);
  }
}

export function actionDetails(action: CardAction): CardAct["details"] {
  if (action.action === "extend") return { expiresAt: toRfc3339(action.expiresAtMs) };
  return action.action === "release_device" ? { device: action.device ?? "all" } : {};
}

/** An action sent again changes nothing but the version, and is no second act. */
export const isSameCard = (before: CardState, after: CardState): boolean => compared(before) === compared(after);

const compared = (state: CardState): string => JSON.stringify({ ...state, version: 0, clockMs: 0 });
