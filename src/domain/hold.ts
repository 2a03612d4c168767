/** Credit set aside for a call. Pure types; amounts in micros, charged and released are totals over the hold's life. */

export type HoldState = "open" | "committed" | "released" | "expired" | "late";

export type Hold = {
  readonly id: string;
  readonly state: HoldState;
  /** Set aside now; once it is not open, what was set aside when it ended. */
  readonly amountMicros: number;
  /** The last extend step; 0 = none yet. */
  readonly sequence: number;
  readonly chargedMicros: number;
  readonly releasedMicros: number;
  /** Used, but neither held nor available: the operator's loss, and its bound. */
  readonly shortfallMicros: number;
  readonly subject: string | null;
  readonly destination: string | null;
  readonly reference: string | null;
  readonly createdAtMs: number;
  readonly expiresAtMs: number;
  readonly settledAtMs: number | null;
};

/** What a card keeps at hand of each open hold; their sum is `held`. */
export type OpenHold = Pick<Hold, "id" | "amountMicros" | "expiresAtMs">;

/** A commit is taken this long after the hold expired; it collects what is still there. */
export const LATE_COMMIT_MS = 24 * 3_600_000;

/** At its end to the millisecond, a hold is over: it had its whole time. */
export const hasEnded = ({ expiresAtMs }: Pick<Hold, "expiresAtMs">, nowMs: number): boolean => nowMs >= expiresAtMs;
