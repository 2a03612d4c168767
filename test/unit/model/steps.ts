/** Random short lives of a card, with waits to the very millisecond of what time does. */
import fc from "fast-check";
import type { ModelAct } from "../../support/card-model.ts";
import { money, pick, plain, rules } from "../../support/money-arbitraries.ts";
import type { Life, Step } from "./life.ts";

const DAY_MS = 86_400_000;

/** Boundaries to the millisecond: of a hold's second, of a day (the longest hold, a card's end, a late commit). */
const waitMs = fc.oneof(
  { weight: 9, arbitrary: fc.constant(0) },
  { weight: 4, arbitrary: pick(1, 999, 1000, 1001, 2000) },
  { weight: 2, arbitrary: pick(15 * 60_000, DAY_MS - 1, DAY_MS, DAY_MS, DAY_MS + 1, 2 * DAY_MS) },
);

const act: fc.Arbitrary<ModelAct> = fc.oneof(
  { weight: 3, arbitrary: pick<ModelAct>({ type: "first", endsAtMs: null }, { type: "first", endsAtMs: DAY_MS }) },
  { weight: 4, arbitrary: pick<ModelAct>({ type: "block" }, { type: "unblock" }, { type: "unblock" }) },
  { weight: 2, arbitrary: pick<ModelAct>({ type: "activate" }, { type: "deactivate" }) },
  {
    weight: 1,
    arbitrary: pick<ModelAct>({ type: "close" }, { type: "recall" }, { type: "prolong", expiresAtMs: 3 * DAY_MS }),
  },
);

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc
      .tuple(waitMs, money, rules)
      .map(([wait, command, rule]) => ({ waitMs: wait, money: command, ...rule })),
  },
  { weight: 1, arbitrary: plain({ waitMs, act }) },
);

/** Most are redeemed with a face value of 10 millionths; all start at 0 by their own clock. */
export const lifeArbitrary: fc.Arbitrary<Life> = plain({
  start: pick("used", "used", "used", "used", "used", "used", "untouched", "on_sale"),
  endsAtMs: pick(null, null, null, 2000, DAY_MS),
  revives: fc.boolean(),
  steps: fc.array(step, { minLength: 1, maxLength: 14, size: "max" }),
});
