/** A white-label reseller and what it may do at most. Pure types. */

export const PARTNER_STATUSES = ["active", "suspended"] as const;
type PartnerStatus = (typeof PARTNER_STATUSES)[number];

/** Bounds in one currency. A currency without limits cannot be issued. */
export type PartnerLimit = {
  readonly currency: string;
  readonly outstandingMicros: number;
  readonly creditPerDayMicros: number;
  readonly maxFaceValueMicros: number;
};

export type Partner = {
  readonly id: string;
  readonly name: string;
  readonly status: PartnerStatus;
  readonly timeZone: string;
  /** By currency, sorted. */
  readonly limits: readonly PartnerLimit[];
};
