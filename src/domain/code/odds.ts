/**
 * What guessing codes is worth: the odds shown at issue, and the rule that keeps the small keypad space sparse.
 * Arithmetic only; counting the live cards, and refusing to issue, is the caller's.
 */
import { assert } from "../assert.ts";
import type { CodeFormat } from "./read.ts";

/** Codes that pass the check symbol; it is public, so it is worth nothing against guessing. */
const SPACE: Record<CodeFormat, bigint> = { base32: 2n ** 75n, keypad18: 10n ** 17n };

/** A guesser far beyond what the address budgets let through. */
const GUESSES_PER_SECOND = 10_000;
const SECONDS_PER_YEAR = 365 * 24 * 60 * 60;
const GUESSES_PER_YEAR = GUESSES_PER_SECOND * SECONDS_PER_YEAR;

/**
 * `oneIn`: one guess in this many hits a live card (decimal integer, may exceed 2^53).
 * `yearsToOneExpectedHit`: years of 365 days until a guesser at `guessesPerSecond` may expect one; three digits count.
 */
export type GuessOdds = {
  readonly oneIn: string;
  readonly guessesPerSecond: typeof GUESSES_PER_SECOND;
  readonly yearsToOneExpectedHit: number;
};

/** `liveCards`: cards that a guess could hit. None counts as one, so the answer stays a number, on the safe side. */
export function guessOdds({ format, liveCards }: { format: CodeFormat; liveCards: number }): GuessOdds {
  assert(Number.isSafeInteger(liveCards) && liveCards >= 0, "live cards are counted");
  const targets = Math.max(1, liveCards);
  const years = Number(SPACE[format]) / targets / GUESSES_PER_YEAR;
  return {
    oneIn: (SPACE[format] / BigInt(targets)).toString(),
    guessesPerSecond: GUESSES_PER_SECOND,
    yearsToOneExpectedHit: Number(years.toPrecision(3)),
  };
}

/** Live keypad cards of a deployment at which the guesser above may expect one hit a year. */
export const KEYPAD_MAX_LIVE_CARDS = Number(SPACE.keypad18 / BigInt(GUESSES_PER_YEAR));

/** `liveCards`: all live keypad cards of the deployment, those about to be issued included. */
export const keypadWithinOdds = (liveCards: number): boolean => liveCards <= KEYPAD_MAX_LIVE_CARDS;
