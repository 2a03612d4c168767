/**
 * What is said between the Worker and a card's object: plain values both ways, refusals included,
 * because classes and thrown errors do not survive the call.
 */
import type { Balance } from "./balance.ts";
import type { Doer } from "./card-acts.ts";
import type { NoticeData, NoticeType } from "./card-notices.ts";
import type { ProjectedBooks, Reconciliation } from "./card-reconciliation.ts";
import type { CardCall, CardState, CardStatus } from "./card.ts";
import type { Refusal } from "./errors.ts";
import type { Hold, HoldState } from "./hold.ts";
import type { MoneyCommand, Posting } from "./ledger/commands.ts";
import type { Result } from "./result.ts";
import type { PinChange, TakeoverRequest } from "./takeover.ts";
import type { CardKind, CardMode } from "./terms.ts";

export type DeviceView = {
  readonly number: number;
  readonly name: string | null;
  readonly platform: string | null;
  readonly status: "active" | "signed_out";
  readonly lastSeenAtMs: number;
  /** false = a companion: balance and statement, but no SIP credentials and no calls. An object of an earlier release says nothing of it: true. */
  readonly sipSeat?: boolean;
  /** Of a softphone: the device that linked it. */
  readonly linkedTo: number | null;
};

/** A card as it stands now; amounts in micros. */
export type CardView = {
  readonly version: number;
  readonly status: CardStatus;
  readonly kind: CardKind;
  readonly mode: CardMode;
  readonly currency: string;
  readonly expiresAtMs: number | null;
  readonly firstUsedAtMs: number | null;
  /** Of an untouched card, as if its face value were credited. */
  readonly balance: Balance;
  readonly devices: readonly DeviceView[];
  readonly openHolds: number;
};

/** Position in the sequence of refresh tokens of one device. */
export type Generation = { readonly device: number; readonly family: number; readonly generation: number };

export type NewDevice = {
  readonly idHash: string;
  readonly name: string | null;
  readonly platform: string | null;
  readonly publicKey: string | null;
};

/** A softphone to sit in the place of the device that links it; `idHash` is of the link's own random id. */
export type NewSoftphone = Pick<NewDevice, "idHash" | "name" | "platform">;

/** A device as an access token names it. */
export type DeviceClaim = { readonly device: number; readonly family: number };

/** A proof of possession (RFC 9449) whose signature, age and address the Worker has checked. */
export type PresentedProof = {
  /** As registered keys are kept. */
  readonly publicKey: string;
  readonly jti: string;
  /** Of the one HTTP request. */
  readonly request: string;
};

export type Redeemed = {
  readonly card: CardView;
  readonly refresh: Generation;
  /** The key its device registered: its tokens are bound to it. */
  readonly publicKey: string | null;
};

/** A ticket for the portal, and the session it begins; both by the random part of their tokens. */
export type PortalEntry = { readonly ticket: string; readonly session: string; readonly ticketEndsAtMs: number };

/** What a command did, as pinned to its id; a hold's `state` is the present one. Balances are those after the command. */
export type MoneyOutcome = {
  readonly id: string;
  readonly currency: string;
  readonly movedMicros: number;
  readonly restMicros: number;
  readonly grantedMicros: number;
  readonly releasedMicros: number;
  readonly availableMicros: number;
  readonly heldMicros: number;
  readonly hold: { readonly state: HoldState; readonly sequence: number; readonly expiresAtMs: number } | null;
  readonly nowMs: number;
  readonly replayed: boolean;
};

/** What the Worker knows about a call and the card does not keep. */
export type CallRules = { readonly concurrentCalls: number; readonly destinationAllowed: boolean };

/** Details of a call for the statement, kept apart from the books because they are erased after a while. */
export type CallDetails = Readonly<Record<string, string | number>>;

export type MoneyRequest = Doer & {
  readonly command: MoneyCommand;
  readonly rules: CallRules;
  readonly details: CallDetails | null;
};

/** A voucher presented to a card. */
export type TopUpRequest = { readonly id: string; readonly voucher: CardCall };

/** The card that takes another's place and balance. */
export type ReplaceRequest = Doer & { readonly id: string; readonly to: CardCall };

/** What one card asks of another, in its own name and under its own id. */
export type ClaimRequest = { readonly card: string; readonly id: string } & (
  | { readonly type: "consume" | "reserve" }
  | { readonly type: "fill"; readonly amountMicros: number }
);

/** What a transfer moved, as pinned to its id. The balance is that of the card the money came to. */
export type TransferOutcome = Pick<
  MoneyOutcome,
  "id" | "currency" | "movedMicros" | "availableMicros" | "heldMicros" | "replayed"
> & {
  /** Serial of the other card. */
  readonly other: string;
};

export type CardAction =
  | { readonly action: "block" | "unblock" | "activate" | "deactivate" | "close" }
  | { readonly action: "extend"; readonly expiresAtMs: number }
  /** null = every device that is signed in. */
  | { readonly action: "release_device"; readonly device: number | null };

/** Why and by whose key. With an `id`, a repetition of the very same act does nothing more, for the card's life. */
export type ActJournal = Doer & { readonly reason: string; readonly id?: string };

/** A refusal of a money command may be the pinned one of an earlier, equal request. */
export type MoneyRefusal = Refusal & { readonly replayed?: boolean };

