/** Plans that once told the object and its model apart; each stays as an example for good. */
import type { MoneyCommand } from "../../../src/domain/ledger/commands.ts";
import type { Plan } from "./operations.ts";

const credit: MoneyCommand = {
  type: "credit",
  id: "c1",
  amountMicros: 7,
  currency: "EUR",
  source: "payment",
  reason: null,
};
const asked = { command: credit, concurrentCalls: 2, destinationAllowed: true };

type Example = { readonly name: string; readonly plan: Plan };

const creditsOnBlockedCards = [false, true].map((revives): Example => ({
  name: `a credit on a blocked card that is over, of a batch that ${revives ? "revives" : "does not revive"}`,
  plan: {
    start: "redeemed",
    revives,
    operations: [
      { type: "block" },
      { type: "tick", byMs: 2 * 86_400_000 },
      { type: "ask", asked },
      { type: "again", back: 1 },
    ],
  },
}));

export const COUNTEREXAMPLES: readonly Example[] = [
  ...creditsOnBlockedCards,
  {
    name: "a first device on a card of the first release that is over",
    plan: {
      start: "first_release",
      revives: false,
      operations: [{ type: "tick", byMs: 3 * 86_400_000 + 1 }, { type: "redeem" }],
    },
  },
];
