/** Plays a plan on a card's object and on its model, and compares replies and everything stored after every step. */
import { vi } from "vitest";
import { reviveUntilMs } from "../../../src/domain/terms.ts";
import { act, statusOf, type ModelAct } from "../../support/card-model.ts";
import { equal } from "../../support/equal.ts";
import { arrive, ask, newObject, type ModelReply, type ObjectModel } from "../../support/object-model.ts";
import { CardUnderTest, terms, type Stored } from "./card-under-test.ts";
import { difference } from "./difference.ts";
import type { Asked, Operation, Plan } from "./operations.ts";

/** Far ahead of the machine: no alarm goes off by itself, only when the plan says so. */
const START_MS = Date.UTC(2031, 0, 1, 12);
const DAY_MS = 86_400_000;

export type Report = { operations: number; asked: number; kinds: Set<string> };

const show = (value: unknown): string => JSON.stringify(value);

class Game {
  readonly card: CardUnderTest;
  readonly report: Report = { operations: 0, asked: 0, kinds: new Set() };
  readonly #plan: Plan;
  readonly #history: Asked[] = [];
  #model = newObject();
  #machineMs = START_MS;
  #stored: Stored = null;
  /** This test's device has a seat. A card of the first release has none, whatever its state. */
  #isSeated = false;

  constructor(plan: Plan) {
    this.#plan = plan;
    this.card = new CardUnderTest(plan.revives);
  }

