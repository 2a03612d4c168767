import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { conserves } from "../../src/domain/balance.ts";
import type { CardState } from "../../src/domain/card.ts";
import type { Command, Posting } from "../../src/domain/ledger/commands.ts";
import { decide, NO_CONTEXT } from "../../src/domain/ledger/decide.ts";
import { MAX_AMOUNT_MICROS } from "../../src/domain/money.ts";
import { DAY_MS } from "../../src/domain/time.ts";
import { cardState, credit, debit, FACE_MICROS, indebted, NOW_MS, untouched } from "../support/card-states.ts";

const amount = fc.oneof(fc.integer({ min: 1, max: 20_000_000 }), fc.constantFrom(1, FACE_MICROS, MAX_AMOUNT_MICROS));
const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.tuple(amount, fc.constantFrom("EUR", "EUR", "USD")).map(([a, currency]) => credit(a, { currency })),
  },
  {
    weight: 4,
    arbitrary: fc
      .tuple(amount, fc.option(fc.double({ min: 0, max: 1, noNaN: true })))
      .map(([a, share]) => debit(a, { minimumMicros: share === null ? null : Math.max(1, Math.floor(a * share)) })),
  },
  {
    weight: 1,
    arbitrary: fc.option(fc.nat(3 * DAY_MS)).map((ms) => ({ type: "first", endsAtMs: ms && NOW_MS + ms }) as const),
  },
  {
    weight: 3,
    arbitrary: fc.constantFrom<Command>(
      { type: "block" },
      { type: "unblock" },
      { type: "unblock" },
      { type: "activate" },
      { type: "deactivate" },
    ),
  },
  { weight: 1, arbitrary: fc.nat(5 * DAY_MS).map((ms) => ({ type: "prolong", expiresAtMs: NOW_MS + ms }) as const) },
);
const start = fc.constantFrom<CardState>(
  untouched(),
  untouched({ onSale: true }),
  untouched({ expiresAtMs: NOW_MS + DAY_MS }),
  cardState(),
  indebted,
);
const step = fc.record({ command, waitMs: fc.oneof(fc.constant(0), fc.nat(3_600_000), fc.nat(2 * DAY_MS)) });

/** The books from the postings alone: available is where the last one left it, or their sum, whichever way it is read. */
const replayed = (postings: readonly Posting[], from: number): number =>
  postings.reduce((sum, { amountMicros }) => sum + amountMicros, from);

describe("any sequence of commands", () => {
  it("keeps the books: conserved, never below zero, one version a change, refusals without effect", () => {
    fc.assert(
      fc.property(start, fc.array(step, { maxLength: 40 }), (first, steps) => {
        let state = first;
        let nowMs = NOW_MS;
        const book: Posting[] = [];
        for (const { command: next, waitMs } of steps) {
          nowMs += waitMs;
          if (next.type === "first" && state.firstUsedAtMs !== null) continue;
          const before = structuredClone(state);
          const decision = decide(state, next, NO_CONTEXT, nowMs);
          expect(state).toEqual(before);
          if (!decision.ok) continue;
          const after = decision.value.state;
          expect(conserves(after.balance)).toBe(true);
          expect(after.version).toBe(state.version + 1);
          expect(after.clockMs).toBe(nowMs);
          expect(after.balance.credits).toBeGreaterThanOrEqual(state.balance.credits);
          expect(after.balance.spent).toBeGreaterThanOrEqual(state.balance.spent);
          // Money moves with a posting and never without one.
          expect(decision.value.postings.length > 0).toBe(
            JSON.stringify(after.balance) !== JSON.stringify(state.balance),
          );
          for (const posting of decision.value.postings) {
            expect(posting).toMatchObject({
              atMs: nowMs,
              seq: state.lastSeq + 1,
              availableMicros: after.balance.available,
            });
            expect(posting.amountMicros).toBe(after.balance.available - state.balance.available);
          }
          book.push(...decision.value.postings);
          expect(after.lastSeq).toBe(state.lastSeq + decision.value.postings.length);
          state = after;
        }
        expect(replayed(book, first.balance.available)).toBe(state.balance.available);
        expect(book.filter(({ type }) => type === "first").length).toBeLessThanOrEqual(1);
      }),
      { numRuns: 1000 },
    );
  });

  it("never gives more than was credited", () => {
    fc.assert(
      fc.property(fc.array(command, { maxLength: 40 }), (commands) => {
        let state = cardState();
        let credited = FACE_MICROS;
        let collected = 0;
        for (const next of commands) {
          if (next.type === "first") continue;
          const decision = decide(state, next, NO_CONTEXT, NOW_MS);
          if (!decision.ok) continue;
          state = decision.value.state;
          if (next.type === "credit") credited += decision.value.applied.movedMicros;
          if (next.type === "debit") collected += decision.value.applied.movedMicros;
          expect(collected).toBeLessThanOrEqual(credited);
          expect(state.balance.available).toBe(credited - collected);
        }
      }),
      { numRuns: 500 },
    );
  });

  it("halts on a clock that goes back, and on books that do not add up", () => {
    expect(() => decide(cardState(), { type: "block" }, NO_CONTEXT, NOW_MS - 1)).toThrow(/clock never goes back/);
    const broken = cardState({ balance: { ...cardState().balance, available: FACE_MICROS + 1 } });
    expect(() => decide(broken, { type: "block" }, NO_CONTEXT, NOW_MS)).toThrow(/add up/);
    const fraction = { ...cardState().balance, available: 0.5, credits: 0.5 };
    expect(() => decide(cardState({ balance: fraction }), { type: "block" }, NO_CONTEXT, NOW_MS)).toThrow(/add up/);
    const negative = { ...cardState().balance, available: -1, spent: FACE_MICROS + 1 };
    expect(() => decide(cardState({ balance: negative }), { type: "block" }, NO_CONTEXT, NOW_MS)).toThrow(/add up/);
  });
});
