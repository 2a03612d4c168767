import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { CardState } from "../../src/domain/card.ts";
import type { Hold } from "../../src/domain/hold.ts";
import type { Command, Context, Posting } from "../../src/domain/ledger/commands.ts";
import { decide, isDue, NO_CONTEXT } from "../../src/domain/ledger/decide.ts";
import { compareBooks, emptyReplay, MAX_FINDINGS, replay } from "../../src/domain/ledger/replay.ts";
import { DAY_MS } from "../../src/domain/time.ts";
import { credit, debit, FACE_MICROS, NOW_MS, untouched } from "../support/card-states.ts";

type Book = { readonly state: CardState; readonly postings: readonly Posting[] };

const micros = fc.oneof(fc.integer({ min: 1, max: 8_000_000 }), fc.constantFrom(1, FACE_MICROS));
const holdId = fc.constantFrom("h1", "h2", "h3");
const overrun = fc.constantFrom("refuse", "collect" as const);
const command: fc.Arbitrary<Command> = fc.oneof(
  micros.map((a) => credit(a)),
  micros.map((a) => debit(a, { minimumMicros: 1 })),
  fc.tuple(holdId, micros, fc.integer({ min: 1, max: 7200 })).map(([id, amountMicros, ttlSeconds]): Command => ({
    type: "hold",
    id,
    amountMicros,
    currency: "EUR",
    ttlSeconds,
    minimumMicros: 1,
    subject: null,
    destination: null,
    reference: null,
  })),
  fc.tuple(holdId, fc.nat(9_000_000), micros, overrun).map(([id, usedMicros, amountMicros, over]): Command => ({
    type: "extend",
    id,
    sequence: 1,
    usedMicros,
    amountMicros,
    ttlSeconds: 60,
    overrun: over,
  })),
  fc
    .tuple(holdId, fc.nat(9_000_000), overrun)
    .map(([id, usedMicros, over]): Command => ({ type: "commit", id, usedMicros, overrun: over })),
  holdId.map((id): Command => ({ type: "release", id, reason: null })),
  fc
    .tuple(fc.constantFrom("credit_reversal", "debit_reversal" as const), micros)
    .map(([type, amountMicros]): Command => ({ type, id: "r", original: "o", amountMicros, reason: "r" })),
  fc.constantFrom<Command>({ type: "block" }, { type: "unblock" }),
);
const steps = fc.array(fc.record({ command, waitMs: fc.oneof(fc.nat(60_000), fc.nat(2 * DAY_MS)) }), { maxLength: 40 });

/** Plays the commands as a card's object would: what is due first, then the command with its hold. */
function play(plan: readonly { command: Command; waitMs: number }[], withReversals: boolean): Book {
  const holds = new Map<string, Hold>();
  const postings: Posting[] = [];
  let state = untouched();
  let nowMs = NOW_MS;
  const run = (next: Command, context: Partial<Context>) => {
    const decision = decide(state, next, { ...NO_CONTEXT, concurrentCalls: 3, ...context }, nowMs);
    if (!decision.ok) return;
    ({ state } = decision.value);
    postings.push(...decision.value.postings);
    if (decision.value.hold) holds.set(decision.value.hold.id, decision.value.hold);
  };
  run({ type: "first", endsAtMs: NOW_MS + 5 * DAY_MS }, {});
  for (const { command: next, waitMs } of plan) {
    nowMs += waitMs;
    for (let due = isDue(state, nowMs); due !== null; due = isDue(state, nowMs))
      run({ type: due.type }, { hold: due.type === "expire_hold" ? holds.get(due.id) : undefined });
    const isReversal = next.type === "credit_reversal" || next.type === "debit_reversal";
    if (isReversal && !withReversals) continue;
    if (next.type === "hold" && holds.has(next.id)) continue;
    // What a reversal may take is what such postings moved: here the whole of it, so that debt comes about.
    const movedMicros = next.type === "debit_reversal" ? state.balance.spent : state.balance.credits;
    const reversedMicros = next.type === "debit_reversal" ? 0 : state.balance.reversed;
    run(next, {
      hold: "id" in next ? holds.get(next.id) : undefined,
      original: isReversal ? { movedMicros, reversedMicros } : undefined,
      reviveUntilMs: nowMs + DAY_MS,
    });
  }
  return { state, postings };
}