/** The methods of a card's object. Every one is safe to send again: it is a read, or idempotent by its content. */
export type CardObject = {
  /** `takeover`: the card may be taken from another device when all its places are; null = it was not asked for. */
  redeem(
    call: CardCall,
    device: NewDevice,
    takeover?: TakeoverRequest | null,
    proof?: PresentedProof | null,
  ): Promise<Result<Redeemed, Refusal>>;
  /** Of a device that registered a key, both again and refreshing need its proof: `invalid_dpop_proof` otherwise. */
  refresh(call: CardCall, presented: Generation, proof?: PresentedProof | null): Promise<Result<Redeemed, Refusal>>;
  /** The card for one of its signed-in devices. */
  holder(call: CardCall, claim: DeviceClaim): Promise<Result<CardView, Refusal>>;
  signOut(call: CardCall, claim: DeviceClaim): Promise<Result<null, Refusal>>;
  revokeFamily(call: CardCall, claim: DeviceClaim): Promise<Result<null, Refusal>>;
  setPin(call: CardCall, claim: DeviceClaim, change: PinChange): Promise<Result<null, Refusal>>;
  /**
   * Gives the seat of a signed-in device to a softphone; the same link again answers the same softphone. The softphone
   * linked before is signed out. `link_expired` once the link's softphone was signed out.
   */
  link(call: CardCall, claim: DeviceClaim, softphone: NewSoftphone): Promise<Result<Redeemed, Refusal>>;
  /** As `holder`, for a softphone whose link is fetched; `link_expired` once that was often enough. */
  fetchLink(call: CardCall, claim: DeviceClaim): Promise<Result<CardView, Refusal>>;
  /** Signs a softphone of this device out, which has its seat back; `not_found` for anything else. */
  unlink(call: CardCall, claim: DeviceClaim, softphone: number): Promise<Result<null, Refusal>>;
  /** Begins a session at the portal, once per ticket. */
  openPortal(call: CardCall, claim: DeviceClaim, entry: PortalEntry): Promise<Result<null, Refusal>>;
  /** Whether the session, its device and the card still are what they were. */
  visitPortal(call: CardCall, claim: DeviceClaim, session: string): Promise<Result<null, Refusal>>;
  closePortal(call: CardCall, session: string): Promise<Result<null, Refusal>>;
  money(call: CardCall, request: MoneyRequest): Promise<Result<MoneyOutcome, MoneyRefusal>>;
  topUp(call: CardCall, claim: DeviceClaim, request: TopUpRequest): Promise<Result<TransferOutcome, MoneyRefusal>>;
  /** Counts a code that is none of the card's vouchers; refused once there were too many. */
  countFailure(call: CardCall, claim: DeviceClaim): Promise<Result<null, Refusal>>;
  replace(call: CardCall, request: ReplaceRequest): Promise<Result<TransferOutcome, MoneyRefusal>>;
  claim(call: CardCall, request: ClaimRequest): Promise<Result<null, Refusal>>;
  act(call: CardCall, action: CardAction, journal: ActJournal): Promise<Result<CardView, Refusal>>;
  /** The card as it would be after an act, or why that is refused; changes nothing. */
  tryAct(call: CardCall, action: CardAction): Promise<Result<CardView, Refusal>>;
  inspect(call: CardCall): Promise<Result<CardView, Refusal>>;
  postings(call: CardCall, page: PageOfPostings): Promise<readonly StatementLine[]>;
  holds(call: CardCall, page: PageOfHolds): Promise<Result<readonly Hold[], Refusal>>;
  hold(call: CardCall, id: string): Promise<Result<{ hold: Hold; card: CardView }, Refusal>>;
  /** Replays the postings and compares; also of a halted card. */
  reconcile(call: CardCall, projected: ProjectedBooks): Promise<Reconciliation>;
};

/** Newest first, before a posting number. */
export type PageOfPostings = { readonly before: number | null; readonly limit: number };

/** In the order of their ids, after one. `openOnly` lists what still sets credit aside. */
export type PageOfHolds = { readonly after: string | null; readonly limit: number; readonly openOnly: boolean };

export type StatementLine = Posting & { readonly call: CallDetails | null };

/** What the object tells the projection, ordered by version. */
export type CardEvent = { readonly type: "card"; readonly atMs: number; readonly state: CardProjection };

/** What the object gives notice of. At least once; the id is the same every time, so that a reader can tell. */
export type NoticeEvent = {
  readonly type: "event";
  readonly event: NoticeType;
  readonly id: string;
  /** RFC 3339. */
  readonly at: string;
  readonly batch: number;
  readonly card: number;
  readonly data: NoticeData;
};

/**
 * Notices of one card in the order they were given. Messages overtake each other, so each repeats the notices sent
 * shortly before its own: whichever arrives first brings all of them, and the reader skips what it knows.
 */
export type NoticesEvent = { readonly type: "events"; readonly events: readonly NoticeEvent[] };

export type CardProjection = Pick<
  CardState,
  "version" | "card" | "balance" | "shortfallMicros" | "firstUsedAtMs" | "expiresAtMs"
> & {
  readonly batch: number;
  readonly status: CardStatus;
  readonly devices: number;
  readonly openHolds: number;
};
