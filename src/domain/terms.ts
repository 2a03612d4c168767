/**
 * What a batch promises (terms, fixed for ever) and what has been decided about it since (standing).
 * Pure types and rules. Terms travel: D1 row, KV copy, isolate memory, first redemption.
 */
import type { Brand } from "./branding.ts";
import type { CodeFormat } from "./code/read.ts";
import type { Profile, Trunk } from "./profile.ts";
import { addDays, DAY_MS, endOfDayMs, localDate } from "./time.ts";

export const MAX_RECALLED_RANGES = 1000;

export type BatchStatus = "active" | "paused" | "recalled";

export type Standing = {
  readonly version: number;
  readonly status: BatchStatus;
  /** First redemptions are refused while touched cards go on (a code key leaked). */
  readonly untouchedRecalled: boolean;
  /** Card numbers, inclusive, sorted, disjoint. Recall is final. */
  readonly recalledRanges: readonly (readonly [from: number, to: number])[];
};

export type ExpiryRules = {
  readonly at: string | null;
  readonly daysAfterFirstUse: number | null;
  readonly daysAfterIssue: number | null;
};

export type CardKind = "card" | "voucher";
export type CardMode = "live" | "test";

/** 0 = free credit; otherwise the voucher adds to a top-up payment of at least this much. Decimal strings of units. */
export type Bonus = { readonly minimumPayment: string; readonly multiplier?: string; readonly addition?: string };

export type BatchTerms = {
  readonly number: number;
  readonly partner: string;
  readonly brand: string;
  readonly profile: string | null;
  readonly kind: CardKind;
  readonly mode: CardMode;
  readonly quantity: number;
  readonly format: CodeFormat;
  readonly keyId: string;
  readonly creditMicros: number;
  readonly currency: string;
  readonly expiry: ExpiryRules;
  readonly timeZone: string;
  readonly maxDevices: number;
  readonly activation: "issued" | "on_sale";
  readonly onExpiredTopUp: "refuse" | "revive";
  readonly graceDays: number;
  readonly createdAtMs: number;
  /** Of vouchers; absent or null = they pay their face value. */
  readonly bonus?: Bonus | null;
};

/** All that redeeming needs of the catalogue, read in one statement and copied as one value. */
export type CatalogueTerms = {
  readonly batch: BatchTerms;
  readonly standing: Standing;
  readonly partnerSuspended: boolean;
  readonly profile: Profile | null;
  readonly trunk: Trunk | null;
  /** The brand's published look at the time of reading; null when nothing is published. */
  readonly brand: Brand | null;
};

export const isRecalled = (standing: Standing, card: number): boolean =>
  standing.status === "recalled" || standing.recalledRanges.some(([from, to]) => card >= from && card <= to);

const endOfDayAfter = (fromMs: number, days: number, timeZone: string): number =>
  endOfDayMs(addDays(localDate(fromMs, timeZone), days), timeZone);

/** The end that holds before any use: the earlier of the date and the days after issue; null = neither rule is set. */
export function fixedEndMs({
  expiry,
  timeZone,
  createdAtMs,
}: Pick<BatchTerms, "expiry" | "timeZone" | "createdAtMs">): number | null {
  const ends = [
    expiry.at === null ? null : endOfDayMs(expiry.at, timeZone),
    expiry.daysAfterIssue === null ? null : endOfDayAfter(createdAtMs, expiry.daysAfterIssue, timeZone),
  ].filter((end) => end !== null);
  return ends.length === 0 ? null : Math.min(...ends);
}

/** The end that a first use sets. The earliest of all ends applies. */
export const firstUseEndMs = ({ expiry, timeZone }: BatchTerms, firstUsedAtMs: number): number | null =>
  expiry.daysAfterFirstUse === null ? null : endOfDayAfter(firstUsedAtMs, expiry.daysAfterFirstUse, timeZone);

/**
 * Until when a top-up now revives a card that ended: as many days as its first life had, from today.
 * null = its batch does not revive, or the grace time is over.
 */
export function reviveUntilMs(
  terms: BatchTerms,
  life: { firstUsedAtMs: number | null; expiresAtMs: number | null },
  nowMs: number,
): number | null {
  const { firstUsedAtMs, expiresAtMs } = life;
  if (terms.onExpiredTopUp !== "revive" || firstUsedAtMs === null || expiresAtMs === null) return null;
  if (nowMs > expiresAtMs + terms.graceDays * DAY_MS) return null;
  const days = Math.max(1, Math.round((expiresAtMs - firstUsedAtMs) / DAY_MS));
  return endOfDayAfter(nowMs, days, terms.timeZone);
}
