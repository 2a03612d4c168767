/**
 * All SQL of one card. Rows in, values out; decides nothing.
 * Every read goes to storage: an object that was replaced learns it here, before it answers about money.
 */
import type { CardState } from "../domain/card.ts";
import type { PageOfPostings } from "../domain/card-calls.ts";
import type { Device } from "../domain/devices.ts";
import type { ProblemCode } from "../domain/errors.ts";
import type { MoneyCommand, Posting } from "../domain/ledger.ts";
import type { Standing } from "../domain/terms.ts";
import { MIGRATIONS, migrate, schemaVersion } from "./migrations.ts";

type Row = Record<string, SqlStorageValue>;

/** A card as stored: its state, whose it is, and how far the projection has been told. */
export type StoredCard = { readonly batch: number; readonly projectedVersion: number; readonly state: CardState };

/** The fixed outcome of a money command. `refusal` null = applied. */
export type Outcome = {
  readonly content: string;
  readonly atMs: number;
  readonly refusal: ProblemCode | null;
  readonly movedMicros: number;
  readonly restMicros: number;
  readonly availableMicros: number;
  readonly heldMicros: number;
};

/** Refusals are kept at least 72 hours and the newest 10,000; applied outcomes for the card's life. */
const REFUSALS_KEPT_MS = 72 * 3_600_000;
const REFUSALS_KEPT = 10_000;

const NEWEST_SCHEMA = MIGRATIONS.at(-1)?.version ?? 0;

export class CardAccountStore {
  readonly #sql: SqlStorage;
  #schema: number;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    this.#schema = schemaVersion(sql);
  }

  /** A transaction that failed took its schema step with it. */
  reread(): void {
    this.#schema = schemaVersion(this.#sql);
  }

  #prepare(): void {
    if (this.#schema < NEWEST_SCHEMA) this.#schema = migrate(this.#sql, this.#schema);
  }

  /** undefined = nobody has touched the card; nothing is written to learn that. */
  load(): StoredCard | undefined {
    if (this.#schema === 0) return undefined;
    this.#prepare();
    const [values] = [...this.#sql.exec(SELECT_CARD).raw()];
    return values && toStoredCard(Object.fromEntries(values.map((value, index) => [STORED_COLUMNS[index], value])));
  }

  save(batch: number, state: CardState): void {
    this.#prepare();
    this.#sql.exec(SAVE_CARD, ...fromState(state), batch);
  }

  setProjectedVersion(version: number): void {
    this.#sql.exec("UPDATE card SET projected_version = ? WHERE projected_version < ?", version, version);
  }

  append(posting: Posting): void {
    this.#sql.exec(
      "INSERT INTO postings (seq, at_ms, type, id, amount_micros, available_micros, held_micros, reason) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
      posting.seq,
      posting.atMs,
      posting.type,
      posting.id,
      posting.amountMicros,
      posting.availableMicros,
      posting.heldMicros,
      posting.reason,
    );
  }

  postings({ before, limit }: PageOfPostings): Posting[] {
    return this.#sql
      .exec<Row>(
        "SELECT * FROM postings WHERE seq < ? ORDER BY seq DESC LIMIT ?",
        before ?? Number.MAX_SAFE_INTEGER,
        limit,
      )
      .toArray()
      .map(toPosting);
  }

  outcome(kind: MoneyCommand["type"], id: string): Outcome | undefined {
    const [row] = this.#sql.exec<Row>("SELECT * FROM outcomes WHERE kind = ? AND id = ?", kind, id).toArray();
    return row && toOutcome(row);
  }

  pin(kind: MoneyCommand["type"], id: string, outcome: Outcome): void {
    this.#sql.exec(
      "INSERT INTO outcomes (kind, id, content, at_ms, refusal, moved_micros, rest_micros, available_micros, held_micros) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
      kind,
      id,
      outcome.content,
      outcome.atMs,
      outcome.refusal,
      outcome.movedMicros,
      outcome.restMicros,
      outcome.availableMicros,
      outcome.heldMicros,
    );
  }

  forgetOldRefusals(nowMs: number): void {
    this.#sql.exec(
      `DELETE FROM outcomes WHERE refusal IS NOT NULL AND at_ms < ? AND at_ms <
        coalesce((SELECT at_ms FROM outcomes WHERE refusal IS NOT NULL ORDER BY at_ms DESC LIMIT 1 OFFSET ?), 0)`,
      nowMs - REFUSALS_KEPT_MS,
      REFUSALS_KEPT - 1,
    );
  }

  devices(): Device[] {
    return this.#sql.exec<Row>("SELECT * FROM devices ORDER BY number").toArray().map(toDevice);
  }

  device(number: number): Device | undefined {
    const [row] = this.#sql.exec<Row>("SELECT * FROM devices WHERE number = ?", number).toArray();
    return row && toDevice(row);
  }

  saveDevice(device: Device): void {
    this.#sql.exec(
      `INSERT INTO devices (number, id_hash, name, platform, public_key, status, family, family_revoked, generation, advanced_at_ms, last_seen_at_ms)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT (number) DO UPDATE SET status = excluded.status, family = excluded.family, family_revoked = excluded.family_revoked,
          generation = excluded.generation, advanced_at_ms = excluded.advanced_at_ms, last_seen_at_ms = excluded.last_seen_at_ms`,
      device.number,
      device.idHash,
      device.name,
      device.platform,
      device.publicKey,
      device.status,
      device.family,
      Number(device.familyRevoked),
      device.generation,
      device.advancedAtMs,
      device.lastSeenAtMs,
    );
  }

  journal(act: { atMs: number; action: string; reason: string; actor: string }): void {
    this.#sql.exec(
      "INSERT INTO acts (at_ms, action, reason, actor) VALUES (?, ?, ?, ?)",
      act.atMs,
      act.action,
      act.reason,
      act.actor,
    );
  }
}

