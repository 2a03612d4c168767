/** An issue order: what may be asked for, and its one canonical spelling. Pure. */
import { MAX_NUMBERS } from "./code/seal.ts";
import { guessOdds, type GuessOdds } from "./code/odds.ts";
import { invalidField, type FieldError, type Refusal } from "./errors.ts";
import { MAX_AMOUNT_MICROS } from "./money.ts";
import { err, ok, type Result } from "./result.ts";
import { MAX_CARD_NUMBER } from "./serial.ts";
import type { SweepProgress } from "./sweep.ts";
import type { BatchStatus, BatchTerms, Bonus } from "./terms.ts";
import { addDays, localDate } from "./time.ts";

export const MAX_QUANTITY = MAX_CARD_NUMBER;
export const MAX_DEVICES = 10;
export const MAX_DAYS = 36_500;
export const MAX_LABEL_LENGTH = 100;

/** All that is asked for, defaults filled in; the key, the zone and the number are ours to add. */
export type BatchOrder = Omit<BatchTerms, "number" | "keyId" | "timeZone" | "createdAtMs"> & {
  readonly bonus: Bonus | null;
  readonly label: string | null;
};

export type Batch = BatchTerms & {
  readonly bonus: Bonus | null;
  readonly label: string | null;
  readonly status: BatchStatus;
  readonly liveCardsAtIssue: number;
  /** Since a recall; null = none was decided. */
  readonly sweep: SweepProgress | null;
};

/** Equal orders have equal fingerprints, however they were spelled: fields in fixed order, amounts in micros. */
export const fingerprintOf = (order: BatchOrder): string => JSON.stringify(Object.entries(order).toSorted(byName));

const byName = ([a]: [string, unknown], [b]: [string, unknown]): number => (a < b ? -1 : 1);

export const faceValueMicros = ({ quantity, creditMicros }: Pick<Batch, "quantity" | "creditMicros">): number =>
  quantity * creditMicros;

export const oddsOf = ({ format, liveCardsAtIssue }: Batch): GuessOdds =>
  guessOdds({ format, liveCards: liveCardsAtIssue });

/** What the shape of a request cannot say about its fields together. */
export function checkOrder(order: BatchOrder): Result<BatchOrder, Refusal> {
  const errors: FieldError[] = [];
  const refuse = (pointer: string, detail: string) => errors.push({ pointer, detail });
  const { expiry, format, kind, quantity } = order;
  if (quantity > MAX_NUMBERS[format].card) refuse("/quantity", `At most ${MAX_NUMBERS[format].card} with this format.`);
  // The product may pass 2^53.
  if (BigInt(order.creditMicros) * BigInt(quantity) > BigInt(MAX_AMOUNT_MICROS))
    refuse("/quantity", "Quantity times credit is more than 9,000,000,000.");
  if (expiry.at === null && expiry.daysAfterFirstUse === null && expiry.daysAfterIssue === null)
    refuse("/expiry", "At least one rule is needed.");
  if (kind === "card" && order.profile === null) refuse("/profile", "Cards need a profile.");
  if (kind === "voucher" && order.profile !== null) refuse("/profile", "A voucher takes no profile.");
  if (kind === "card" && order.bonus !== null) refuse("/bonus", "Only vouchers carry a bonus.");
  return errors.length === 0 ? ok(order) : err({ code: "invalid_input", errors });
}

/** A day that is over in the partner's zone would make cards that were never good. */
export function checkExpiryDay(at: string | null, nowMs: number, timeZone: string): Result<null, Refusal> {
  if (at === null) return ok(null);
  const today = localDate(nowMs, timeZone);
  if (at < today) return err(invalidField("/expiry/at", `This day is over; today is ${today} in ${timeZone}.`));
  return at <= addDays(today, MAX_DAYS)
    ? ok(null)
    : err(invalidField("/expiry/at", `At most ${MAX_DAYS} days from today.`));
}
