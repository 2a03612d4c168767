import { describe, expect, it } from "vitest";
import { cardStatus, type CardState } from "../../src/domain/card.ts";
import type { Command, Decision } from "../../src/domain/ledger/commands.ts";
import { decide, NO_CONTEXT } from "../../src/domain/ledger/decide.ts";
import { MAX_AMOUNT_MICROS } from "../../src/domain/money.ts";
import { DAY_MS } from "../../src/domain/time.ts";
import {
  cardState,
  credit,
  debit,
  FACE_MICROS,
  indebted,
  NOW_MS,
  standing,
  untouched,
} from "../support/card-states.ts";

function decided(state: CardState, command: Command, nowMs = NOW_MS): Decision {
  const decision = decide(state, command, NO_CONTEXT, nowMs);
  if (!decision.ok) throw new Error(`refused: ${decision.error.code}`);
  return decision.value;
}

const refusal = (state: CardState, command: Command, nowMs = NOW_MS): string | null => {
  const decision = decide(state, command, NO_CONTEXT, nowMs);
  return decision.ok ? null : decision.error.code;
};

const ends = (fixed: number | null, first: number | null) =>
  decided(untouched({ expiresAtMs: fixed }), { type: "first", endsAtMs: first }).state.expiresAtMs;

describe("the first redemption", () => {
  it("credits the face value, in one posting, and starts the card's life", () => {
    const { state, postings } = decided(untouched(), { type: "first", endsAtMs: NOW_MS + DAY_MS });
    expect(state).toMatchObject({
      version: 1,
      clockMs: NOW_MS,
      firstUsedAtMs: NOW_MS,
      expiresAtMs: NOW_MS + DAY_MS,
      lastSeq: 1,
      balance: { credits: FACE_MICROS, available: FACE_MICROS },
    });
    expect(postings).toMatchObject([
      {
        seq: 1,
        atMs: NOW_MS,
        type: "first",
        id: "first",
        amountMicros: FACE_MICROS,
        availableMicros: FACE_MICROS,
        heldMicros: 0,
        reason: null,
      },
    ]);
    expect(cardStatus(state, NOW_MS)).toBe("active");
  });

  it("happens once", () => {
    const { state } = decided(untouched(), { type: "first", endsAtMs: null });
    expect(() => decide(state, { type: "first", endsAtMs: null }, NO_CONTEXT, NOW_MS)).toThrow(/comes first/);
  });

  it("takes the earliest end of all rules", () => {
    expect(ends(NOW_MS + 5, NOW_MS + 9)).toBe(NOW_MS + 5);
    expect(ends(NOW_MS + 9, NOW_MS + 5)).toBe(NOW_MS + 5);
    expect(ends(null, NOW_MS + 5)).toBe(NOW_MS + 5);
    expect(ends(NOW_MS + 5, null)).toBe(NOW_MS + 5);
    expect(ends(null, null)).toBeNull();
  });

  it.each([
    ["card_not_activated", { onSale: true }],
    ["card_blocked", { blocked: true }],
    ["card_expired", { expiresAtMs: NOW_MS - 1 }],
    ["card_recalled", { standing: standing({ status: "recalled" }) }],
    ["card_recalled", { standing: standing({ untouchedRecalled: true }) }],
    ["card_closed", { closed: true }],
  ])("is refused: %s", (code, changes) => {
    expect(refusal(untouched(changes), { type: "first", endsAtMs: null })).toBe(code);
  });
});

describe("a credit", () => {
  it("adds to what is available", () => {
    const { state, postings, applied } = decided(cardState(), credit(2_500_000, { reason: "sorry" }));
    expect(state.balance).toMatchObject({ credits: 12_500_000, available: 12_500_000, debt: 0 });
    expect(applied).toMatchObject({ movedMicros: 2_500_000, restMicros: 0 });
    expect(postings).toMatchObject([{ seq: 2, type: "credit", id: "c", amountMicros: 2_500_000, reason: "sorry" }]);
  });

  it("pays debt first, and the card is free once all is paid", () => {
    const part = decided(indebted, credit(1_500_000));
    expect(part.state.balance).toMatchObject({ debt: 2_500_000, available: 0, credits: 11_500_000 });
    expect(part.applied).toMatchObject({ movedMicros: 1_500_000, restMicros: 1_500_000 });
    expect(part.postings).toMatchObject([{ amountMicros: 0, availableMicros: 0 }]);
    expect(cardStatus(part.state, NOW_MS)).toBe("blocked");
    const rest = decided(part.state, credit(3_000_000));
    expect(rest.state.balance).toMatchObject({ debt: 0, available: 500_000 });
    expect(rest.applied).toMatchObject({ movedMicros: 3_000_000, restMicros: 2_500_000 });
    expect(cardStatus(rest.state, NOW_MS)).toBe("active");
  });

  it("is taken by a blocked card, but never before its first redemption", () => {
    expect(refusal(cardState({ blocked: true }), credit(1))).toBeNull();
    expect(refusal(untouched(), credit(1))).toBe("card_not_redeemed");
    // Blocked at the till, before anybody used it: money now would be lost with its first posting.
    expect(refusal(untouched({ blocked: true }), credit(1))).toBe("card_not_redeemed");
    expect(refusal(untouched({ onSale: true }), credit(1))).toBe("card_not_activated");
  });

  it.each([
    ["card_expired", { expiresAtMs: NOW_MS - 1 }],
    ["card_recalled", { standing: standing({ status: "recalled" }) }],
    ["card_closed", { closed: true }],
  ])("is refused: %s", (code, changes) => {
    expect(refusal(cardState(changes), credit(1))).toBe(code);
  });

  it("must be in the card's currency and leave the sum exact", () => {
    expect(refusal(cardState(), credit(1, { currency: "USD" }))).toBe("currency_mismatch");
    expect(refusal(cardState(), credit(MAX_AMOUNT_MICROS - FACE_MICROS))).toBeNull();
    expect(refusal(cardState(), credit(MAX_AMOUNT_MICROS - FACE_MICROS + 1))).toBe("invalid_input");
  });
});

