/** One life of a card, lived twice: by the ledger, as the object would drive it, and by the model. */
import { isDeepStrictEqual } from "node:util";
import type { CardState } from "../../../src/domain/card.ts";
import type { Hold } from "../../../src/domain/hold.ts";
import type { Command, Context, MoneyCommand, Posting } from "../../../src/domain/ledger/commands.ts";
import { decide, isDue, NO_CONTEXT } from "../../../src/domain/ledger/decide.ts";
import {
  act,
  availableOf,
  heldOf,
  newCard,
  settle,
  type ModelAct,
  type ModelCard,
  type ModelLine,
} from "../../support/card-model.ts";
import { untouched } from "../../support/card-states.ts";
import { run } from "../../support/ledger-model.ts";

const FACE = 10;
const DAY_MS = 86_400_000;

export type Step =
  | {
      readonly waitMs: number;
      readonly money: MoneyCommand;
      readonly concurrentCalls: number;
      readonly destinationAllowed: boolean;
    }
  | { readonly waitMs: number; readonly act: ModelAct };

export type Life = {
  readonly start: "used" | "untouched" | "on_sale";
  readonly endsAtMs: number | null;
  /** The batch revives an expired card that is credited. */
  readonly revives: boolean;
  readonly steps: readonly Step[];
};

type Report = { steps: number; applied: number; kinds: Set<string> };

/** Loud, with both sides: a difference is a finding whichever side is wrong. */
function same(what: string, actual: unknown, expected: unknown): void {
  if (actual === expected || isDeepStrictEqual(actual, expected)) return;
  throw new Error(`${what}: the ledger says ${JSON.stringify(actual)}, the model ${JSON.stringify(expected)}`);
}

function must(condition: boolean, what: string): void {
  if (!condition) throw new Error(`broken promise: ${what}`);
}

/** What the object keeps of a card: its state, holds, what originals moved, and which ids had their effect. */
class Books {
  state: CardState;
  readonly holds = new Map<string, Hold>();
  readonly postings: Posting[] = [];
  readonly applied = new Map<string, MoneyCommand>();
  readonly moved = new Map<string, { movedMicros: number; reversedMicros: number }>();

  constructor(life: Life) {
    this.state = untouched({
      faceValueMicros: FACE,
      expiresAtMs: life.start === "used" ? null : life.endsAtMs,
      onSale: life.start === "on_sale",
    });
  }

  do(command: Command, context: Partial<Context>, nowMs: number) {
    // A decision that changed its input would throw here.
    const before = Object.freeze(this.state);
    Object.freeze(before.balance);
    Object.freeze(before.openHolds);
    const decision = decide(before, command, { ...NO_CONTEXT, ...context }, nowMs);
    if (!decision.ok) return decision;
    const { state, postings, hold, applied } = decision.value;
    must(state.clockMs >= before.clockMs, "L8 the card's clock never goes back");
    if (hold) this.#save(hold, command, before, applied.movedMicros, nowMs);
    this.state = state;
    this.postings.push(...postings);
    return decision;
  }

