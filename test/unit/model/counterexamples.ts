/** Lives that once told the ledger and its promises apart; each stays as an example for good. */
import type { MoneyCommand } from "../../../src/domain/ledger/commands.ts";
import type { Life } from "./life.ts";

const credit: MoneyCommand = {
  type: "credit",
  id: "c1",
  amountMicros: 7,
  currency: "EUR",
  source: "payment",
  reason: null,
};
const rules = { concurrentCalls: 2, destinationAllowed: true };

export const COUNTEREXAMPLES: readonly { readonly name: string; readonly life: Life }[] = [
  {
    name: "a credit on a card both blocked and expired became breakage at once",
    life: {
      start: "used",
      endsAtMs: 2000,
      revives: false,
      steps: [
        { waitMs: 0, act: { type: "block" } },
        { waitMs: 2001, money: credit, ...rules },
      ],
    },
  },
  {
    name: "nor did it revive the card of a batch that revives",
    life: {
      start: "used",
      endsAtMs: 2000,
      revives: true,
      steps: [
        { waitMs: 0, act: { type: "block" } },
        { waitMs: 2001, money: credit, ...rules },
      ],
    },
  },
];
