/**
 * Mistakes that would cost somebody money, each made on purpose: the tests of the named suite must notice every one.
 * `search` must occur exactly once in the file; one that no longer does fails the run, so that the list stays true.
 */

export type Suite = "ledger" | "object";

export type Mutant = {
  readonly name: string;
  readonly suite: Suite;
  readonly file: string;
  readonly search: string;
  readonly replacement: string;
};

const inFile =
  (suite: Suite, file: string) =>
  (name: string, search: string, replacement: string): Mutant => ({ name, suite, file, search, replacement });

const holds = inFile("ledger", "src/domain/ledger/holds.ts");
const credits = inFile("ledger", "src/domain/ledger/credits.ts");
const money = inFile("object", "src/durable/card-money.ts");
const turns = inFile("object", "src/durable/card-turns.ts");

export const MUTANTS: readonly Mutant[] = [
  holds(
    "a grant of exactly what is there is refused",
    "if (granted < (command.minimumMicros ?? command.amountMicros))",
    "if (granted <= (command.minimumMicros ?? command.amountMicros))",
  ),
  holds(
    "a hold expires without release",
    "balance: withFreed({ ...state.balance, held: state.balance.held - amountMicros }, amountMicros),",
    'balance: to === "expired" ? state.balance : withFreed({ ...state.balance, held: state.balance.held - amountMicros }, amountMicros),',
  ),
  holds(
    "a hold is released after it was committed",
    'if (hold.state !== "open") return err({ ...refuse("hold_settled"), hold });\n  return ok(free(',
    "return ok(free(",
  ),
  holds(
    "a commit ignores the hold's state",
    'return ok(commitLate(state, command, hold, nowMs));\n  if (hold.state !== "open") return err({ ...refuse("hold_settled"), hold });',
    "return ok(commitLate(state, command, hold, nowMs));",
  ),
  holds("a late commit does not settle", 'state: isInTime ? "late" : "expired",', 'state: "expired",'),
  holds(
    "a late commit is taken for ever",
    "const isInTime = nowMs - hold.expiresAtMs <= LATE_COMMIT_MS;",
    "const isInTime = nowMs >= hold.expiresAtMs;",
  ),
  holds(
    "a late commit charges more than was held",
    "const owed = Math.min(command.usedMicros, hold.amountMicros);",
    "const owed = command.usedMicros;",
  ),
  holds("an overrun collects below zero", "const extra = Math.min(beyond, before.available);", "const extra = beyond;"),
  holds(
    "a gap in the sequence is accepted",
    "if (command.sequence !== hold.sequence + 1)",
    "if (command.sequence <= hold.sequence)",
  ),
  holds(
    "a blocked card's hold is extended",
    'expected: hold.sequence + 1 });\n  const code = refusalOf(state, "spend", nowMs);\n  if (code) return err(refuse(code));',
    "expected: hold.sequence + 1 });",
  ),
  credits("a reversal takes back more than the original", "if (amount > left || amount === 0)", "if (amount === 0)"),
  credits(
    "a reversed credit leaves no debt",
    "debt: balance.debt + amount - taken,\n          reversed: balance.reversed + amount,",
    "reversed: balance.reversed + taken,",
  ),
  credits(
    "credit goes into a card that is over",
    'const over = isOver && !revives ? "card_expired" : null;',
    "const over = null;",
  ),
  credits(
    "breakage is not swept",
    "state.balance.available > 0 && state.expiresAtMs !== null && nowMs > state.expiresAtMs;",
    "state.balance.available < 0 && state.expiresAtMs !== null && nowMs > state.expiresAtMs;",
  ),
  credits(
    "breakage is swept a millisecond early",
    "state.balance.available > 0 && state.expiresAtMs !== null && nowMs > state.expiresAtMs;",
    "state.balance.available > 0 && state.expiresAtMs !== null && nowMs >= state.expiresAtMs;",
  ),
  inFile("ledger", "src/domain/balance.ts")(
    "debt is not paid first",
    "const paid = Math.min(balance.debt, freedMicros);",
    "const paid = Math.min(0, balance.debt, freedMicros);",
  ),
  inFile("ledger", "src/domain/hold.ts")(
    "a hold outlives its time by a millisecond",
    "nowMs >= expiresAtMs;",
    "nowMs > expiresAtMs;",
  ),
  money("an id is not looked up", "if (pinned) return this.#replay(turn, command, pinned);", ""),
  money(
    "the fingerprint ignores the amount",
    "const { type: _type, id: _id, ...content } = command;",
    "const { type: _type, id: _id, ...content } = { ...command, amountMicros: 0 };",
  ),
  money(
    "a refusal is not pinned",
    "const isKept = decision.ok || (turn.state.firstUsedAtMs !== null && isPinned(decision.error));",
    "const isKept = decision.ok;",
  ),
  money("a gap in the sequence is pinned", 'new Set(["sequence_gap", "hold_settled"])', 'new Set(["hold_settled"])'),
  money(
    "a step's id forgets its number",
    'if (command.type === "extend") return `${command.id}/${command.sequence}`;',
    'if (command.type === "extend") return command.id;',
  ),
  money(
    "reversals are each bounded, but not together",
    "reversedMicros: this.#store.movedUnder(command.type, command.original)",
    "reversedMicros: 0",
  ),
  turns(
    "a command is not one transaction",
    "const done = this.#ctx.storage.transactionSync(work);",
    "const done = work();",
  ),
  turns("the card's clock follows the machine's back", "Math.max(state.clockMs, Date.now());", "Date.now();"),
  turns(
    "the alarm trusts being due",
    "const nowMs = timeOf(stored.state);\n        return {",
    "const nowMs = Math.max(timeOf(stored.state), ...stored.state.openHolds.map((hold) => hold.expiresAtMs));\n        return {",
  ),
  turns(
    "holds expire by alarm only",
    "const settled = this.settle(stored.batch, stored.state, nowMs);",
    "const settled = stored.state;",
  ),
  turns(
    "an older standing replaces a newer one",
    "if (call.standing.version <= settled.standing.version)",
    "if (call.standing.version === settled.standing.version)",
  ),
];
