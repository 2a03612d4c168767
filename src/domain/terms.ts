/**
 * What a batch promises (terms, fixed for ever) and what has been decided about it since (standing).
 * Pure types and rules. Terms travel: D1 row, KV copy, isolate memory, first redemption.
 */
import type { Brand } from "./branding.ts";
import type { CodeFormat } from "./code/read.ts";
import type { Profile, Trunk } from "./profile.ts";
import { addDays, endOfDayMs, localDate } from "./time.ts";

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

/** The earliest rule applies. Without a first use, only the rules that need none count; null = no end yet. */
export function expiresAtMs(terms: BatchTerms, firstUsedAtMs: number | null): number | null {
  const { at, daysAfterFirstUse, daysAfterIssue } = terms.expiry;
  const dayAfter = (fromMs: number, days: number) =>
    endOfDayMs(addDays(localDate(fromMs, terms.timeZone), days), terms.timeZone);
  const ends = [
    at === null ? null : endOfDayMs(at, terms.timeZone),
    daysAfterIssue === null ? null : dayAfter(terms.createdAtMs, daysAfterIssue),
    daysAfterFirstUse === null || firstUsedAtMs === null ? null : dayAfter(firstUsedAtMs, daysAfterFirstUse),
  ].filter((end) => end !== null);
  return ends.length === 0 ? null : Math.min(...ends);
}

/** A suspended partner's batches act as paused; the version stays, so the object's copy is not overwritten by it. */
export const effectiveStanding = (terms: CatalogueTerms): Standing =>
  terms.partnerSuspended && terms.standing.status === "active"
    ? { ...terms.standing, status: "paused" }
    : terms.standing;
