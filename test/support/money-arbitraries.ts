/** Random money commands with few ids and small amounts, so that they collide, overrun and meet exact boundaries. */
import fc from "fast-check";
import type { MoneyCommand } from "../../src/domain/ledger/commands.ts";

export const pick = <T>(...values: readonly T[]) => fc.constantFrom(...values);
/** Records as they would be written, which is how a counterexample is kept. */
export const plain = <T>(fields: { [K in keyof T]: fc.Arbitrary<T[K]> }) =>
  fc.record(fields, { noNullPrototype: true });
const amount = pick(1, 2, 3, 3, 4, 4, 5, 6, 10, 12);
const used = pick(0, 1, 2, 3, 4, 5, 6, 9, 12);
const minimum = pick(null, null, 1, 2, 5);
const holdId = pick("h1", "h1", "h1", "h2");
const ttlSeconds = pick(1, 2, 86_400);
const overrun = pick("refuse" as const, "collect" as const);
const currency = fc.oneof({ weight: 20, arbitrary: fc.constant("EUR") }, { weight: 1, arbitrary: fc.constant("USD") });

const credit = plain({
  type: fc.constant("credit" as const),
  id: pick("c1", "c1", "c2"),
  amountMicros: amount,
  currency,
  source: fc.constant("goodwill" as const),
  reason: fc.constant(null),
});
const debit = plain({
  type: fc.constant("debit" as const),
  id: pick("d1", "d1", "d2"),
  amountMicros: amount,
  currency,
  minimumMicros: minimum,
  subject: fc.constant(null),
});
const creditReversal = plain({
  type: fc.constant("credit_reversal" as const),
  id: pick("r1", "r2"),
  original: pick("c1", "c1", "c2"),
  amountMicros: pick(null, 1, 2, 5, 12),
  reason: fc.constant("r"),
});
const debitReversal = plain({
  type: fc.constant("debit_reversal" as const),
  id: pick("r1", "r2"),
  original: pick("d1", "d1", "d2"),
  amountMicros: pick(null, 1, 2, 5, 12),
  reason: fc.constant("r"),
});
const hold = plain({
  type: fc.constant("hold" as const),
  id: holdId,
  amountMicros: amount,
  currency,
  ttlSeconds,
  minimumMicros: minimum,
  subject: fc.constant(null),
  destination: fc.constant(null),
  reference: fc.constant(null),
});
const extend = plain({
  type: fc.constant("extend" as const),
  id: holdId,
  sequence: pick(1, 1, 1, 2, 2, 3),
  usedMicros: used,
  amountMicros: amount,
  ttlSeconds,
  overrun,
});
const commit = plain({ type: fc.constant("commit" as const), id: holdId, usedMicros: used, overrun });
const release = plain({ type: fc.constant("release" as const), id: holdId, reason: fc.constant(null) });

export const money: fc.Arbitrary<MoneyCommand> = fc.oneof(
  { weight: 3, arbitrary: credit },
  { weight: 3, arbitrary: debit },
  { weight: 2, arbitrary: creditReversal },
  { weight: 2, arbitrary: debitReversal },
  { weight: 8, arbitrary: hold },
  { weight: 6, arbitrary: extend },
  { weight: 4, arbitrary: commit },
  { weight: 2, arbitrary: release },
);

/** Mostly room for two calls and nothing forbidden. */
export const rules = plain({
  concurrentCalls: pick(2, 2, 2, 2, 1),
  destinationAllowed: fc.oneof(
    { weight: 20, arbitrary: fc.constant(true) },
    { weight: 1, arbitrary: fc.constant(false) },
  ),
});
