/**
 * Clients at one card at the same time, with evictions and crashes between: every reply must be what the card, doing
 * one request after the other in an order that respects real time, would have given (L9, L10).
 */
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { equal } from "../support/equal.ts";
import { linearize, type Call, type Sequential } from "../support/linearizability.ts";
import { announcedSeed, endOnFailure, runs } from "../support/model-runs.ts";
import { ask, newObject, type ModelReply, type ObjectModel } from "../support/object-model.ts";
import { act, availableOf } from "../support/card-model.ts";
import { CardUnderTest } from "./model/card-under-test.ts";
import { difference } from "./model/difference.ts";
import { asked, type Asked } from "./model/operations.ts";

const RUNS = 120;
const NOW_MS = Date.UTC(2031, 0, 1, 12);
const CLIENTS = 4;
const PATIENCE_MS = 400;

/** What a client does next to its requests: nothing, or it makes the instance go away under everybody's calls. */
type Move = { readonly asked: Asked; readonly before: "nothing" | "evict" | "abort" };
const move: fc.Arbitrary<Move> = fc.record(
  {
    asked,
    before: fc.oneof(
      { weight: 12, arbitrary: fc.constant("nothing" as const) },
      { weight: 1, arbitrary: fc.constant("evict" as const) },
      { weight: 1, arbitrary: fc.constant("abort" as const) },
    ),
  },
  { noNullPrototype: true },
);
const clients = fc.array(fc.array(move, { minLength: 2, maxLength: 6, size: "max" }), {
  minLength: CLIENTS,
  maxLength: CLIENTS,
  size: "max",
});

const rules = { reviveUntilMs: null };
const sequential = (start: ObjectModel): Sequential<ObjectModel, Asked, ModelReply> => ({
  start,
  apply: (before, { command, concurrentCalls, destinationAllowed }) => {
    const state = structuredClone(before);
    return { reply: ask(state, command, { ...rules, concurrentCalls, destinationAllowed }, NOW_MS), state };
  },
  equal,
  key: ({ card, pinned }) => JSON.stringify([availableOf(card), { ...card, lines: card.lines.length }, pinned]),
});

type History = Call<Asked, ModelReply>[];

/** A call to an instance that went away may never end; a client does not wait for ever either. */
const patiently = <T>(work: Promise<T>): Promise<T | undefined> =>
  Promise.race([
    work.catch(() => undefined),
    new Promise<undefined>((resolve) => {
      setTimeout(() => resolve(undefined), PATIENCE_MS);
    }),
  ]);

/** Everybody at once; each client waits for its own replies only. */
async function record(
  card: CardUnderTest,
  all: readonly (readonly Move[])[],
): Promise<{ history: History; lost: number }> {
  const history: History = [];
  let clock = 0;
  let lost = 0;
  await Promise.all(
    all.map(async (moves) => {
      for (const each of moves) {
        if (each.before === "evict") await patiently(card.evict());
        if (each.before === "abort") await patiently(card.abort());
        const startedAt = (clock += 1);
        const reply = await patiently(card.ask(each.asked));
        clock += 1;
        if (reply === undefined) lost += 1;
        history.push({ request: each.asked, startedAt, endedAt: reply ? clock : Infinity, reply });
      }
    }),
  );
  return { history, lost };
}

beforeAll(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: NOW_MS });
});
afterAll(() => {
  vi.useRealTimers();
});

describe("clients at one card at the same time", () => {
  it("get the replies of some order that respects real time", async () => {
    const numRuns = runs(RUNS);
    let calls = 0;
    let without = 0;
    let overlapping = 0;
    await fc.assert(
      fc.asyncProperty(clients, async (all) => {
        const card = new CardUnderTest(false);
        await card.redeem();
        const start = newObject();
        const ends = Number((await card.stored())?.card["expires_at_ms"]);
        act(start.card, { type: "first", endsAtMs: ends }, NOW_MS);
        Object.assign(start, { touched: true, clockMs: NOW_MS });
        const { history, lost } = await record(card, all);
        calls += history.length;
        without += lost;
        overlapping += history.filter((a) =>
          history.some((b) => b !== a && b.startedAt < a.endedAt && a.startedAt < b.endedAt),
        ).length;
        const stored = await card.stored();
        // A call without a reply may have had its effect or not: what is stored tells, and must fit as well.
        const order = linearize(history, sequential(start), (state) => difference(stored, state) === null);
        if (!order) throw new Error(`no order explains ${JSON.stringify({ history, stored })}`);
      }),
      { numRuns, seed: announcedSeed("linearizability", numRuns), endOnFailure: endOnFailure() },
    );
    console.info(`linearizability: ${calls} calls, ${overlapping} overlapping, ${without} without a reply`);
    expect(overlapping).toBeGreaterThan(calls / 2);
  }, 3_600_000);
});
