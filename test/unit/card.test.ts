import { describe, expect, it } from "vitest";
import {
  cardStatus,
  firstUseIsPaused,
  refusalOf,
  shownBalance,
  type CardState,
  type CardVerb,
} from "../../src/domain/card.ts";
import type { ExpiryRules } from "../../src/domain/terms.ts";
import { cardState, NOW_MS, standing, terms, untouched } from "../support/card-states.ts";

const blockedByDebt = {
  balance: { ...cardState().balance, available: 0, spent: 10_000_000, reversed: 5_000_000, debt: 5_000_000 },
};
const past = { expiresAtMs: NOW_MS - 1 };
const recalled = { standing: standing({ status: "recalled" }) };

const STATES: Record<string, CardState> = {
  issued: untouched(),
  not_activated: untouched({ onSale: true }),
  active: cardState(),
  blocked: cardState({ blocked: true }),
  expired: cardState(past),
  recalled: cardState(recalled),
  closed: cardState({ closed: true }),
};

const within = (from: number, to: number) => standing({ recalledRanges: [[from, to]] });

describe("the status of a card", () => {
  it.each(Object.entries(STATES))("is %s", (status, state) => {
    expect(cardStatus(state, NOW_MS)).toBe(status);
  });

  it("is closed before recalled, before blocked, before expired", () => {
    const all = { closed: true, ...recalled, blocked: true, ...past };
    expect(cardStatus(cardState(all), NOW_MS)).toBe("closed");
    expect(cardStatus(cardState({ ...all, closed: false }), NOW_MS)).toBe("recalled");
    expect(cardStatus(cardState({ blocked: true, ...past }), NOW_MS)).toBe("blocked");
    expect(cardStatus(cardState(past), NOW_MS)).toBe("expired");
    const unused = untouched({ onSale: true, closed: true, ...recalled, blocked: true, ...past });
    expect(cardStatus(unused, NOW_MS)).toBe("closed");
    expect(cardStatus({ ...unused, closed: false }, NOW_MS)).toBe("recalled");
    expect(cardStatus({ ...unused, closed: false, standing: standing() }, NOW_MS)).toBe("blocked");
    expect(cardStatus(untouched({ onSale: true, ...past }), NOW_MS)).toBe("expired");
  });

  it("is good to the last millisecond of its time", () => {
    expect(cardStatus(cardState({ expiresAtMs: NOW_MS }), NOW_MS)).toBe("active");
    expect(cardStatus(cardState({ expiresAtMs: NOW_MS }), NOW_MS + 1)).toBe("expired");
    expect(cardStatus(cardState({ expiresAtMs: null }), Number.MAX_SAFE_INTEGER)).toBe("active");
  });

  it("is blocked by debt until the debt is paid", () => {
    expect(cardStatus(cardState(blockedByDebt), NOW_MS)).toBe("blocked");
    expect(cardStatus(cardState({ balance: { ...blockedByDebt.balance, debt: 0 } }), NOW_MS)).toBe("active");
  });

  it("is recalled by range, whole batch, or only while nobody used it", () => {
    for (const [from, to, status] of [
      [7, 7, "recalled"],
      [1, 7, "recalled"],
      [7, 100, "recalled"],
      [1, 6, "active"],
      [8, 100, "active"],
    ] as const)
      expect(cardStatus(cardState({ card: 7, standing: within(from, to) }), NOW_MS), `${from}-${to}`).toBe(status);
    const leaked = { standing: standing({ untouchedRecalled: true }) };
    expect(cardStatus(untouched(leaked), NOW_MS)).toBe("recalled");
    expect(cardStatus(cardState(leaked), NOW_MS)).toBe("active");
  });

  it("waits for the till only where cards are on sale and nobody used them", () => {
    expect(cardStatus(untouched({ onSale: true, activatedAtMs: NOW_MS }), NOW_MS)).toBe("issued");
    expect(cardStatus(cardState({ onSale: true }), NOW_MS)).toBe("active");
  });
});

