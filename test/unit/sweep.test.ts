import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { mergeRange, recallSpans, type CardRange } from "../../src/domain/standing.ts";
import { afterSlice, COPIES_GONE_MS, type Sweep } from "../../src/domain/sweep.ts";
import { isRecalled } from "../../src/domain/terms.ts";
import { standing } from "../support/card-states.ts";

const QUANTITY = 40;
const ranges = fc
  .array(fc.tuple(fc.integer({ min: 1, max: QUANTITY }), fc.integer({ min: 0, max: 5 })), { maxLength: 8 })
  .map((pairs) =>
    pairs.reduce<CardRange[]>((all, [from, more]) => mergeRange(all, [from, Math.min(QUANTITY, from + more)]), []),
  );

it("spans are exactly the cards a standing recalls, in order and once", () => {
  fc.assert(
    fc.property(ranges, fc.boolean(), fc.boolean(), (recalledRanges, untouchedRecalled, whole) => {
      const now = standing({ recalledRanges, untouchedRecalled, status: whole ? "recalled" : "active" });
      const spans = recallSpans(now, QUANTITY);
      let last = 0;
      for (const { from, to } of spans) {
        expect(from).toBeGreaterThan(last);
        expect(to).toBeGreaterThanOrEqual(from);
        last = to;
      }
      expect(last).toBeLessThanOrEqual(QUANTITY);
      for (let card = 1; card <= QUANTITY; card += 1) {
        const span = spans.find(({ from, to }) => card >= from && card <= to);
        expect(span !== undefined && !span.unusedOnly).toBe(isRecalled(now, card));
        expect(span !== undefined).toBe(isRecalled(now, card) || untouchedRecalled);
      }
    }),
  );
});

describe("after a slice", () => {
  const NOW = 1_000_000;
  const sweep: Sweep = {
    batch: 1,
    total: 10,
    done: 4,
    afterCard: 7,
    missed: 0,
    roundAtMs: NOW,
    dueAtMs: NOW,
    untilMs: NOW + COPIES_GONE_MS,
    updatedAtMs: NOW,
  };
  const slice = { lastCard: 9, hasMore: false, told: 2, missed: 0 };

  it("goes on where it was while there is more", () => {
    expect(afterSlice(sweep, { ...slice, hasMore: true }, NOW + 5)).toMatchObject({
      done: 6,
      afterCard: 9,
      dueAtMs: NOW + 5,
      roundAtMs: NOW,
    });
  });

  it("begins another round in a minute while old copies may live, and ends with one that began after", () => {
    expect(afterSlice(sweep, slice, NOW + 5)).toMatchObject({ afterCard: 0, dueAtMs: NOW + 60_005 });
    const last = { ...sweep, roundAtMs: sweep.untilMs, dueAtMs: sweep.untilMs };
    expect(afterSlice(last, slice, sweep.untilMs + 1).dueAtMs).toBeNull();
    const early = { ...sweep, roundAtMs: sweep.untilMs - 1 };
    expect(afterSlice(early, slice, sweep.untilMs + 1).dueAtMs).toBe(sweep.untilMs + 60_001);
  });

  it("comes back to cards that did not answer, for a day", () => {
    const late = { ...sweep, roundAtMs: sweep.untilMs, missed: 1 };
    const again = afterSlice(late, slice, sweep.untilMs);
    expect(again).toMatchObject({ afterCard: 0, missed: 0, dueAtMs: sweep.untilMs + 300_000 });
    const dayLater = { ...late, roundAtMs: sweep.untilMs + 86_400_000 };
    expect(afterSlice(dayLater, slice, dayLater.roundAtMs).dueAtMs).toBeNull();
  });
});
