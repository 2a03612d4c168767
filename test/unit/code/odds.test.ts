import { describe, expect, it } from "vitest";
import { guessOdds, KEYPAD_MAX_LIVE_CARDS, keypadWithinOdds } from "../../../src/domain/code/odds.ts";

const hitsAYear = (cards: number) => (cards * 10_000 * 365 * 86_400) / 1e17;

describe("guess odds", () => {
  it("of base32 are 2^75 to one, shared by the live cards", () => {
    expect(guessOdds({ format: "base32", liveCards: 1 }).oneIn).toBe("37778931862957161709568");
    expect(guessOdds({ format: "base32", liveCards: 1_000_000 })).toEqual({
      oneIn: "37778931862957161",
      guessesPerSecond: 10_000,
      yearsToOneExpectedHit: 120_000,
    });
  });

  it("of keypad codes are 10^17 to one, shared by the live cards", () => {
    expect(guessOdds({ format: "keypad18", liveCards: 1000 })).toEqual({
      oneIn: "100000000000000",
      guessesPerSecond: 10_000,
      yearsToOneExpectedHit: 317,
    });
  });

  it("survive JSON, with no live card too", () => {
    const odds = guessOdds({ format: "keypad18", liveCards: 0 });
    expect(odds).toEqual(guessOdds({ format: "keypad18", liveCards: 1 }));
    expect(JSON.parse(JSON.stringify(odds))).toEqual(odds);
  });

  it("allow keypad cards up to one expected hit a year", () => {
    expect(KEYPAD_MAX_LIVE_CARDS).toBe(317_097);
    expect(keypadWithinOdds(KEYPAD_MAX_LIVE_CARDS)).toBe(true);
    expect(keypadWithinOdds(KEYPAD_MAX_LIVE_CARDS + 1)).toBe(false);
    expect(hitsAYear(KEYPAD_MAX_LIVE_CARDS)).toBeLessThanOrEqual(1);
    expect(hitsAYear(KEYPAD_MAX_LIVE_CARDS + 1)).toBeGreaterThan(1);
  });
});
