import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decideStanding, mergeRange, type CardRange } from "../../src/domain/standing.ts";
import type { Standing } from "../../src/domain/terms.ts";

const standing: Standing = { version: 1, status: "active", untouchedRecalled: false, recalledRanges: [] };
const decide = (from: Standing, status: Standing["status"], range: CardRange | null = null) =>
  decideStanding(from, 10_000, { status, range });

describe("standing", () => {
  it("counts a version for a change and none for a repetition", () => {
    expect(decide(standing, "paused")).toEqual({ ok: true, value: { ...standing, status: "paused", version: 2 } });
    expect(decide(standing, "active")).toEqual({ ok: true, value: standing });
    const ranged = { ...standing, recalledRanges: [[5, 20]] as CardRange[] };
    expect(decide(ranged, "recalled", [6, 20])).toEqual({ ok: true, value: ranged });
  });

  it("never takes a recall back", () => {
    const recalled: Standing = { ...standing, status: "recalled", version: 4 };
    expect(decide(recalled, "active").ok).toBe(false);
    expect(decide(recalled, "paused").ok).toBe(false);
    expect(decide(recalled, "recalled")).toEqual({ ok: true, value: recalled });
    expect(decide(recalled, "recalled", [1, 5])).toEqual({ ok: true, value: recalled });
  });

  it("refuses ranges that are none", () => {
    expect(decide(standing, "paused", [1, 5]).ok).toBe(false);
    expect(decide(standing, "recalled", [5, 1]).ok).toBe(false);
    expect(decide(standing, "recalled", [1, 10_001]).ok).toBe(false);
  });

  it("keeps at most 1000 ranges", () => {
    const full = {
      ...standing,
      recalledRanges: Array.from({ length: 1000 }, (_, i): CardRange => [3 * i + 1, 3 * i + 1]),
    };
    expect(decide(full, "recalled", [9000, 9000]).ok).toBe(false);
    // One that closes a gap makes fewer.
    const merged = decide(full, "recalled", [1, 10]);
    expect(merged.ok && merged.value.recalledRanges.length).toBe(997);
  });

  it("merges into sorted, disjoint ranges that hold exactly what was recalled", () => {
    const range = fc
      .tuple(fc.integer({ min: 1, max: 60 }), fc.nat(8))
      .map(([from, more]): CardRange => [from, from + more]);
    fc.assert(
      fc.property(fc.array(range, { maxLength: 20 }), (ranges) => {
        let merged: CardRange[] = [];
        for (const next of ranges) merged = mergeRange(merged, next);
        for (let i = 1; i < merged.length; i++) expect(merged[i]![0]).toBeGreaterThan(merged[i - 1]![1] + 1);
        const inAny = (list: readonly CardRange[], card: number) =>
          list.some(([from, to]) => card >= from && card <= to);
        for (let card = 0; card <= 70; card++) expect(inAny(merged, card)).toBe(inAny(ranges, card));
      }),
    );
  });
});
