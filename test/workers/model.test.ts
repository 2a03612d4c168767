/** A card's object against its model: random requests, and everything that can go wrong between any two of them. */
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, inject, it, vi } from "vitest";
import { announcedSeed, endOnFailure, runs } from "../support/model-runs.ts";
import { COUNTEREXAMPLES } from "./model/counterexamples.ts";
import { plan } from "./model/operations.ts";
import { play } from "./model/play.ts";

const RUNS = 300;
/** Shrinking stops here, with the smallest found until then. */
const SHRINK_LIMIT_MS = 240_000;

beforeAll(() => {
  vi.useFakeTimers({ toFake: ["Date"] });
  vi.spyOn(console, "error").mockImplementation(() => undefined);
});
afterAll(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

describe("a card's object and its model", () => {
  it.each(COUNTEREXAMPLES)("agree on what once told them apart: $name", async ({ plan: kept }) => {
    await play(kept);
  });

  it("agree whatever is asked, repeated, reordered, lost or broken", async () => {
    const numRuns = runs(RUNS);
    const kinds = new Map<string, number>();
    let operations = 0;
    const details = await fc.check(
      fc.asyncProperty(plan, async (each) => {
        const report = await play(each);
        operations += report.operations;
        for (const kind of report.kinds) kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
      }),
      {
        numRuns,
        seed: announcedSeed("object model", numRuns),
        endOnFailure: endOnFailure(),
        interruptAfterTimeLimit: SHRINK_LIMIT_MS * Math.max(1, inject("modelScale")),
      },
    );
    if (details.failed) {
      // Said at once: a runtime that ends badly would take the summary with it.
      console.info(`${String(details.errorInstance)}\nseed ${details.seed} path ${details.counterexamplePath}`);
      console.info(JSON.stringify(details.counterexample));
    }
    expect(details.failed).toBe(false);
    expect(details.numRuns, "interrupted").toBe(numRuns);
    console.info(`object model: ${operations} operations ${JSON.stringify(Object.fromEntries(kinds))}`);
    if (numRuns >= RUNS) for (const kind of REACHED) expect(kinds.get(kind) ?? 0, kind).toBeGreaterThan(0);
  }, 3_600_000);
});

const REACHED = [
  "ask again burst crash_before crash_after fault faulted lost redeem block evict tick alarm close recall extend",
  "credit debit hold commit release hold_settled sequence_gap id_reused card_blocked card_expired card_not_redeemed",
].flatMap((line) => line.split(" "));