describe("a debit", () => {
  it("takes all of it or nothing", () => {
    const { state, applied, postings } = decided(cardState(), debit(FACE_MICROS));
    expect(state.balance).toMatchObject({ available: 0, spent: FACE_MICROS, credits: FACE_MICROS });
    expect(applied).toMatchObject({ movedMicros: FACE_MICROS, restMicros: 0 });
    expect(postings).toMatchObject([
      { seq: 2, type: "debit", id: "d", amountMicros: -FACE_MICROS, availableMicros: 0 },
    ]);
    expect(refusal(cardState(), debit(FACE_MICROS + 1))).toBe("insufficient_credit");
  });

  it("takes what there is, down to its minimum", () => {
    const more = FACE_MICROS + 3;
    expect(decided(cardState(), debit(more, { minimumMicros: FACE_MICROS })).applied).toMatchObject({
      movedMicros: FACE_MICROS,
      restMicros: 3,
    });
    expect(refusal(cardState(), debit(more, { minimumMicros: FACE_MICROS + 1 }))).toBe("insufficient_credit");
    expect(decided(cardState(), debit(5, { minimumMicros: 1 })).applied).toMatchObject({
      movedMicros: 5,
      restMicros: 0,
    });
  });

  it.each([
    ["card_blocked", cardState({ blocked: true })],
    ["card_blocked", indebted],
    ["card_expired", cardState({ expiresAtMs: NOW_MS - 1 })],
    ["card_recalled", cardState({ standing: standing({ recalledRanges: [[1, 1]] }) })],
    ["card_closed", cardState({ closed: true })],
    ["card_not_redeemed", untouched()],
    ["card_not_activated", untouched({ onSale: true })],
  ])("is refused: %s", (code, state) => {
    expect(refusal(state, debit(1))).toBe(code);
  });

  it("must be in the card's currency", () => {
    expect(refusal(cardState(), debit(1, { currency: "USD" }))).toBe("currency_mismatch");
  });
});

const minutes = (count: number) => NOW_MS + count * 60_000;

const extend = (state: CardState, expiresAtMs: number) => refusal(state, { type: "prolong", expiresAtMs });

describe("a card's life", () => {
  it("is opened at the till and shut again within fifteen minutes, while on sale and unused", () => {
    const sold = decided(untouched({ onSale: true }), { type: "activate" }).state;
    expect(cardStatus(sold, NOW_MS)).toBe("issued");
    expect(decided(sold, { type: "deactivate" }, minutes(15)).state.activatedAtMs).toBeNull();
    expect(refusal(sold, { type: "deactivate" }, minutes(15) + 1)).toBe("invalid_input");
    expect(refusal(untouched({ onSale: true }), { type: "deactivate" })).toBe("invalid_input");
    const notForSale = decided(untouched(), { type: "activate" }).state;
    expect(refusal(notForSale, { type: "deactivate" })).toBe("invalid_input");
    const used = decided(sold, { type: "first", endsAtMs: null }).state;
    expect(refusal(used, { type: "deactivate" })).toBe("invalid_input");
  });

  it("is not given more time to undo a sale by selling again", () => {
    const sold = decided(untouched({ onSale: true }), { type: "activate" }).state;
    const again = decided(sold, { type: "activate" }, minutes(10)).state;
    expect(again.activatedAtMs).toBe(NOW_MS);
    expect(refusal(again, { type: "deactivate" }, minutes(16))).toBe("invalid_input");
  });

  it("is not opened once recalled or closed", () => {
    expect(refusal(untouched({ standing: standing({ status: "recalled" }) }), { type: "activate" })).toBe(
      "card_recalled",
    );
    expect(refusal(untouched({ closed: true }), { type: "activate" })).toBe("card_closed");
  });

  it("is extended to later than now and than its end, and brought back by it", () => {
    const ending = cardState({ expiresAtMs: NOW_MS + 10 });
    expect(extend(ending, NOW_MS + 11)).toBeNull();
    expect(extend(ending, NOW_MS + 10)).toBe("invalid_input");
    expect(extend(cardState({ expiresAtMs: null }), NOW_MS)).toBe("invalid_input");
    expect(extend(cardState({ closed: true }), NOW_MS + 11)).toBe("card_closed");
    const ended = cardState({ expiresAtMs: NOW_MS - 10 });
    expect(extend(ended, NOW_MS - 5)).toBe("invalid_input");
    const { state } = decided(ended, { type: "prolong", expiresAtMs: NOW_MS + 1 });
    expect(cardStatus(state, NOW_MS)).toBe("active");
  });

  it("is blocked and unblocked, and closed for good", () => {
    const blocked = decided(cardState(), { type: "block" }).state;
    expect(cardStatus(blocked, NOW_MS)).toBe("blocked");
    expect(cardStatus(decided(blocked, { type: "unblock" }).state, NOW_MS)).toBe("active");
    const closed = decided(blocked, { type: "close" }).state;
    expect(cardStatus(decided(closed, { type: "unblock" }).state, NOW_MS)).toBe("closed");
  });
});
