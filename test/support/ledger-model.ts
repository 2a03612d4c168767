/** What each money command promises to do to a card's books: the rules of the model tests, written from the contract. */
import type { MoneyCommand } from "../../src/domain/ledger/commands.ts";
import {
  availableOf,
  book,
  isOver,
  openHolds,
  payDebt,
  statusOf,
  type ModelCard,
  type ModelHold,
} from "./card-model.ts";

const LATE_MS = 24 * 3_600_000;

export type ModelRules = {
  readonly concurrentCalls: number;
  readonly destinationAllowed: boolean;
  readonly reviveUntilMs: number | null;
};

export type ModelFigures = { moved: number; rest: number; granted: number; released: number };
export type ModelResult = { ok: true; figures: ModelFigures } | { ok: false; code: string };

const done = (figures: Partial<ModelFigures> = {}): ModelResult => ({
  ok: true,
  figures: { moved: 0, rest: 0, granted: 0, released: 0, ...figures },
});
const no = (code: string): ModelResult => ({ ok: false, code });

/** Why a card of this status may not spend; null = it may. */
function spendRefusal(card: ModelCard, nowMs: number): string | null {
  const status = statusOf(card, nowMs);
  if (status === "active") return null;
  return status === "issued" ? "card_not_redeemed" : `card_${status}`;
}

/** One command at a card on which nothing is due. The same id twice is not its business. */
export function run(card: ModelCard, command: MoneyCommand, rules: ModelRules, nowMs: number): ModelResult {
  switch (command.type) {
    case "credit":
      return credit(card, command, rules, nowMs);
    case "debit": {
      const refusal = spendRefusal(card, nowMs);
      if (refusal !== null) return no(refusal);
      if (command.currency !== card.currency) return no("currency_mismatch");
      const collected = Math.min(command.amountMicros, availableOf(card));
      if (collected < (command.minimumMicros ?? command.amountMicros)) return no("insufficient_credit");
      const rest = command.amountMicros - collected;
      book(card, "debit", command.id, () => (card.spent += collected));
      card.shortfall += rest;
      card.moved[`debit/${command.id}`] = { moved: collected, reversed: 0 };
      return done({ moved: collected, rest });
    }
    case "credit_reversal":
    case "debit_reversal":
      return reverse(card, command);
    case "hold":
      return hold(card, command, rules, nowMs);
    case "extend":
      return extend(card, command, nowMs);
    case "commit":
      return commit(card, command, nowMs);
    case "release": {
      const known = card.holds[command.id];
      if (!known) return no("hold_unknown");
      if (known.state !== "open" && known.state !== "expired") return no("hold_settled");
      const released = known.state === "open" ? known.amount : 0;
      book(card, "release", command.id, () => {
        if (known.state === "open") known.state = "released";
        known.released += released;
        payDebt(card, released);
      });
      return done({ released });
    }
    default:
      throw new Error(`The model does not know ${JSON.stringify(command)}.`);
  }
}

type Of<T extends MoneyCommand["type"]> = Extract<MoneyCommand, { type: T }>;

function credit(card: ModelCard, command: Of<"credit">, { reviveUntilMs }: ModelRules, nowMs: number): ModelResult {
  if (card.closed || card.recalled) return no(card.closed ? "card_closed" : "card_recalled");
  if (card.firstUsedAtMs === null) {
    const status = statusOf(card, nowMs);
    return no(status === "not_activated" || status === "expired" ? `card_${status}` : "card_not_redeemed");
  }
  // Blocked or not, credit never goes into a card whose time is over: it would be breakage at once.
  if (isOver(card, nowMs) && reviveUntilMs === null) return no("card_expired");
  if (command.currency !== card.currency) return no("currency_mismatch");
  if (isOver(card, nowMs)) {
    card.endsAtMs = reviveUntilMs;
    const back = card.expired;
    book(card, "revive", command.id, () => {
      card.expired = 0;
      payDebt(card, back);
    });
  }
  let rest = 0;
  book(card, "credit", command.id, () => {
    card.credits += command.amountMicros;
    rest = payDebt(card, command.amountMicros);
  });
  card.moved[`credit/${command.id}`] = { moved: command.amountMicros, reversed: 0 };
  return done({ moved: command.amountMicros, rest });
}

