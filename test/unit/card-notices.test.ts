import { describe, expect, it } from "vitest";
import { expiringIsDue, nextNoticeMs } from "../../src/domain/card-notices.ts";
import type { CardState } from "../../src/domain/card.ts";
import type { Command } from "../../src/domain/ledger/commands.ts";
import { decide, isDue, NO_CONTEXT } from "../../src/domain/ledger/decide.ts";
import { DAY_MS } from "../../src/domain/time.ts";
import { LATE_COMMIT_MS, type Hold } from "../../src/domain/hold.ts";
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

describe("first use", () => {
  it("is told with the first redemption, of vouchers when they are used, and of a card that replaces another", () => {
    expect(run(untouched(), { type: "first", endsAtMs: null }).told).toEqual(["card.redeemed 10.00"]);
    const consume = { type: "consume", card: "000012-0000002", id: "v" } as const;
    expect(run(untouched({}, { kind: "voucher" }), consume).told).toEqual(["card.redeemed 0.00"]);
    const mover = { card: "000012-0000002", id: "r" };
    const moved = run(
      untouched(),
      { type: "reserve", ...mover },
      { type: "transfer_in", ...mover, amountMicros: 5_000_000, endsAtMs: null },
    );
    expect(moved.told).toEqual(["card.redeemed 5.00"]);
  });

  it("is not told of what happens to a card before it", () => {
    expect(run(untouched({ onSale: true }), { type: "activate" }).told).toEqual([]);
  });
});

describe("a block", () => {
  const blocked = (...commands: Command[]) => run(cardState(), ...commands).told;

  it("is told once until the card was unblocked, also of a card nobody has used", () => {
    expect(blocked({ type: "block" }, { type: "block" })).toEqual(["card.blocked 10.00"]);
    expect(blocked({ type: "block" }, { type: "unblock" }, { type: "block" })).toHaveLength(2);
    expect(run(untouched(), { type: "block" }).told).toEqual(["card.blocked 0.00"]);
  });

  it("is told of debt, which blocks too, and not again when the card is blocked besides", () => {
    const original = { movedMicros: FACE_MICROS, reversedMicros: 0 };
    const spent = run(cardState(), debit(9_000_000)).state;
    const decision = decide(spent, reversal(FACE_MICROS), { ...NO_CONTEXT, original }, NOW_MS);
    expect(decision.ok && decision.value.notices?.map(({ event }) => event)).toEqual(["card.blocked"]);
    expect(run(indebted, { type: "block" }).told).toEqual([]);
  });

  it("is not told of a card that had ended for good before", () => {
    expect(run(cardState({ standing: standing({ status: "recalled" }) }), { type: "block" }).told).toEqual([]);
    expect(run(cardState({ closed: true }), { type: "block" }).told).toEqual([]);
  });
});

describe("a late commit", () => {
  const expired: Hold = {
    id: "h",
    state: "expired",
    amountMicros: 4_000_000,
    sequence: 1,
    chargedMicros: 500_000,
    releasedMicros: 4_000_000,
    shortfallMicros: 0,
    subject: null,
    destination: null,
    reference: null,
    createdAtMs: NOW_MS - 2000,
    expiresAtMs: NOW_MS - 1000,
    settledAtMs: null,
  };
  const late = (ended: Hold, spentMicros = 0) => {
    const state = run(cardState(), ...(spentMicros > 0 ? [debit(spentMicros)] : [])).state;
    const command: Command = { type: "commit", id: "h", usedMicros: 3_000_000, overrun: "refuse" };
    const decision = decide(state, command, { ...NO_CONTEXT, hold: ended }, NOW_MS);
    if (!decision.ok) throw new Error(decision.error.code);
    return (decision.value.notices ?? []).map(({ event, data }) => [event, data.hold]);
  };

  it("says what could be collected and what could not", () => {
    expect(late(expired)).toEqual([["hold.late", { id: "h", charged: "3.50", shortfall: "0.00" }]]);
    expect(late(expired, 9_000_000)).toEqual([["hold.late", { id: "h", charged: "1.50", shortfall: "2.00" }]]);
    const tooLate = { ...expired, expiresAtMs: NOW_MS - LATE_COMMIT_MS - 1 };
    expect(late(tooLate)).toEqual([["hold.late", { id: "h", charged: "0.50", shortfall: "3.00" }]]);
  });

  it("is none when the hold was open", () => {
    const { state } = run(cardState(), hold(4_000_000));
    const open: Hold = { ...expired, state: "open", releasedMicros: 0, expiresAtMs: NOW_MS + 1000 };
    const decision = decide(
      state,
      { type: "commit", id: "h", usedMicros: 1, overrun: "refuse" },
      { ...NO_CONTEXT, hold: open },
      NOW_MS,
    );
    expect(decision.ok && decision.value.notices).toBeUndefined();
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
