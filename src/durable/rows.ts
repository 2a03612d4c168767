/** Rows of a card's database and the values they stand for. No SQL, no decisions. */
import type { CardState } from "../domain/card.ts";
import type { StatementLine } from "../domain/card-calls.ts";
import type { Device } from "../domain/devices.ts";
import type { ProblemCode } from "../domain/errors.ts";
import type { Hold, OpenHold } from "../domain/hold.ts";
import type { Standing } from "../domain/terms.ts";

export type Row = Record<string, SqlStorageValue>;

/** A card as stored: its state, whose it is, and how far the projection has been told. */
export type StoredCard = { readonly batch: number; readonly projectedVersion: number; readonly state: CardState };

/** The fixed outcome of a money command. `refusal` null = applied. */
export type Outcome = {
  readonly content: string;
  readonly atMs: number;
  readonly refusal: ProblemCode | null;
  readonly movedMicros: number;
  readonly restMicros: number;
  readonly grantedMicros: number;
  readonly releasedMicros: number;
  readonly availableMicros: number;
  readonly heldMicros: number;
  /** Of a hold's step: its number and the end it set. */
  readonly sequence: number;
  readonly endsAtMs: number | null;
};

/** The columns of `card` that most changes move: its books. In the order of `bookValues`. */
export const BOOK_COLUMNS = [
  "version",
  "clock_ms",
  "credits",
  "debt",
  "available",
  "held",
  "spent",
  "reversed",
  "expired",
  "open_holds",
  "shortfall",
  "last_seq",
  "low_balance_told",
] as const;

/** The others that a state fills: how the card lives. In the order of `lifeValues`. */
export const LIFE_COLUMNS = [
  "card",
  "kind",
  "mode",
  "currency",
  "face_value_micros",
  "max_devices",
  "first_used_at_ms",
  "expires_at_ms",
  "on_sale",
  "activated_at_ms",
  "blocked",
  "closed",
  "standing",
  "last_device",
  "expiring_told_ms",
  "claim",
  "leaving",
] as const;

export function bookValues({ balance, ...state }: CardState): SqlStorageValue[] {
  return [
    state.version,
    state.clockMs,
    balance.credits,
    balance.debt,
    balance.available,
    balance.held,
    balance.spent,
    balance.reversed,
    balance.expired,
    state.openHolds.length === 0 ? "[]" : JSON.stringify(state.openHolds),
    state.shortfallMicros,
    state.lastSeq,
    Number(state.lowBalanceTold),
  ];
}

export const lifeValues = (state: CardState): SqlStorageValue[] => [
  state.card,
  state.kind,
  state.mode,
  state.currency,
  state.faceValueMicros,
  state.maxDevices,
  state.firstUsedAtMs,
  state.expiresAtMs,
  Number(state.onSale),
  state.activatedAtMs,
  Number(state.blocked),
  Number(state.closed),
  JSON.stringify(state.standing),
  state.lastDevice,
  state.expiringToldMs,
  state.claim && JSON.stringify(state.claim),
  Number(state.leaving),
];

type BookField = "version" | "clockMs" | "balance" | "openHolds" | "shortfallMicros" | "lastSeq" | "lowBalanceTold";
type LifeField = Exclude<keyof CardState, BookField>;

/** What `LIFE_COLUMNS` stand for; a field of the state that is forgotten here does not compile. */
const LIFE_FIELDS = Object.keys({
  card: true,
  kind: true,
  mode: true,
  currency: true,
  faceValueMicros: true,
  maxDevices: true,
  firstUsedAtMs: true,
  expiresAtMs: true,
  onSale: true,
  activatedAtMs: true,
  blocked: true,
  closed: true,
  standing: true,
  lastDevice: true,
  expiringToldMs: true,
  claim: true,
  leaving: true,
} satisfies Record<LifeField, true>) as LifeField[];

/** Whether two states of one card differ in their books alone. Values that were read apart count as different. */
export const livesAlike = (a: CardState, b: CardState): boolean => LIFE_FIELDS.every((field) => a[field] === b[field]);

export const STORED_COLUMNS = [...BOOK_COLUMNS, ...LIFE_COLUMNS, "batch", "projected_version"] as const;

type Column = (typeof STORED_COLUMNS)[number];

const AT = Object.fromEntries(STORED_COLUMNS.map((column, index) => [column, index])) as Record<Column, number>;