/** The end of a card of which only these rules are set. */
const ends = (rules: Partial<ExpiryRules>) =>
  untouched({}, { expiry: { at: null, daysAfterFirstUse: null, daysAfterIssue: null, ...rules } }).expiresAtMs;

const VERBS: readonly CardVerb[] = [
  "redeem",
  "redeem_own",
  "holder",
  "spend",
  "top_up",
  "credit",
  "consume",
  "replace",
];

describe("what a status allows", () => {
  // Written out, so that a cell cannot change without somebody changing the promise.
  it.each([
    ["issued", [null, null, ...Array.from({ length: 4 }, () => "card_not_redeemed"), null, "card_not_redeemed"]],
    ["not_activated", VERBS.map(() => "card_not_activated")],
    ["active", VERBS.map(() => null)],
    ["blocked", [...Array.from({ length: 5 }, () => "card_blocked"), null, "card_blocked", null]],
    [
      "expired",
      ["card_expired", null, null, "card_expired", "card_expired", "card_expired", "voucher_expired", "card_expired"],
    ],
    ["recalled", VERBS.map((verb) => (verb === "replace" ? null : "card_recalled"))],
    ["closed", VERBS.map(() => "card_closed")],
  ])("%s", (status, expected) => {
    expect(VERBS.map((verb) => refusalOf(STATES[status]!, verb, NOW_MS))).toEqual(expected);
  });

  it("is nothing but a look while a balance is on its way", () => {
    const claim = { step: "reserved", card: "000001-0000001", id: "r" } as const;
    for (const state of [cardState({ leaving: true }), untouched({ claim })])
      expect(VERBS.filter((verb) => refusalOf(state, verb, NOW_MS) !== "try_again")).toEqual(["holder"]);
    expect(refusalOf(cardState({ claim: { ...claim, step: "filled" } }), "spend", NOW_MS)).toBeNull();
  });

  it("pauses first redemptions, by batch or partner, and nothing else", () => {
    const call = { terms: terms(), card: 1, standing: standing(), firstUsePaused: false };
    const paused = { standing: standing({ status: "paused" }) };
    expect(firstUseIsPaused(untouched(), call)).toBe(false);
    expect(firstUseIsPaused(untouched(paused), call)).toBe(true);
    expect(firstUseIsPaused(untouched(), { ...call, firstUsePaused: true })).toBe(true);
    expect(firstUseIsPaused(cardState(paused), { ...call, firstUsePaused: true })).toBe(false);
    expect(VERBS.map((verb) => refusalOf(cardState(paused), verb, NOW_MS))).toEqual(VERBS.map(() => null));
  });
});

describe("an untouched card", () => {
  it("comes from its terms, with nothing of its own", () => {
    expect(untouched()).toMatchObject({
      version: 0,
      clockMs: 0,
      lastSeq: 0,
      lastDevice: 0,
      lowBalanceTold: false,
      expiringToldMs: null,
      firstUsedAtMs: null,
      faceValueMicros: 10_000_000,
      balance: { credits: 0, available: 0 },
    });
  });

  it("is shown with its face value; a used one with its books", () => {
    expect(shownBalance(untouched())).toMatchObject({ available: 10_000_000, credits: 10_000_000, spent: 0 });
    expect(shownBalance(cardState(blockedByDebt))).toEqual(blockedByDebt.balance);
  });

  it("ends with the earlier of its fixed rules, in the partner's zone", () => {
    expect(ends({ at: "2026-12-31" })).toBe(Date.parse("2026-12-31T22:59:59.999Z"));
    expect(ends({ at: "2026-12-31", daysAfterIssue: 1 })).toBe(Date.parse("2026-06-02T21:59:59.999Z"));
    expect(ends({ at: "2026-06-01", daysAfterIssue: 30 })).toBe(Date.parse("2026-06-01T21:59:59.999Z"));
    expect(ends({ daysAfterFirstUse: 5 })).toBeNull();
  });

  it("is a card of its batch or a bug", () => {
    expect(() => untouched({}, {}, 0)).toThrow(/of the batch/);
    expect(() => untouched({}, {}, 101)).toThrow(/of the batch/);
  });
});
