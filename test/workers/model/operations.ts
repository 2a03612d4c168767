/** What can happen to a card's object: requests, and everything that goes wrong around them. */
import fc from "fast-check";
import type { MoneyCommand } from "../../../src/domain/ledger/commands.ts";
import { money, pick, plain, rules } from "../../support/money-arbitraries.ts";

export type Asked = {
  readonly command: MoneyCommand;
  readonly concurrentCalls: number;
  readonly destinationAllowed: boolean;
};

export type Operation =
  | { readonly type: "ask"; readonly asked: Asked }
  /** The request so many before, once more. */
  | { readonly type: "again"; readonly back: number }
  /** Sent at the same time, to arrive in any order. */
  | { readonly type: "burst"; readonly asked: readonly Asked[] }
  /** The instance dies: before the write was durable, or after it and before the reply. */
  | { readonly type: "crash_before" | "crash_after"; readonly asked: Asked }
  /** The so-many-th statement fails. */
  | { readonly type: "fault"; readonly at: number; readonly asked: Asked }
  | { readonly type: "fault_in_alarm"; readonly at: number }
  | { readonly type: "redeem" | "block" | "unblock" | "close" | "recall" | "evict" }
  | { readonly type: "extend"; readonly byMs: number }
  /** The machine's clock jumps, forward or back. */
  | { readonly type: "tick"; readonly byMs: number }
  /** Early, late or twice; never is when none comes. */
  | { readonly type: "alarm"; readonly times: number };

/** Cards as this code makes them, or as the first release left them. */
export type Plan = {
  readonly start: "redeemed" | "untouched" | "first_release";
  readonly revives: boolean;
  readonly operations: readonly Operation[];
};

const DAY_MS = 86_400_000;
export const asked: fc.Arbitrary<Asked> = fc.tuple(money, rules).map(([command, rule]) => ({ command, ...rule }));
const of = <T extends Operation["type"]>(type: T) => fc.constant(type);

const operation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 45, arbitrary: plain({ type: of("ask"), asked }) },
  { weight: 8, arbitrary: plain({ type: of("again"), back: pick(1, 1, 2, 3, 5) }) },
  { weight: 4, arbitrary: plain({ type: of("burst"), asked: fc.array(asked, { minLength: 2, maxLength: 3 }) }) },
  { weight: 4, arbitrary: plain({ type: pick("crash_before" as const, "crash_after" as const), asked }) },
  { weight: 4, arbitrary: plain({ type: of("fault"), at: fc.integer({ min: 1, max: 9 }), asked }) },
  { weight: 1, arbitrary: plain({ type: of("fault_in_alarm"), at: fc.integer({ min: 1, max: 9 }) }) },
  {
    weight: 3,
    arbitrary: plain({
      type: pick("redeem" as const, "block" as const, "unblock" as const, "unblock" as const, "unblock" as const),
    }),
  },
  {
    weight: 1,
    arbitrary: plain({ type: pick("close" as const, "recall" as const, "redeem" as const, "redeem" as const) }),
  },
  { weight: 1, arbitrary: plain({ type: of("extend"), byMs: pick(1, DAY_MS, 40 * DAY_MS) }) },
  { weight: 3, arbitrary: plain({ type: of("evict") }) },
  {
    weight: 7,
    arbitrary: plain({
      type: of("tick"),
      byMs: fc.oneof(
        { weight: 6, arbitrary: pick(1, 999, 1000, 1000, 1001, 2000) },
        { weight: 2, arbitrary: pick(DAY_MS - 1, DAY_MS, DAY_MS + 1, 2 * DAY_MS) },
        { weight: 2, arbitrary: pick(-1, -3_600_000, -2 * DAY_MS) },
      ),
    }),
  },
  { weight: 3, arbitrary: plain({ type: of("alarm"), times: pick(1, 1, 2) }) },
);

export const plan: fc.Arbitrary<Plan> = plain({
  start: pick("redeemed", "redeemed", "redeemed", "first_release", "untouched"),
  revives: fc.boolean(),
  operations: fc.array(operation, { minLength: 5, maxLength: 50, size: "max" }),
});
