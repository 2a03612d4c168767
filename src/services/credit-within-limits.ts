/**
 * Giving a card credit within its partner's limits: set aside in D1, then asked of the card, then settled or given back.
 * A crash at any point leaves the amount set aside, never the other way round; the same id again finds its own
 * reservation, so a retry counts once. Credit that is on the card is answered by the card whatever the limits are now.
 */
import type { MoneyOutcome, MoneyRefusal } from "../domain/card-calls.ts";
import { formatSerial } from "../domain/serial.ts";
import { refuse } from "../domain/errors.ts";
import { err, type Result } from "../domain/result.ts";
import type { BatchTerms } from "../domain/terms.ts";
import { localDate } from "../domain/time.ts";
import {
  readCreditContext,
  readCreditLimits,
  releaseCredit,
  reserveCredit,
  settleCredit,
  type CreditLimits,
  type CreditOrder,
} from "../storage/credit-reservations.ts";
import type { Services } from "./services.ts";

export type LimitedCredit = {
  readonly terms: BatchTerms;
  readonly card: number;
  readonly id: string;
  readonly amountMicros: number;
  readonly currency: string;
};

type Outcome = Result<MoneyOutcome, MoneyRefusal>;

/** `apply` asks the card; it may be called by every retry. Its own refusals pass through unchanged. */
export async function creditWithinLimits(
  { db, now, later }: Pick<Services, "db" | "now" | "later">,
  { terms, card, id, amountMicros, currency }: LimitedCredit,
  apply: () => Promise<Outcome>,
): Promise<Outcome> {
  // Test money is nobody's; what the card refuses by its currency needs no reservation.
  if (terms.mode === "test" || currency !== terms.currency) return apply();
  const { partner, number: batch } = terms;
  const key = { batch, card, id };
  const { timeZone, isApplied } = await readCreditContext(db, partner, key);
  if (isApplied) return apply();
  const nowMs = now();
  const day = localDate(nowMs, timeZone ?? terms.timeZone);
  const order: CreditOrder = { ...key, partner, currency, day, amountMicros, nowMs };
  if (!(await reserveCredit(db, order))) {
    if ((await readCreditContext(db, partner, key)).isApplied) return apply();
    return err(refuse("limit_exceeded", wordsFor(currency, await readCreditLimits(db, order))));
  }
  // When the card does not answer, nobody knows whether it has the credit: it stays set aside.
  const outcome = await apply();
  if (outcome.ok) {
    const { nowMs: atMs, movedMicros } = outcome.value;
    later(settleCredit(db, { ...order, amountMicros: movedMicros }, atMs));
  } else {
    await releaseCredit(db, key).catch((error: unknown) =>
      console.warn(JSON.stringify({ event: "credit_not_released", card: formatSerial(key), error: String(error) })),
    );
  }
  return outcome;
}

function wordsFor(currency: string, { hasLimits, perDay }: CreditLimits): string {
  if (!hasLimits) return `The partner has no limits in ${currency}, so it credits none.`;
  return perDay
    ? "This would pass what the partner may have outstanding."
    : "This would pass what the partner may credit in a day; tomorrow is a new one, in its time zone.";
}