const CARD_COLUMNS = [
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
  "last_seq",
  "last_device",
  "batch",
] as const;

/** Names are put to the values here: the platform makes an object of many columns slower than an array. */
const STORED_COLUMNS = [...CARD_COLUMNS, "projected_version"];
const SELECT_CARD = `SELECT ${STORED_COLUMNS.join(", ")} FROM card`;
const SAVE_CARD = `INSERT INTO card (only, ${CARD_COLUMNS.join(", ")}) VALUES (1, ${CARD_COLUMNS.map(() => "?").join(", ")})
  ON CONFLICT (only) DO UPDATE SET ${CARD_COLUMNS.map((column) => `${column} = excluded.${column}`).join(", ")}`;

/** In the order of CARD_COLUMNS, without `batch`. */
function fromState(state: CardState): SqlStorageValue[] {
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
    state.lastSeq,
    state.lastDevice,
  ];
}

function toStoredCard(row: Row): StoredCard {
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
    lastSeq: Number(row["last_seq"]),
    lastDevice: Number(row["last_device"]),
  };
  return { batch: Number(row["batch"]), projectedVersion: Number(row["projected_version"]), state };
}

const toPosting = (row: Row): Posting => ({
  seq: Number(row["seq"]),
  atMs: Number(row["at_ms"]),
  type: row["type"] as Posting["type"],
  id: row["id"] as string,
  amountMicros: Number(row["amount_micros"]),
  availableMicros: Number(row["available_micros"]),
  heldMicros: Number(row["held_micros"]),
  reason: row["reason"] as string | null,
});

const toOutcome = (row: Row): Outcome => ({
  content: row["content"] as string,
  atMs: Number(row["at_ms"]),
  refusal: row["refusal"] as ProblemCode | null,
  movedMicros: Number(row["moved_micros"]),
  restMicros: Number(row["rest_micros"]),
  availableMicros: Number(row["available_micros"]),
  heldMicros: Number(row["held_micros"]),
});

const toDevice = (row: Row): Device => ({
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
});
