/** The ledger against its model: short random lives of a card, every step compared, every promise checked by itself. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { announcedSeed, endOnFailure, runs } from "../../support/model-runs.ts";
import { live, type Life } from "./life.ts";
import { COUNTEREXAMPLES } from "./counterexamples.ts";
import { lifeArbitrary } from "./steps.ts";

const RUNS = 120_000;

describe("the ledger and its model", () => {
  it.each(COUNTEREXAMPLES)("agree on what once told them apart: $name", ({ life }) => {
    live(life);
  });

  it("agree on every step of any short life of a card", () => {
    const numRuns = runs(RUNS);
    let lives = 0;
    let steps = 0;
    let applied = 0;
    const kinds = new Map<string, number>();
    fc.assert(
      fc.property(lifeArbitrary, (life: Life) => {
        const report = live(life);
        lives += 1;
        steps += report.steps;
        applied += report.applied;
        for (const kind of report.kinds) kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
      }),
      { numRuns, seed: announcedSeed("ledger model", numRuns), endOnFailure: endOnFailure() },
    );
    console.info(JSON.stringify(Object.fromEntries(kinds)));
    console.info(`ledger model: ${lives} lives, ${steps} steps, ${applied} applied`);
    expect(lives).toBe(numRuns);
    // A generator that stopped reaching a kind of posting or refusal would prove nothing about it.
    const seen = Object.fromEntries(kinds);
    for (const kind of REACHED) expect(seen[kind] ?? 0, kind).toBeGreaterThan(numRuns / 5000);
  }, 3_600_000);
});

const REACHED = [
  "first credit debit hold extend commit release hold_expired late reversal card_expired revive".split(" "),
  "insufficient_credit too_many_calls hold_unknown hold_settled sequence_gap commit_exceeds_hold not_found".split(" "),
  "card_blocked card_expired card_closed card_recalled card_not_redeemed card_not_activated invalid_input".split(" "),
  "currency_mismatch destination_not_allowed debt beyond_late".split(" "),
].flat();