function reverse(card: ModelCard, command: Of<"credit_reversal" | "debit_reversal">): ModelResult {
  const isCredit = command.type === "credit_reversal";
  const original = card.moved[`${isCredit ? "credit" : "debit"}/${command.original}`];
  if (!original) return no("not_found");
  const left = original.moved - original.reversed;
  const amount = command.amountMicros ?? left;
  if (amount < 1 || amount > left) return no("invalid_input");
  let rest = 0;
  book(card, "reversal", command.id, () => {
    if (isCredit) {
      rest = Math.max(0, amount - availableOf(card));
      card.debt += rest;
      card.reversed += amount;
    } else {
      card.spent -= amount;
      rest = payDebt(card, amount);
    }
  });
  original.reversed += amount;
  return done({ moved: amount, rest });
}

function hold(card: ModelCard, command: Of<"hold">, rules: ModelRules, nowMs: number): ModelResult {
  const refusal = spendRefusal(card, nowMs);
  if (refusal !== null) return no(refusal);
  if (command.currency !== card.currency) return no("currency_mismatch");
  if (!rules.destinationAllowed) return no("destination_not_allowed");
  if (openHolds(card).length >= rules.concurrentCalls) return no("too_many_calls");
  const granted = Math.min(command.amountMicros, availableOf(card));
  if (granted < (command.minimumMicros ?? command.amountMicros)) return no("insufficient_credit");
  book(card, "hold", command.id, () => {
    const endsAtMs = nowMs + command.ttlSeconds * 1000;
    card.holds[command.id] = {
      state: "open",
      amount: granted,
      sequence: 0,
      charged: 0,
      released: 0,
      shortfall: 0,
      endsAtMs,
    };
  });
  return done({ granted });
}

/** Takes what was used out of a hold, then out of what is available. undefined = that is refused. */
function charge(card: ModelCard, known: ModelHold, used: number, overrun: string) {
  if (used > known.amount && overrun === "refuse") return undefined;
  const moved = Math.min(used, known.amount + availableOf(card));
  return { moved, rest: used - moved, released: Math.max(0, known.amount - used) };
}

function take(card: ModelCard, known: ModelHold, { moved, rest, released }: Omit<ModelFigures, "granted">): void {
  card.spent += moved;
  card.shortfall += rest;
  known.charged += moved;
  known.shortfall += rest;
  known.released += released;
}

function extend(card: ModelCard, command: Of<"extend">, nowMs: number): ModelResult {
  const known = card.holds[command.id];
  if (!known) return no("hold_unknown");
  if (known.state !== "open") return no("hold_settled");
  if (command.sequence !== known.sequence + 1) return no("sequence_gap");
  const refusal = spendRefusal(card, nowMs);
  if (refusal !== null) return no(refusal);
  const charged = charge(card, known, command.usedMicros, command.overrun);
  if (!charged) return no("commit_exceeds_hold");
  let granted = 0;
  book(card, "extend", command.id, () => {
    take(card, known, charged);
    known.amount = 0;
    granted = Math.min(command.amountMicros, availableOf(card));
    known.amount = granted;
    known.sequence = command.sequence;
    known.endsAtMs = nowMs + command.ttlSeconds * 1000;
  });
  return done({ ...charged, granted });
}

function commit(card: ModelCard, command: Of<"commit">, nowMs: number): ModelResult {
  const known = card.holds[command.id];
  if (!known) return no("hold_unknown");
  if (known.state === "expired") {
    const owed = Math.min(command.usedMicros, known.amount);
    const inTime = nowMs <= known.endsAtMs + LATE_MS;
    const moved = inTime ? Math.min(owed, availableOf(card)) : 0;
    book(card, "late", command.id, () => take(card, known, { moved, rest: owed - moved, released: 0 }));
    if (inTime) known.state = "late";
    return done({ moved, rest: owed - moved });
  }
  if (known.state !== "open") return no("hold_settled");
  const charged = charge(card, known, command.usedMicros, command.overrun);
  if (!charged) return no("commit_exceeds_hold");
  book(card, "commit", command.id, () => {
    known.state = "committed";
    take(card, known, charged);
    payDebt(card, charged.released);
  });
  return done(charged);
}
