/** Cards, balances, devices and postings as the contract shows them: schemas, and the mapping from domain values. */
import { z } from "@hono/zod-openapi";
import type { Balance } from "../../domain/balance.ts";
import type { CardCall } from "../../domain/card.ts";
import type { CallDetails, CardView, MoneyOutcome, StatementLine } from "../../domain/card-calls.ts";
import { holderBalance, holderCard } from "../../domain/holder-view.ts";
import { formatAmount } from "../../domain/money.ts";
import { formatSerial } from "../../domain/serial.ts";
import type { BatchTerms } from "../../domain/terms.ts";
import { toRfc3339 } from "../../domain/time.ts";

const decimal = z.string().openapi({ example: "10.00" });
export const timeOrNull = z.string().nullable().openapi({ example: "2027-11-23T23:59:59Z" });
export const cardStatusSchema = z.enum([
  "issued",
  "not_activated",
  "active",
  "blocked",
  "expired",
  "recalled",
  "closed",
]);
const mode = z.enum(["live", "test"]);

export const wireTime = (ms: number | null): string | null => (ms === null ? null : toRfc3339(ms));

export const serialOf = (call: CardCall): string => formatSerial({ batch: call.terms.number, card: call.card });

export const shortBalanceSchema = z
  .object({ available: decimal, held: decimal, currency: z.string() })
  .openapi("Balance");

export const shortBalanceWire = holderBalance;

const fullBalanceSchema = z
  .object({
    available: decimal,
    held: decimal,
    spent: decimal,
    reversed: decimal,
    expired: decimal,
    credits: decimal,
    debt: decimal,
    currency: z.string(),
  })
  .openapi("FullBalance", { description: "credits + debt = available + held + spent + reversed + expired" });

export const fullBalanceWire = (balance: Balance, currency: string) => ({
  available: formatAmount(balance.available, currency),
  held: formatAmount(balance.held, currency),
  spent: formatAmount(balance.spent, currency),
  reversed: formatAmount(balance.reversed, currency),
  expired: formatAmount(balance.expired, currency),
  credits: formatAmount(balance.credits, currency),
  debt: formatAmount(balance.debt, currency),
  currency,
});

export const holderCardSchema = z.object({
  serial: z.string().openapi({ example: "000012-0000345" }),
  status: cardStatusSchema,
  mode,
  expiresAt: timeOrNull,
  device: z.number().int(),
});

export const holderCardWire = (call: CardCall, view: CardView, device: number) =>
  holderCard(serialOf(call), view, device);

export const cardSchema = z
  .object({
    serial: z.string(),
    batch: z.number().int(),
    partner: z.string(),
    brand: z.string(),
    profile: z.string().nullable(),
    kind: z.enum(["card", "voucher"]),
    mode,
    status: cardStatusSchema,
    expiresAt: timeOrNull,
    firstUsedAt: timeOrNull,
    balance: fullBalanceSchema,
    devices: z.array(
      z.object({
        number: z.number().int(),
        name: z.string().nullable(),
        platform: z.string().nullable(),
        status: z.enum(["active", "signed_out"]),
        lastSeenAt: z.string(),
      }),
    ),
    openHolds: z.number().int(),
  })
  .openapi("Card");

export const cardWire = (call: CardCall, view: CardView) => {
  const { number, partner, brand, profile } = call.terms;
  return {
    serial: serialOf(call),
    batch: number,
    partner,
    brand,
    profile,
    kind: view.kind,
    mode: view.mode,
    status: view.status,
    expiresAt: wireTime(view.expiresAtMs),
    firstUsedAt: wireTime(view.firstUsedAtMs),
    balance: fullBalanceWire(view.balance, view.currency),
    devices: view.devices.map(({ number: device, name, platform, status, lastSeenAtMs }) => ({
      number: device,
      name,
      platform,
      status,
      lastSeenAt: toRfc3339(lastSeenAtMs),
    })),
    openHolds: view.openHolds,
  };
};

export const postingSchema = z
  .object({
    seq: z.number().int(),
    at: z.string(),
    type: z.enum([
      "first",
      "credit",
      "debit",
      "hold",
      "extend",
      "commit",
      "release",
      "hold_expired",
      "late",
      "reversal",
      "card_expired",
      "revive",
      "transfer_in",
      "transfer_out",
    ]),
    id: z.string(),
    amount: z.string().openapi({ description: "Signed effect on available." }),
    available: decimal,
    held: decimal,
    shortfall: z.string().optional().openapi({ description: "Used but not collected." }),
    call: z
      .record(z.string(), z.union([z.string(), z.number()]))
      .optional()
      .openapi({ description: "Details of the call; erased after 180 days." }),
    reason: z.string().optional(),
  })
  .openapi("Posting");

/** `masked`: the number called is shortened, for readers who need the money and not whom their customer called. */
export const postingWire = (posting: StatementLine, { currency }: BatchTerms, masked = false) => ({
  seq: posting.seq,
  at: toRfc3339(posting.atMs),
  type: posting.type,
  id: posting.id,
  amount: formatAmount(posting.amountMicros, currency),
  available: formatAmount(posting.availableMicros, currency),
  held: formatAmount(posting.heldMicros, currency),
  ...(posting.shortfallMicros > 0 && { shortfall: formatAmount(posting.shortfallMicros, currency) }),
  ...(posting.call !== null && { call: masked ? maskedCall(posting.call) : { ...posting.call } }),
  ...(posting.reason !== null && { reason: posting.reason }),
});

const MASKED_DIGITS = 4;

const maskedCall = (call: CallDetails): Record<string, string | number> =>
  Object.fromEntries(
    Object.entries(call).map(([name, value]) => [
      name,
      name === "destination" && typeof value === "string"
        ? `${value.slice(0, -MASKED_DIGITS)}${"*".repeat(Math.min(MASKED_DIGITS, value.length))}`
        : value,
    ]),
  );

export const outcomeBalanceWire = (outcome: MoneyOutcome) =>
  shortBalanceWire({ available: outcome.availableMicros, held: outcome.heldMicros }, outcome.currency);
