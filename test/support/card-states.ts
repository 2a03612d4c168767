/** Cards for tests of pure rules: a batch of 100, 10.00 EUR each, of a partner in Berlin. No bindings, no clock. */
import { untouchedCard, type CardState } from "../../src/domain/card.ts";
import type { Command } from "../../src/domain/ledger/commands.ts";
import type { BatchTerms, Standing } from "../../src/domain/terms.ts";

export const NOW_MS = Date.parse("2026-06-01T12:00:00Z");
export const FACE_MICROS = 10_000_000;

export const terms = (changes: Partial<BatchTerms> = {}): BatchTerms => ({
  number: 12,
  partner: "acme",
  brand: "acme",
  profile: "standard",
  kind: "card",
  mode: "live",
  quantity: 100,
  format: "base32",
  keyId: "1",
  creditMicros: FACE_MICROS,
  currency: "EUR",
  expiry: { at: null, daysAfterFirstUse: 365, daysAfterIssue: null },
  timeZone: "Europe/Berlin",
  maxDevices: 1,
  activation: "issued",
  onExpiredTopUp: "refuse",
  graceDays: 0,
  createdAtMs: NOW_MS,
  ...changes,
});

export const standing = (changes: Partial<Standing> = {}): Standing => ({
  version: 1,
  status: "active",
  untouchedRecalled: false,
  recalledRanges: [],
  ...changes,
});

/** Never redeemed. */
export const untouched = (
  changes: Partial<CardState> = {},
  termChanges: Partial<BatchTerms> = {},
  card = 1,
): CardState => ({
  ...untouchedCard({ terms: terms(termChanges), card, standing: standing(), firstUsePaused: false }),
  ...changes,
});

/** Redeemed a moment ago, its face value credited. */
export const cardState = (changes: Partial<CardState> = {}): CardState => {
  const card = untouched();
  return {
    ...card,
    version: 1,
    clockMs: NOW_MS,
    firstUsedAtMs: NOW_MS,
    lastSeq: 1,
    lastDevice: 1,
    balance: { ...card.balance, credits: FACE_MICROS, available: FACE_MICROS },
    ...changes,
  };
};

/** A card that owes 4.00 after a reversal took more than it had left. */
export const indebted = cardState({
  balance: {
    credits: FACE_MICROS,
    debt: 4_000_000,
    available: 0,
    held: 0,
    spent: FACE_MICROS,
    reversed: 4_000_000,
    expired: 0,
  },
});

export const credit = (amountMicros: number, changes: object = {}): Command => ({
  type: "credit",
  id: "c",
  amountMicros,
  currency: "EUR",
  source: "top_up",
  reason: null,
  ...changes,
});
export const debit = (amountMicros: number, changes: object = {}): Command => ({
  type: "debit",
  id: "d",
  amountMicros,
  currency: "EUR",
  minimumMicros: null,
  subject: null,
  ...changes,
});
