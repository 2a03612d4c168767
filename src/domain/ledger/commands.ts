/** What can be asked of a card's ledger, and what it answers. Pure types; amounts in micros. */
import type { CardNotice } from "../card-notices.ts";
import type { CardState } from "../card.ts";
import type { Hold } from "../hold.ts";

export type CreditSource = "top_up" | "payment" | "goodwill" | "refund";

export type Credit = {
  readonly type: "credit";
  readonly id: string;
  readonly amountMicros: number;
  readonly currency: string;
  readonly source: CreditSource;
  readonly reason: string | null;
};

export type Debit = {
  readonly type: "debit";
  readonly id: string;
  readonly amountMicros: number;
  readonly currency: string;
  /** The least that may be collected; null = all of it. */
  readonly minimumMicros: number | null;
  /** SIP user of the device that called; null = no device is checked. */
  readonly subject: string | null;
};

/** Takes a credit or a debit back, in part or whole. The id is the original's with its own: `<original>/<id>`. */
export type Reversal = {
  readonly type: "credit_reversal" | "debit_reversal";
  readonly id: string;
  readonly original: string;
  /** null = all that is left of the original. */
  readonly amountMicros: number | null;
  readonly reason: string;
};

export type PlaceHold = {
  readonly type: "hold";
  readonly id: string;
  readonly amountMicros: number;
  readonly currency: string;
  readonly ttlSeconds: number;
  readonly minimumMicros: number | null;
  readonly subject: string | null;
  readonly destination: string | null;
  readonly reference: string | null;
};

export type Overrun = "refuse" | "collect";

export type ExtendHold = {
  readonly type: "extend";
  readonly id: string;
  /** From 1, without gaps: the step's identity. */
  readonly sequence: number;
  /** Since the last step. */
  readonly usedMicros: number;
  readonly amountMicros: number;
  readonly ttlSeconds: number;
  readonly overrun: Overrun;
};

export type CommitHold = {
  readonly type: "commit";
  readonly id: string;
  readonly usedMicros: number;
  readonly overrun: Overrun;
};

export type ReleaseHold = { readonly type: "release"; readonly id: string; readonly reason: string | null };

/** Commands with an id of the caller's: one effect and one outcome for the same id and content, for the card's life. */
export type MoneyCommand = Credit | Debit | Reversal | PlaceHold | ExtendHold | CommitHold | ReleaseHold;

/** Moves between two cards. Each is asked for after the mover has seen that it cannot be refused, but for the first. */
export type TransferCommand =
  /** A voucher gives all it has to `card`, under that card's id. */
  | { readonly type: "consume"; readonly card: string; readonly id: string }
  /** What a consumed voucher pays into the card. */
  | { readonly type: "top_up"; readonly id: string; readonly voucher: string; readonly amountMicros: number }
  /** Freezes a card that is to be replaced, or thaws it when that cannot be. */
  | { readonly type: "leave" | "stay" }
  /** Keeps an untouched card for the balance of `card`. */
  | { readonly type: "reserve"; readonly card: string; readonly id: string }
  /** Everything available leaves, and the card closes. */
  | { readonly type: "transfer_out"; readonly id: string; readonly to: string }
  /** The balance comes in instead of the face value. `endsAtMs` as with `first`. */
  | {
      readonly type: "transfer_in";
      readonly card: string;
      readonly id: string;
      readonly amountMicros: number;
      readonly endsAtMs: number | null;
    };

export type HoldCommand = PlaceHold | ExtendHold | CommitHold | ReleaseHold;

/** What the card itself does, and what is done to it, without an outcome of its own. */
export type CardCommand =
  /** `endsAtMs`: the end that the first use sets; null = the batch has no such rule. */
  | { readonly type: "first"; readonly endsAtMs: number | null }
  | { readonly type: "block" }
  | { readonly type: "unblock" }
  | { readonly type: "activate" }
  | { readonly type: "deactivate" }
  | { readonly type: "close" }
  | { readonly type: "prolong"; readonly expiresAtMs: number }
  /** The hold's time is over. */
  | { readonly type: "expire_hold" }
  /** The card's time is over: what is available becomes breakage. */
  | { readonly type: "expire_card" }
  /** The card's time is nearly over: its partner is told. */
  | { readonly type: "warn_expiring" };

export type Command = MoneyCommand | TransferCommand | CardCommand;

/** What a decision looks at besides the card. */
export type Context = {
  /** The hold a command names; undefined = there is none of this id. */
  readonly hold?: Hold | undefined;
  /** Of the original of a reversal: what it moved, and what was taken back of it; undefined = no such original. */
  readonly original?: { readonly movedMicros: number; readonly reversedMicros: number } | undefined;
  /** The profile's limit of calls at once. */
  readonly concurrentCalls: number;
  readonly destinationAllowed: boolean;
  /** A credit on an expired card revives it, until this end; null = it is refused. */
  readonly reviveUntilMs: number | null;
  /** Credit of vouchers that is promised and not booked yet; absent = none. */
  readonly promisedMicros?: number;
};

export type PostingType =
  | "first"
  | "credit"
  | "debit"
  | "hold"
  | "extend"
  | "commit"
  | "release"
  | "hold_expired"
  | "late"
  | "reversal"
  | "card_expired"
  | "revive"
  | "transfer_in"
  | "transfer_out";

/** One line of a card's books. `amountMicros` is the signed effect on available; the balances are after it. */
export type Posting = {
  readonly seq: number;
  readonly atMs: number;
  readonly type: PostingType;
  readonly id: string;
  readonly amountMicros: number;
  readonly availableMicros: number;
  readonly heldMicros: number;
  readonly shortfallMicros: number;
  readonly reason: string | null;
};

/** The figures of an applied command, as they are pinned to its id. */
export type Applied = {
  /** Credited, collected, reversed, or charged by a step of a hold. */
  readonly movedMicros: number;
  /** Of a credit, what paid debt; of a charge, what could not be collected. */
  readonly restMicros: number;
  readonly grantedMicros: number;
  readonly releasedMicros: number;
};

export type Decision = {
  readonly state: CardState;
  readonly postings: readonly Posting[];
  readonly applied: Applied;
  /** The hold as it is now, when the command touched one. */
  readonly hold?: Hold;
  /** What the change gives notice of, written with it. */
  readonly notices?: readonly CardNotice[];
};
