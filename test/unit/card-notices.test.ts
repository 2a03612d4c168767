import { describe, expect, it } from "vitest";
import { expiringIsDue, nextNoticeMs } from "../../src/domain/card-notices.ts";
import type { CardState } from "../../src/domain/card.ts";
import type { Command } from "../../src/domain/ledger/commands.ts";
import { decide, isDue, NO_CONTEXT } from "../../src/domain/ledger/decide.ts";
import { DAY_MS } from "../../src/domain/time.ts";
import { cardState, credit, debit, FACE_MICROS, NOW_MS, untouched } from "../support/card-states.ts";

/** Runs commands one after another; answers the last state and every notice. */
function run(start: CardState, ...commands: Command[]) {
  let state = start;
  const told: string[] = [];
  for (const command of commands) {
    const decision = decide(state, command, { ...NO_CONTEXT, concurrentCalls: 5 }, NOW_MS);
    if (!decision.ok) throw new Error(decision.error.code);
    state = decision.value.state;
    told.push(...(decision.value.notices ?? []).map(({ event, data }) => `${event} ${data.balance.available}`));
  }
  return { state, told };
}

const reversal = (micros: number): Command => ({
  type: "credit_reversal",
  id: "r",
  original: "c",
  amountMicros: micros,
  reason: "chargeback",
});
const hold = (amountMicros: number): Command => ({
  type: "hold",
  id: "h",
  amountMicros,
  currency: "EUR",
  ttlSeconds: 60,
  minimumMicros: null,
  subject: null,
  destination: null,
  reference: null,
});

describe("low balance", () => {
  it("is told below a fifth of the face value, not at it, and once", () => {
    expect(run(cardState(), debit(8_000_000)).told).toEqual([]);
    expect(run(cardState(), debit(8_000_001)).told).toEqual(["card.low_balance 1.999999"]);
    expect(run(cardState(), debit(8_500_000), debit(100_000), debit(100_000)).told).toHaveLength(1);
  });

  it("is armed again above it, however it came there", () => {
    const topped = run(cardState(), debit(9_000_000), credit(5_000_000), debit(5_000_000));
    expect(topped.told).toEqual(["card.low_balance 1.00", "card.low_balance 1.00"]);
    expect(run(cardState(), debit(9_000_000), credit(500_000), debit(500_000)).told).toHaveLength(1);
  });

  it("is about spending: holding, or what is taken back, says nothing until the next spending", () => {
    expect(run(cardState(), hold(9_000_000)).told).toEqual([]);
    expect(run(cardState(), hold(9_000_000), debit(100_000)).told).toEqual([]);
    const original = { movedMicros: FACE_MICROS, reversedMicros: 0 };
    const decision = decide(cardState(), reversal(9_000_000), { ...NO_CONTEXT, original }, NOW_MS);
    expect(decision.ok && decision.value.notices).toBeUndefined();
    expect(decision.ok && run(decision.value.state, debit(100_000)).told).toEqual(["card.low_balance 0.90"]);
  });
});

const DAYS_7 = 7 * DAY_MS;
const ending = (endMs: number, changes: Partial<CardState> = {}) => cardState({ expiresAtMs: endMs, ...changes });

describe("a card about to end", () => {
  it("is due seven days before, to the millisecond, until it has ended", () => {
    const due = (leftMs: number) => expiringIsDue(ending(NOW_MS + leftMs), NOW_MS);
    expect([due(DAYS_7 + 1), due(DAYS_7), due(1), due(0), due(-1)]).toEqual([false, true, true, true, false]);
  });

  it("is told once for an end, and again for a later one only", () => {
    const warned = run(ending(NOW_MS + DAY_MS), { type: "warn_expiring" });
    expect(warned.told).toEqual(["card.expiring 10.00"]);
    expect(isDue(warned.state, NOW_MS)).toBeNull();
    const moved = (endMs: number) => isDue({ ...warned.state, expiresAtMs: endMs }, NOW_MS)?.type;
    expect([moved(NOW_MS + 1), moved(NOW_MS + DAY_MS + 1), moved(NOW_MS + 30 * DAY_MS)]).toEqual([
      undefined,
      "warn_expiring",
      undefined,
    ]);
  });

  it("is not told of a card that nobody redeemed, that is blocked, or that has no end", () => {
    const end = NOW_MS + DAY_MS;
    for (const state of [
      untouched({ expiresAtMs: end }),
      ending(end, { blocked: true }),
      ending(end, { closed: true }),
      ending(end, { kind: "voucher" }),
      cardState({ expiresAtMs: null }),
    ])
      expect(isDue(state, NOW_MS)).toBeNull();
  });

  it("says when to wake, and never in the past", () => {
    expect(nextNoticeMs(ending(NOW_MS + 30 * DAY_MS), NOW_MS)).toBe(NOW_MS + 23 * DAY_MS);
    expect(nextNoticeMs(ending(NOW_MS + DAY_MS, { blocked: true }), NOW_MS)).toBeNull();
    expect(nextNoticeMs(cardState({ expiresAtMs: null }), NOW_MS)).toBeNull();
    const told = ending(NOW_MS + 30 * DAY_MS, { expiringToldMs: NOW_MS + 30 * DAY_MS });
    expect(nextNoticeMs(told, NOW_MS)).toBeNull();
  });
});