/** From a row by position: the platform makes objects of many columns slower than arrays. */
export function storedCard(row: readonly SqlStorageValue[]): StoredCard {
  const state: CardState = {
    version: row[AT.version] as number,
    clockMs: row[AT.clock_ms] as number,
    card: row[AT.card] as number,
    kind: row[AT.kind] as CardState["kind"],
    mode: row[AT.mode] as CardState["mode"],
    currency: row[AT.currency] as string,
    faceValueMicros: row[AT.face_value_micros] as number,
    maxDevices: row[AT.max_devices] as number,
    firstUsedAtMs: row[AT.first_used_at_ms] as number | null,
    expiresAtMs: row[AT.expires_at_ms] as number | null,
    onSale: row[AT.on_sale] === 1,
    activatedAtMs: row[AT.activated_at_ms] as number | null,
    blocked: row[AT.blocked] === 1,
    closed: row[AT.closed] === 1,
    standing: JSON.parse(row[AT.standing] as string) as Standing,
    balance: {
      credits: row[AT.credits] as number,
      debt: row[AT.debt] as number,
      available: row[AT.available] as number,
      held: row[AT.held] as number,
      spent: row[AT.spent] as number,
      reversed: row[AT.reversed] as number,
      expired: row[AT.expired] as number,
    },
    openHolds: JSON.parse(row[AT.open_holds] as string) as OpenHold[],
    shortfallMicros: row[AT.shortfall] as number,
    lastSeq: row[AT.last_seq] as number,
    lastDevice: row[AT.last_device] as number,
    lowBalanceTold: row[AT.low_balance_told] === 1,
    expiringToldMs: row[AT.expiring_told_ms] as number | null,
    claim: row[AT.claim] === null ? null : (JSON.parse(row[AT.claim] as string) as CardState["claim"]),
    leaving: row[AT.leaving] === 1,
  };
  return { batch: row[AT.batch] as number, projectedVersion: row[AT.projected_version] as number, state };
}

export const statementLine = (row: Row): StatementLine => ({
  seq: Number(row["seq"]),
  atMs: Number(row["at_ms"]),
  type: row["type"] as StatementLine["type"],
  id: row["id"] as string,
  amountMicros: Number(row["amount_micros"]),
  availableMicros: Number(row["available_micros"]),
  heldMicros: Number(row["held_micros"]),
  shortfallMicros: Number(row["shortfall_micros"]),
  reason: row["reason"] as string | null,
  call: row["details"] === null ? null : (JSON.parse(row["details"] as string) as StatementLine["call"]),
});

export const outcomeOf = (row: Row): Outcome => ({
  content: row["content"] as string,
  atMs: Number(row["at_ms"]),
  refusal: row["refusal"] as ProblemCode | null,
  movedMicros: Number(row["moved_micros"]),
  restMicros: Number(row["rest_micros"]),
  grantedMicros: Number(row["granted_micros"]),
  releasedMicros: Number(row["released_micros"]),
  availableMicros: Number(row["available_micros"]),
  heldMicros: Number(row["held_micros"]),
  sequence: Number(row["sequence"]),
  endsAtMs: row["ends_at_ms"] as number | null,
});

export const holdOf = (row: Row): Hold => ({
  id: row["id"] as string,
  state: row["state"] as Hold["state"],
  amountMicros: Number(row["amount"]),
  sequence: Number(row["sequence"]),
  chargedMicros: Number(row["charged"]),
  releasedMicros: Number(row["released"]),
  shortfallMicros: Number(row["shortfall"]),
  subject: row["subject"] as string | null,
  destination: row["destination"] as string | null,
  reference: row["reference"] as string | null,
  createdAtMs: Number(row["created_at_ms"]),
  expiresAtMs: Number(row["expires_at_ms"]),
  settledAtMs: row["settled_at_ms"] as number | null,
});

export const deviceOf = (row: Row): Device => ({
  number: Number(row["number"]),
  idHash: row["id_hash"] as string,
  name: row["name"] as string | null,
  platform: row["platform"] as string | null,
  publicKey: row["public_key"] as string | null,
  status: row["status"] as Device["status"],
  family: Number(row["family"]),
  familyRevoked: row["family_revoked"] === 1,
  generation: Number(row["generation"]),
  advancedAtMs: Number(row["advanced_at_ms"]),
  lastSeenAtMs: Number(row["last_seen_at_ms"]),
  createdAtMs: Number(row["created_at_ms"]),
  sipSeat: row["sip_seat"] === 1,
  linkedTo: row["linked_to"] as number | null,
});