const findings = ({ state, postings }: Book): string[] => {
  const replayed = replay(emptyReplay, postings);
  return [...replayed.findings, ...compareBooks(replayed, state)];
};

describe("replaying the postings", () => {
  it("proves whatever the ledger decided, holds, reversals, breakage and revival included", () => {
    const types = new Set<string>();
    fc.assert(
      fc.property(steps, fc.boolean(), (plan, withReversals) => {
        const book = play(plan, withReversals);
        for (const { type } of book.postings) types.add(type);
        expect(findings(book)).toEqual([]);
      }),
      { numRuns: 1500 },
    );
    // The property says nothing about postings that never came up.
    expect([...types].toSorted()).toEqual(
      [
        "card_expired",
        "commit",
        "credit",
        "debit",
        "extend",
        "first",
        "hold",
        "hold_expired",
        "late",
        "release",
        "reversal",
        "revive",
      ].toSorted(),
    );
  });

  it("says the same in pages as in one", () => {
    fc.assert(
      fc.property(steps, fc.nat(20), (plan, at) => {
        const { postings } = play(plan, true);
        const inPages = replay(replay(emptyReplay, postings.slice(0, at)), postings.slice(at));
        expect(inPages).toEqual(replay(emptyReplay, postings));
      }),
    );
  });

  it("finds any posting that was altered or is gone", () => {
    const alteration = fc.constantFrom("amountMicros", "availableMicros", "shortfallMicros", "seq", "gone" as const);
    fc.assert(
      fc.property(steps, fc.nat(), alteration, fc.integer({ min: 1, max: 5 }), (plan, pick, what, by) => {
        const { state, postings } = play(plan, true);
        const at = pick % postings.length;
        const altered = postings.flatMap((posting, index) => {
          if (index !== at) return [posting];
          return what === "gone" ? [] : [{ ...posting, [what]: posting[what] + by }];
        });
        expect(findings({ state, postings: altered })).not.toEqual([]);
      }),
      { numRuns: 1000 },
    );
  });

  it("finds any stored balance that is another one", () => {
    const term = fc.constantFrom("available", "held", "expired", "credits", "spent", "reversed", "debt" as const);
    fc.assert(
      fc.property(steps, term, fc.integer({ min: 1, max: 5 }), (plan, which, by) => {
        const { state, postings } = play(plan, false);
        const balance = { ...state.balance, [which]: state.balance[which] + by };
        expect(findings({ state: { ...state, balance }, postings })).not.toEqual([]);
      }),
    );
  });

  it("names what is wrong once, and no more than can be read", () => {
    const { state, postings } = play([{ command: debit(1_000_000), waitMs: 0 }], false);
    const [first, second] = postings;
    if (!first || !second) throw new Error("two postings");
    expect(findings({ state, postings: [first, { ...second, amountMicros: -2_000_000 }] })).toEqual([
      "posting 2 (debit) of -2000000 on 10000000 leaves 9000000 available",
      "spent is 1000000, the postings say 2000000",
    ]);
    expect(findings({ state, postings: [second] })).toContain("posting 1 is missing before 2");
    expect(findings({ state: { ...state, faceValueMicros: 1 }, postings })).toEqual([
      "the face value is 1, the postings say 10000000",
    ]);
    const broken = Array.from({ length: 50 }, (_, index) => ({ ...second, seq: index * 2 }));
    expect(replay(emptyReplay, broken).findings).toHaveLength(MAX_FINDINGS);
  });

  it("knows postings that cannot be what they say", () => {
    const { postings } = play([{ command: debit(1_000_000), waitMs: 0 }], false);
    const [first, second] = postings;
    if (!first || !second) throw new Error("two postings");
    for (const type of ["first", "credit", "hold", "release", "card_expired", "revive", "transfer_in"] as const)
      expect(replay(emptyReplay, [first, { ...second, type }]).findings).toEqual([
        `posting 2 cannot be a ${type}: available -1000000, held 0`,
      ]);
  });
});
