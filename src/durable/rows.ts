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

/** The columns of `card` that a state fills, in the order of `cardValues`. */
export const CARD_COLUMNS = [
  "version",
  "clock_ms",
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
  "last_device",
  "low_balance_told",
  "expiring_told_ms",
  "claim",
  "leaving",
] as const;

export function cardValues(state: CardState): SqlStorageValue[] {
  const { balance } = state;
  return [
    state.version,
    state.clockMs,
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
    balance.credits,
    balance.debt,
    balance.available,
    balance.held,
    balance.spent,
    balance.reversed,
    balance.expired,
    JSON.stringify(state.openHolds),
    state.shortfallMicros,
    state.lastSeq,
    state.lastDevice,
    Number(state.lowBalanceTold),
    state.expiringToldMs,
    state.claim && JSON.stringify(state.claim),
    Number(state.leaving),
  ];
}

export function storedCard(row: Row): StoredCard {
  const state: CardState = {
    version: Number(row["version"]),
    clockMs: Number(row["clock_ms"]),
    card: Number(row["card"]),
    kind: row["kind"] as CardState["kind"],
    mode: row["mode"] as CardState["mode"],
    currency: row["currency"] as string,
    faceValueMicros: Number(row["face_value_micros"]),
    maxDevices: Number(row["max_devices"]),
    firstUsedAtMs: row["first_used_at_ms"] as number | null,
    expiresAtMs: row["expires_at_ms"] as number | null,
    onSale: row["on_sale"] === 1,
    activatedAtMs: row["activated_at_ms"] as number | null,
    blocked: row["blocked"] === 1,
    closed: row["closed"] === 1,
    standing: JSON.parse(row["standing"] as string) as Standing,
    balance: {
      credits: Number(row["credits"]),
      debt: Number(row["debt"]),
      available: Number(row["available"]),
      held: Number(row["held"]),
      spent: Number(row["spent"]),
      reversed: Number(row["reversed"]),
      expired: Number(row["expired"]),
    },
    openHolds: JSON.parse(row["open_holds"] as string) as OpenHold[],
    shortfallMicros: Number(row["shortfall"]),
    lastSeq: Number(row["last_seq"]),
    lastDevice: Number(row["last_device"]),
    lowBalanceTold: row["low_balance_told"] === 1,
    expiringToldMs: row["expiring_told_ms"] as number | null,
    claim: row["claim"] === null ? null : (JSON.parse(row["claim"] as string) as CardState["claim"]),
    leaving: row["leaving"] === 1,
  };
  return { batch: Number(row["batch"]), projectedVersion: Number(row["projected_version"]), state };
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