  #save(hold: Hold, command: Command, before: CardState, movedMicros: number, nowMs: number): void {
    const known = this.holds.get(hold.id);
    this.holds.set(hold.id, hold);
    must(!known || known.state === "open" || known.state === "expired" || isDeepStrictEqual(known, hold), "L6 settled");
    if (command.type === "expire_hold") must(nowMs >= (known?.expiresAtMs ?? Infinity), "L8 no earlier than its time");
    if (command.type !== "extend" && command.type !== "commit") return;
    const reach = command.overrun === "collect" && known?.state === "open" ? before.balance.available : 0;
    must(movedMicros <= (known?.amountMicros ?? 0) + reach, "L7 charged at most the hold, or what was available too");
  }

  settle(nowMs: number): void {
    for (let due = isDue(this.state, nowMs); due !== null; due = isDue(this.state, nowMs)) {
      const hold = due.type === "expire_hold" ? this.holds.get(due.id) : undefined;
      if (!this.do({ type: due.type }, { hold }, nowMs).ok) throw new Error("what is due was refused");
    }
  }

  money(command: MoneyCommand, context: Partial<Context>, nowMs: number) {
    const original =
      command.type === "credit_reversal" || command.type === "debit_reversal"
        ? this.moved.get(`${command.type.split("_")[0]}/${command.original}`)
        : undefined;
    const decision = this.do(command, { ...context, hold: this.holds.get(command.id), original }, nowMs);
    if (!decision.ok) return decision;
    const { movedMicros } = decision.value.applied;
    if (command.type === "credit" || command.type === "debit")
      this.moved.set(`${command.type}/${command.id}`, { movedMicros, reversedMicros: 0 });
    if (original) original.reversedMicros += movedMicros;
    return decision;
  }
}

/** The identity of a command: what the object would answer from memory when it comes again. */
function identity(command: MoneyCommand): string {
  if (command.type === "extend") return `extend/${command.id}/${command.sequence}`;
  return "original" in command ? `${command.type}/${command.original}/${command.id}` : `${command.type}/${command.id}`;
}

export function live(life: Life): Report {
  const books = new Books(life);
  const model = newCard({
    endsAtMs: life.start === "used" ? null : life.endsAtMs,
    onSale: life.start === "on_sale",
  });
  const report: Report = { steps: 0, applied: 0, kinds: new Set() };
  let nowMs = 0;
  if (life.start === "used") change(books, model, { type: "first", endsAtMs: life.endsAtMs }, nowMs);
  for (const step of life.steps) {
    nowMs += step.waitMs;
    books.settle(nowMs);
    settle(model, nowMs);
    compare(books, model);
    if ("act" in step) report.kinds.add(change(books, model, step.act, nowMs) ?? "acted");
    else spend(books, model, step, life.revives && model.firstUsedAtMs !== null ? nowMs + DAY_MS : null, nowMs, report);
    books.settle(nowMs);
    settle(model, nowMs);
    compare(books, model);
    promises(books, nowMs);
    if (model.debt > 0) report.kinds.add("debt");
    report.steps += 1;
  }
  for (const { type } of books.postings) report.kinds.add(type);
  return report;
}

type Spend = Extract<Step, { money: MoneyCommand }>;

function spend(
  books: Books,
  model: ModelCard,
  step: Spend,
  reviveUntilMs: number | null,
  nowMs: number,
  report: Report,
): void {
  const { money, concurrentCalls, destinationAllowed } = step;
  if (books.applied.has(identity(money))) return;
  const known = model.holds[money.id]?.state;
  const rules = { concurrentCalls, destinationAllowed, reviveUntilMs };
  const actual = books.money(money, rules, nowMs);
  const expected = run(model, money, rules, nowMs);
  same(
    `${nowMs} ${JSON.stringify(money)}`,
    actual.ok ? actual.value.applied : actual.error.code,
    expected.ok
      ? {
          movedMicros: expected.figures.moved,
          restMicros: expected.figures.rest,
          grantedMicros: expected.figures.granted,
          releasedMicros: expected.figures.released,
        }
      : expected.code,
  );
  if (!expected.ok) {
    report.kinds.add(expected.code);
    return;
  }
  books.applied.set(identity(money), money);
  report.applied += 1;
  if (money.type === "commit" && known === "expired" && model.holds[money.id]?.state === "expired")
    report.kinds.add("beyond_late");
}

/** Answers the refusal; null = changed. */
function change(books: Books, model: ModelCard, to: ModelAct, nowMs: number): string | null {
  if (to.type === "first" && model.firstUsedAtMs !== null) return null;
  if (to.type === "recall") {
    // What a turn does with a newer standing.
    books.state = { ...books.state, standing: { ...books.state.standing, status: "recalled" } };
  } else {
    const decision = books.do(to, {}, nowMs);
    const code = act(model, to, nowMs);
    same(`${nowMs} ${JSON.stringify(to)}`, decision.ok ? null : decision.error.code, code);
    return code;
  }
  return act(model, to, nowMs);
}