  async start(): Promise<void> {
    vi.setSystemTime(this.#machineMs);
    if (this.#plan.start === "redeemed") await this.#do({ type: "redeem" });
    if (this.#plan.start !== "first_release") return;
    await this.card.startOnFirstRelease(this.#machineMs);
    const { card } = this.#model;
    Object.assign(this.#model, { touched: true, clockMs: this.#machineMs });
    act(card, { type: "first", endsAtMs: this.#machineMs + 3 * DAY_MS }, this.#machineMs);
    const debit = {
      type: "debit",
      id: "d1",
      amountMicros: 4,
      currency: "EUR",
      minimumMicros: null,
      subject: null,
    } as const;
    this.#ask(this.#model, { command: debit, concurrentCalls: 2, destinationAllowed: true });
    await this.card.inspect();
    await this.#check("the first release's storage");
  }

  async play(operation: Operation): Promise<void> {
    await this.#do(operation);
    await this.#check(show(operation));
    this.report.operations += 1;
    this.report.kinds.add(operation.type);
  }

  /** The model's answer; the calendar of a revive is not what is under test. */
  #ask(model: ObjectModel, { command, concurrentCalls, destinationAllowed }: Asked): ModelReply {
    const { firstUsedAtMs, endsAtMs } = model.card;
    const nowMs = Math.max(model.clockMs, this.#machineMs);
    const life = { firstUsedAtMs, expiresAtMs: endsAtMs };
    const revive = reviveUntilMs(terms(this.#plan.revives), life, nowMs);
    return ask(model, command, { concurrentCalls, destinationAllowed, reviveUntilMs: revive }, this.#machineMs);
  }

  #same(what: string, actual: unknown, expected: unknown): void {
    if (equal(actual, expected)) return;
    throw new Error(`${what}: the object says ${show(actual)}, the model ${show(expected)}`);
  }

  async #do(operation: Operation): Promise<void> {
    switch (operation.type) {
      case "ask":
        return this.#asked(operation.asked);
      case "again": {
        const earlier = this.#history.at(-operation.back);
        return earlier ? this.#asked(earlier) : undefined;
      }
      case "burst":
        return this.#burst(operation.asked);
      case "crash_before":
      case "crash_after":
        return this.#crash(operation.asked, operation.type === "crash_after");
      case "fault": {
        this.#history.push(operation.asked);
        const reply = await this.card.askWithFault(operation.asked, operation.at);
        if (reply) this.#same(show(operation), reply, this.#ask(this.#model, operation.asked));
        else this.report.kinds.add("faulted");
        return;
      }
      case "fault_in_alarm":
        await this.card.alarmWithFault(operation.at);
        // Whether it got as far as settling is seen at the next access, which finds the same either way.
        await this.card.inspect();
        arrive(this.#model, this.#machineMs);
        return;
      case "redeem":
        return this.#redeem();
      case "block":
      case "unblock":
      case "close": {
        const { type } = operation;
        return this.#act({ type }, () => this.card.act({ action: type }));
      }
      case "extend": {
        const expiresAtMs = this.#machineMs + operation.byMs;
        return this.#act({ type: "prolong", expiresAtMs }, () => this.card.act({ action: "extend", expiresAtMs }));
      }
      case "recall":
        await this.card.recall();
        if (this.#model.touched) act(this.#model.card, { type: "recall" }, arrive(this.#model, this.#machineMs));
        return;
      case "evict":
        return this.card.evict();
      case "tick":
        this.#machineMs += operation.byMs;
        vi.setSystemTime(this.#machineMs);
        return;
      case "alarm":
        await this.card.alarm(operation.times);
        // The platform may have had none to run; the card settles at its next access all the same.
        await this.card.inspect();
        arrive(this.#model, this.#machineMs);
        return;
      default:
        throw new Error(`Nobody plays ${show(operation satisfies never)}.`);
    }
  }

  async #asked(asked: Asked): Promise<void> {
    this.#history.push(asked);
    const reply = await this.card.ask(asked);
    const expected = this.#ask(this.#model, asked);
    this.#same(show(asked), reply, expected);
    this.report.asked += 1;
    this.report.kinds.add(reply.ok ? `${asked.command.type}${reply.replayed ? " again" : ""}` : reply.code);
  }

  /** Some order of arrival must explain every reply and what is stored. */
  async #burst(all: readonly Asked[]): Promise<void> {
    this.#history.push(...all);
    const replies = await Promise.all(all.map((asked) => this.card.ask(asked)));
    const stored = await this.card.stored();
    for (const order of permutations(all.map((_, index) => index))) {
      const model = structuredClone(this.#model);
      const explains = order.every((index) => {
        const asked = all[index];
        return asked && equal(this.#ask(model, asked), replies[index]);
      });
      if (!explains || difference(stored, model) !== null) continue;
      this.#model = model;
      this.report.asked += all.length;
      return;
    }
    throw new Error(`no order explains ${show(all)} answered by ${show(replies)}`);
  }

  async #crash(asked: Asked, durable: boolean): Promise<void> {
    this.#history.push(asked);
    const applied = structuredClone(this.#model);
    this.#ask(applied, asked);
    await this.card.crash(asked, durable);
    // What was not durable may be lost as a whole, and never in part.
    const stored = await this.card.stored();
    const isLost = difference(stored, applied) !== null;
    if (durable || !isLost) this.#model = applied;
    if (isLost) this.report.kinds.add("lost");
  }

  async #redeem(): Promise<void> {
    const code = await this.card.redeem();
    const nowMs = arrive(this.#model, this.#machineMs);
    const { card } = this.#model;
    if (card.firstUsedAtMs !== null) {
      const status = statusOf(card, nowMs);
      const isAllowed = status === "active" || (status === "expired" && this.#isSeated);
      this.#same("redeem again", code, isAllowed ? null : `card_${status}`);
      if (code !== null) return;
      this.#isSeated = true;
      // A first seat on a card of the first release changes no money, and moves its clock.
      this.#model.clockMs = Number((await this.card.stored())?.card["clock_ms"]);
      return;
    }
    const endsBefore = card.endsAtMs;
    const ends = (await this.card.stored())?.card["expires_at_ms"] ?? null;
    this.#same("redeem", code, act(card, { type: "first", endsAtMs: ends === null ? null : Number(ends) }, nowMs));
    if (code !== null) return;
    this.#isSeated = true;
    Object.assign(this.#model, { touched: true, clockMs: nowMs });
    const isEarlier = endsBefore !== null && Number(ends) === endsBefore;
    const isNextDay = Number(ends) >= nowMs + DAY_MS && Number(ends) < nowMs + 2 * DAY_MS;
    if (!isEarlier && !isNextDay) throw new Error(`ends at ${ends}`);
  }

  async #act(change: ModelAct, send: () => Promise<string | null>): Promise<void> {
    const code = await send();
    const nowMs = arrive(this.#model, this.#machineMs);
    const { card } = this.#model;
    const expected = card.closed && change.type !== "close" ? "card_closed" : act(card, change, nowMs);
    this.#same(show(change), code, expected);
    if (code === null) Object.assign(this.#model, { touched: true, clockMs: nowMs });
  }

  async #check(after: string): Promise<void> {
    const stored = await this.card.stored();
    const wrong = difference(stored, this.#model);
    if (wrong !== null) throw new Error(`after ${after}, ${wrong}`);
    if (!stored) return;
    const clockMs = Number(stored.card["clock_ms"]);
    if (clockMs < Number(this.#stored?.card["clock_ms"] ?? 0))
      throw new Error(`after ${after}, L8 the clock went back`);
    this.#same("version", Number(stored.card["version"]) >= Number(this.#stored?.card["version"] ?? 0), true);
    // Notices that time alone causes move the card's clock as well.
    this.#model.clockMs = Math.max(this.#model.clockMs, clockMs);
    this.#stored = stored;
  }
}

function permutations(of: readonly number[]): number[][] {
  if (of.length <= 1) return [[...of]];
  return of.flatMap((first) => permutations(of.filter((each) => each !== first)).map((rest) => [first, ...rest]));
}

export async function play(plan: Plan): Promise<Report> {
  const game = new Game(plan);
  await game.start();
  for (const operation of plan.operations) await game.play(operation);
  return game.report;
}
