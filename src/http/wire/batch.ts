/** Batches on the wire: the order as it is asked for, and the batch as it is answered. */
import { z } from "@hono/zod-openapi";
import {
  faceValueMicros,
  MAX_DAYS,
  MAX_DEVICES,
  MAX_LABEL_LENGTH,
  MAX_QUANTITY,
  oddsOf,
  type Batch,
  type BatchOrder,
} from "../../domain/batch.ts";
import { formatAmount } from "../../domain/money.ts";
import { formatSerial } from "../../domain/serial.ts";
import type { Bonus } from "../../domain/terms.ts";
import { isCalendarDate, toRfc3339 } from "../../domain/time.ts";
import { amount, currency, microsOf, money, positiveAmount, visibleText } from "../schemas.ts";

const days = z.number().int().min(1).max(MAX_DAYS);

const expiry = z
  .strictObject({
    at: z.string().refine(isCalendarDate, "A day of the calendar as YYYY-MM-DD.").optional(),
    daysAfterFirstUse: days.optional(),
    daysAfterIssue: days.optional(),
  })
  .openapi({ description: "At least one rule; the earliest applies. Days end in the partner's time zone." });

const MAX_MULTIPLIER_MICROS = 100_000_000;
const multiplier = positiveAmount
  .refine((text) => microsOf(text) <= MAX_MULTIPLIER_MICROS, "At most 100.")
  .openapi({ type: "string", example: "1.10" });

const bonus = z
  .strictObject({ minimumPayment: amount, multiplier: multiplier.optional(), addition: amount.optional() })
  .openapi({
    description:
      "Vouchers only. A minimum payment of 0 is free credit; otherwise the code goes into a top-up order and pays when the payment does.",
  });

const shape = {
  partner: z.string().max(64).optional().openapi({ description: "Required with, and shown to, operator keys." }),
  brand: z.string().max(64),
  profile: z.string().max(64).optional().openapi({ description: "Cards need one, vouchers take none." }),
  kind: z.enum(["card", "voucher"]),
  quantity: z.number().int().min(1).max(MAX_QUANTITY),
  credit: z.strictObject({ amount: positiveAmount, currency }).openapi({ description: "The face value of each card." }),
  expiry,
  maxDevices: z.number().int().min(1).max(MAX_DEVICES).default(1),
  format: z.enum(["base32", "keypad18"]).default("base32"),
  activation: z.enum(["issued", "on_sale"]).default("issued"),
  onExpiredTopUp: z.enum(["refuse", "revive"]).default("refuse"),
  graceDays: z.number().int().min(0).max(MAX_DAYS).default(0),
  bonus: bonus.optional(),
  mode: z.enum(["live", "test"]).default("live"),
  label: visibleText(MAX_LABEL_LENGTH).optional(),
};

export const batchInput = z.strictObject(shape).openapi("BatchInput");

export const BATCH_STATUSES = ["active", "paused", "recalled"] as const;

export const batchOutput = z
  .object({
    ...shape,
    number: z.number().int(),
    status: z.enum(BATCH_STATUSES),
    firstSerial: z.string().openapi({ example: "000012-0000001" }),
    lastSerial: z.string(),
    guessOdds: z
      .object({ oneIn: z.string(), guessesPerSecond: z.number(), yearsToOneExpectedHit: z.number() })
      .openapi({ description: "At issue: one guess in `oneIn` hits a card that was live then." }),
    liability: money.openapi({ description: "Face value issued: quantity times credit. Reports have today's figure." }),
    createdAt: z.string(),
    sweep: z.object({ total: z.number().int(), done: z.number().int(), updatedAt: z.string() }).optional().openapi({
      description:
        "After a recall: touched cards it concerns, and those known to obey. Repeated until every older copy of the terms has expired.",
    }),
  })
  .openapi("Batch");

/** For checked input; names are looked up as they stand, an unknown one is refused there. */
export function orderOf(input: z.infer<typeof batchInput>, partner: string): BatchOrder {
  const { brand, kind, quantity, credit, maxDevices, format, activation, onExpiredTopUp, graceDays, mode } = input;
  return {
    partner,
    brand,
    profile: input.profile ?? null,
    kind,
    mode,
    quantity,
    format,
    creditMicros: microsOf(credit.amount),
    currency: credit.currency,
    expiry: {
      at: input.expiry.at ?? null,
      daysAfterFirstUse: input.expiry.daysAfterFirstUse ?? null,
      daysAfterIssue: input.expiry.daysAfterIssue ?? null,
    },
    maxDevices,
    activation,
    onExpiredTopUp,
    graceDays,
    bonus: input.bonus === undefined ? null : bonusOf(input.bonus, credit.currency),
    label: input.label ?? null,
  };
}

const respelled = (text: string, code: string): string => formatAmount(microsOf(text), code);

const bonusOf = (given: z.infer<typeof bonus>, code: string): Bonus => ({
  minimumPayment: respelled(given.minimumPayment, code),
  ...(given.multiplier !== undefined && { multiplier: given.multiplier }),
  ...(given.addition !== undefined && { addition: respelled(given.addition, code) }),
});

export function batchWire(batch: Batch, showPartner: boolean): z.infer<typeof batchOutput> {
  const { number, partner, profile, currency: code, quantity, label, sweep } = batch;
  const { at, daysAfterFirstUse, daysAfterIssue } = batch.expiry;
  return {
    ...(showPartner && { partner }),
    brand: batch.brand,
    ...(profile !== null && { profile }),
    kind: batch.kind,
    quantity,
    credit: { amount: formatAmount(batch.creditMicros, code), currency: code },
    expiry: {
      ...(at !== null && { at }),
      ...(daysAfterFirstUse !== null && { daysAfterFirstUse }),
      ...(daysAfterIssue !== null && { daysAfterIssue }),
    },
    maxDevices: batch.maxDevices,
    format: batch.format,
    activation: batch.activation,
    onExpiredTopUp: batch.onExpiredTopUp,
    graceDays: batch.graceDays,
    ...(batch.bonus !== null && { bonus: batch.bonus }),
    mode: batch.mode,
    ...(label !== null && { label }),
    number,
    status: batch.status,
    firstSerial: formatSerial({ batch: number, card: 1 }),
    lastSerial: formatSerial({ batch: number, card: quantity }),
    guessOdds: oddsOf(batch),
    liability: { amount: formatAmount(faceValueMicros(batch), code), currency: code },
    createdAt: toRfc3339(batch.createdAtMs),
    ...(sweep && { sweep: { total: sweep.total, done: sweep.done, updatedAt: toRfc3339(sweep.updatedAtMs) } }),
  };
}