function compare({ state, holds, postings }: Books, model: ModelCard): void {
  const { available, held, credits, debt, spent, reversed, expired } = state.balance;
  same("credits", credits, model.credits);
  same("debt", debt, model.debt);
  same("available", available, availableOf(model));
  same("held", held, heldOf(model));
  same("spent", spent, model.spent);
  same("reversed", reversed, model.reversed);
  same("expired", expired, model.expired);
  same("shortfall", state.shortfallMicros, model.shortfall);
  same("end", state.expiresAtMs, model.endsAtMs);
  same("number of holds", holds.size, Object.keys(model.holds).length);
  for (const hold of holds.values()) {
    const { state: now, amountMicros, sequence, chargedMicros, releasedMicros, shortfallMicros, expiresAtMs } = hold;
    const expected = model.holds[hold.id];
    same(`hold ${hold.id}`, [now, amountMicros, sequence], [expected?.state, expected?.amount, expected?.sequence]);
    same(
      `totals of ${hold.id}`,
      [chargedMicros, releasedMicros, shortfallMicros, expiresAtMs],
      [expected?.charged, expected?.released, expected?.shortfall, expected?.endsAtMs],
    );
  }
  same("number of postings", postings.length, model.lines.length);
  // Of holds that end at once, which is written first is not promised.
  const shown = ({ type, id, amount, available: left, held: set }: ModelLine) =>
    type === "hold_expired" ? { type, left, set } : { type, id, amount, left, set };
  const last = postings.at(-1);
  const expected = model.lines.at(-1);
  if (!last || !expected) return;
  const line = { ...last, amount: last.amountMicros, available: last.availableMicros, held: last.heldMicros };
  same("last posting", shown(line), shown(expected));
}

/** The promises, each checked without the model. */
function promises({ state, holds, postings }: Books, nowMs: number): void {
  const { balance, openHolds } = state;
  for (const term of Object.values(balance)) must(Number.isSafeInteger(term) && term >= 0, "L1, L2 integers from zero");
  const { credits, debt, available, held, spent, reversed, expired } = balance;
  must(credits + debt === available + held + spent + reversed + expired, "L1 conservation");
  must(debt === 0 || available === 0, "nothing is available while debt is open");
  const open = [...holds.values()].filter((hold) => hold.state === "open");
  same("L3 open holds", openHolds.map(({ id }) => id).toSorted(), open.map(({ id }) => id).toSorted());
  must(held === open.reduce((sum, { amountMicros }) => sum + amountMicros, 0), "L3 held is the sum of open holds");
  for (const { id, expiresAtMs } of open) must(nowMs < expiresAtMs, `L8 no hold outlives its time: ${id}`);
  let sum = 0;
  let shortfall = 0;
  for (const [index, posting] of postings.entries()) {
    sum += posting.amountMicros;
    shortfall += posting.shortfallMicros;
    must(posting.seq === index + 1, "postings are numbered without gaps");
    must(sum === posting.availableMicros, "L3 replaying the postings gives each balance");
    must(posting.atMs >= (postings[index - 1]?.atMs ?? 0), "postings are in the order of time");
  }
  must(sum === available && (postings.at(-1)?.heldMicros ?? 0) === held, "L3 replay gives the stored balances");
  must(shortfall === state.shortfallMicros, "L12 the loss is the sum of the shortfalls in the postings");
  for (const hold of holds.values()) {
    const once = ["commit", "release", "late"].filter((verb) =>
      postings.some(({ type, id, amountMicros }) => type === verb && id === hold.id && amountMicros !== 0),
    );
    must(once.length <= 1, `L6 ${hold.id} is settled once`);
  }
}
