/**
 * What an operator may decide about an issued batch: pause and resume it, recall it or some of its cards.
 * Recall is final, because a card that was refused once may have been thrown away. Pure.
 */
import { invalidField, type Refusal } from "./errors.ts";
import { err, ok, type Result } from "./result.ts";
import { MAX_RECALLED_RANGES, type BatchStatus, type Standing } from "./terms.ts";

export type CardRange = readonly [from: number, to: number];

/** With `range`, only those cards; it goes with `recalled` alone. */
export type StandingChange = { readonly status: BatchStatus; readonly range: CardRange | null };

/** The next standing; the very same object when nothing changes, so that repeating a decision costs no version. */
export function decideStanding(
  standing: Standing,
  quantity: number,
  { status, range }: StandingChange,
): Result<Standing, Refusal> {
  if (range) return status === "recalled" ? recallRange(standing, quantity, range) : err(RANGE_WITHOUT_RECALL);
  if (status === standing.status) return ok(standing);
  if (standing.status === "recalled") return err(RECALL_IS_FINAL);
  return ok({ ...standing, status, version: standing.version + 1 });
}

const RANGE_WITHOUT_RECALL = invalidField(
  "/from",
  "Only a recall can name cards; the whole batch is paused or resumed.",
);
const RECALL_IS_FINAL = invalidField("/status", "This batch was recalled, and a recall is final; issue a new batch.");

function recallRange(standing: Standing, quantity: number, range: CardRange): Result<Standing, Refusal> {
  const [from, to] = range;
  if (from > to) return err(invalidField("/from", "from must not be after to."));
  if (to > quantity) return err(invalidField("/to", `The batch has ${quantity} cards.`));
  if (standing.status === "recalled" || covers(standing.recalledRanges, range)) return ok(standing);
  const recalledRanges = mergeRange(standing.recalledRanges, range);
  return recalledRanges.length > MAX_RECALLED_RANGES
    ? err(invalidField("/from", `At most ${MAX_RECALLED_RANGES} separate ranges; recall the batch, or wider ranges.`))
    : ok({ ...standing, recalledRanges, version: standing.version + 1 });
}

const covers = (ranges: readonly CardRange[], [from, to]: CardRange): boolean =>
  ranges.some(([start, end]) => start <= from && to <= end);

/** Sorted and disjoint before, sorted and disjoint after; ranges that touch become one. */
export function mergeRange(ranges: readonly CardRange[], range: CardRange): CardRange[] {
  let [from, to] = range;
  const apart = ranges.filter(([start, end]) => end + 1 < from || start > to + 1);
  for (const [start, end] of ranges) {
    if (end + 1 < range[0] || start > range[1] + 1) continue;
    from = Math.min(from, start);
    to = Math.max(to, end);
  }
  return [...apart, [from, to] as const].toSorted(([a], [b]) => a - b);
}

/** Cards that a recall concerns; with `unusedOnly` those of them without a first use. */
export type RecallSpan = { readonly from: number; readonly to: number; readonly unusedOnly: boolean };

/** Whom a standing recalls, as sorted and disjoint spans of card numbers; empty = nobody. */
export function recallSpans(standing: Standing, quantity: number): RecallSpan[] {
  if (standing.status === "recalled") return [{ from: 1, to: quantity, unusedOnly: false }];
  const spans: RecallSpan[] = [];
  let next = 1;
  const fill = (to: number) => {
    if (standing.untouchedRecalled && next <= to) spans.push({ from: next, to, unusedOnly: true });
  };
  for (const [from, to] of standing.recalledRanges) {
    fill(from - 1);
    spans.push({ from, to, unusedOnly: false });
    next = to + 1;
  }
  fill(quantity);
  return spans;
}
