/** Reports as the contract shows them: figures of batches, their totals, and how old the projection is. */
import { z } from "@hono/zod-openapi";
import { formatAmount } from "../../domain/money.ts";
import { SECOND_MS, toRfc3339 } from "../../domain/time.ts";
import { CARD_SUMS, type BatchFigures, type Figures, type Progress } from "../../storage/reports.ts";
import { timeOrNull, wireTime } from "./cards.ts";

export const projectionSchema = z
  .object({
    asOf: timeOrNull.openapi({ description: "When the newest change arrived; null when none has yet." }),
    lagSeconds: z
      .number()
      .int()
      .nullable()
      .openapi({ description: "How long it had been on its way: what happened since may be missing for that long." }),
  })
  .openapi("Projection", {
    description: "How old this list may be. A card itself, read by its serial, is never behind.",
  });

export const projectionWire = (progress: Progress): z.infer<typeof projectionSchema> => ({
  asOf: progress && toRfc3339(progress.asOfMs),
  lagSeconds: progress && Math.ceil(progress.lagMs / SECOND_MS),
});

/** Not the input's `money`: a sum may be beyond the largest amount. */
const sum = z.object({
  amount: z.string().openapi({ example: "10.00" }),
  currency: z.string().openapi({ example: "EUR" }),
});

const shape = {
  partner: z.string(),
  currency: z.string(),
  issued: z.object({ cards: z.number().int(), value: sum }).openapi({ description: "Quantity, and times face value." }),
  untouched: z.number().int().openapi({ description: "Cards nobody has touched: quantity - touched." }),
  redeemed: z.number().int(),
  unredeemed: z
    .object({ cards: z.number().int(), value: sum })
    .openapi({ description: "Never redeemed and still redeemable: not recalled, ended or closed. At face value." }),
  available: sum,
  held: sum,
  spent: sum,
  reversed: sum,
  expired: sum.openapi({ description: "Breakage: credit that was left when its card ended." }),
  credits: sum.openapi({ description: "Face values of redeemed cards and all that came on top." }),
  debt: sum,
  shortfall: sum.openapi({ description: "Used but not collected." }),
  liability: sum.openapi({ description: "What could still be spent: unredeemed + available + held." }),
};

export const totalsSchema = z.object(shape).openapi("ReportTotals");

export const batchReportSchema = z
  .object({
    batch: z.number().int(),
    label: z.string().optional(),
    kind: z.enum(["card", "voucher"]),
    mode: z.enum(["live", "test"]).openapi({ description: "Test batches are not in the totals." }),
    status: z.enum(["active", "paused", "recalled"]),
    ...shape,
    asOf: timeOrNull.openapi({ description: "When the newest change of one of its cards arrived." }),
  })
  .openapi("BatchReport");

export function figuresWire(figures: Figures): z.infer<typeof totalsSchema> {
  const { partner, currency, sums, unredeemedMicros } = figures;
  const money = (micros: bigint) => ({ amount: formatAmount(micros, currency), currency });
  const named = Object.fromEntries(CARD_SUMS.map((name) => [name, money(sums[name])])) as Record<
    (typeof CARD_SUMS)[number],
    { amount: string; currency: string }
  >;
  return {
    partner,
    currency,
    issued: { cards: figures.issuedCards, value: money(figures.issuedMicros) },
    untouched: figures.untouched,
    redeemed: figures.redeemed,
    unredeemed: { cards: figures.unredeemedCards, value: money(unredeemedMicros) },
    ...named,
    liability: money(unredeemedMicros + sums.available + sums.held),
  };
}

export const batchReportWire = (figures: BatchFigures): z.infer<typeof batchReportSchema> => ({
  batch: figures.number,
  ...(figures.label !== null && { label: figures.label }),
  kind: figures.kind,
  mode: figures.mode,
  status: figures.status,
  ...figuresWire(figures),
  asOf: wireTime(figures.asOfMs),
});
