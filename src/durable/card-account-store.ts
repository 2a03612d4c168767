/**
 * All SQL of one card. Rows in, values out; decides nothing.
 * Every read goes to storage: an object that was replaced learns it here, before it answers about money.
 */
import type { CardState } from "../domain/card.ts";
import type { CallDetails, PageOfHolds, PageOfPostings, StatementLine } from "../domain/card-calls.ts";
import type { Device } from "../domain/devices.ts";
import type { Hold } from "../domain/hold.ts";
import type { MoneyCommand, Posting } from "../domain/ledger/commands.ts";
import { MIGRATIONS, migrate, schemaVersion } from "./migrations.ts";
import {
  BOOK_COLUMNS,
  bookValues,
  deviceOf,
  holdOf,
  LIFE_COLUMNS,
  lifeValues,
  livesAlike,
  outcomeOf,
  statementLine,
  STORED_COLUMNS,
  storedCard,
  type Outcome,
  type Row,
  type StoredCard,
} from "./rows.ts";

/** Refusals are kept at least 72 hours and the newest 10,000; applied outcomes for the card's life. */
const REFUSALS_KEPT_MS = 72 * 3_600_000;
const REFUSALS_KEPT = 10_000;
const ERASED_AT_ONCE = 500;

/** Outcomes are kept per command and id; a hold's steps and reversals have ids below their hold's or original's. */
export type OutcomeKind = MoneyCommand["type"] | "top_up" | "replace" | "act";

const SELECT_CARD = `SELECT ${STORED_COLUMNS.join(", ")} FROM card`;
const SAVED_COLUMNS = [...BOOK_COLUMNS, ...LIFE_COLUMNS, "batch"];
const SAVE_CARD = `INSERT INTO card (only, ${SAVED_COLUMNS.join(", ")}) VALUES (1, ${SAVED_COLUMNS.map(() => "?").join(", ")})
  ON CONFLICT (only) DO UPDATE SET ${SAVED_COLUMNS.map((column) => `${column} = excluded.${column}`).join(", ")}`;
const SAVE_BOOKS = `UPDATE card SET ${BOOK_COLUMNS.map((column) => `${column} = ?`).join(", ")}`;

const NEWEST_SCHEMA = MIGRATIONS.at(-1)?.version ?? 0;

export class CardAccountStore {
  readonly #sql: SqlStorage;
  #schema: number;
  #saves = 0;
  /** What the stored row last said, as far as this instance has seen; how a save learns what to leave alone. */
  #stored: CardState | undefined;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    this.#schema = schemaVersion(sql);
  }

  /** A transaction that failed took its schema step with it. */
  reread(): void {
    this.#schema = schemaVersion(this.#sql);
    this.#stored = undefined;
  }

  /** How often the card or a device was saved by this instance: who compares learns that something changed. */
  get saves(): number {
    return this.#saves;
  }

  #prepare(): void {
    if (this.#schema < NEWEST_SCHEMA) this.#schema = migrate(this.#sql, this.#schema);
  }

  /** undefined = nobody has touched the card; nothing is written to learn that. */
  load(): StoredCard | undefined {
    if (this.#schema === 0) return undefined;
    this.#prepare();
    const [row] = [...this.#sql.exec(SELECT_CARD).raw()];
    if (!row) return undefined;
    const card = storedCard(row);
    this.#stored = card.state;
    return card;
  }

  save(batch: number, state: CardState): void {
    this.#prepare();
    // Most changes move money and nothing else: what stays as it was read is not written again.
    if (this.#stored && livesAlike(this.#stored, state)) this.#sql.exec(SAVE_BOOKS, ...bookValues(state));
    else this.#sql.exec(SAVE_CARD, ...bookValues(state), ...lifeValues(state), batch);
    this.#stored = state;
    this.#saves += 1;
  }

  setProjectedVersion(version: number): void {
    this.#sql.exec("UPDATE card SET projected_version = ? WHERE projected_version < ?", version, version);
  }

  append(posting: Posting): void {
    this.#sql.exec(
      `INSERT INTO postings (seq, at_ms, type, id, amount_micros, available_micros, held_micros, shortfall_micros, reason)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      posting.seq,
      posting.atMs,
      posting.type,
      posting.id,
      posting.amountMicros,
      posting.availableMicros,
      posting.heldMicros,
      posting.shortfallMicros,
      posting.reason,
    );
  }

  postings({ before, limit }: PageOfPostings): StatementLine[] {
    return this.#sql
      .exec<Row>(
        `SELECT postings.*, calls.details FROM postings LEFT JOIN calls ON calls.seq = postings.seq
          WHERE postings.seq < ? ORDER BY postings.seq DESC LIMIT ?`,
        before ?? Number.MAX_SAFE_INTEGER,
        limit,
      )
      .toArray()
      .map(statementLine);
  }

  saveCall(seq: number, atMs: number, details: CallDetails): void {
    this.#sql.exec("INSERT INTO calls (seq, at_ms, details) VALUES (?, ?, ?)", seq, atMs, JSON.stringify(details));
  }

  /** Erases call details older than an instant; answers when the next ones are due, null = there are none. */
  eraseCalls(beforeMs: number): number | null {
    // From the oldest end, so that what stays is not walked through.
    for (;;) {
      const [oldest] = this.#sql.exec<Row>("SELECT at_ms FROM calls ORDER BY seq LIMIT 1").toArray();
      if (oldest === undefined) return null;
      if (Number(oldest["at_ms"]) >= beforeMs) return Number(oldest["at_ms"]);
      this.#sql.exec(
        "DELETE FROM calls WHERE seq IN (SELECT seq FROM calls ORDER BY seq LIMIT ?) AND at_ms < ?",
        ERASED_AT_ONCE,
        beforeMs,
      );
    }
  }

  hold(id: string): Hold | undefined {
    const [row] = this.#sql.exec<Row>("SELECT * FROM holds WHERE id = ?", id).toArray();
    return row && holdOf(row);
  }

  holds({ after, limit }: Pick<PageOfHolds, "after" | "limit">): Hold[] {
    return this.#sql
      .exec<Row>("SELECT * FROM holds WHERE id > ? ORDER BY id LIMIT ?", after ?? "", limit)
      .toArray()
      .map(holdOf);
  }

  saveHold(hold: Hold): void {
    this.#sql.exec(
      `INSERT INTO holds (id, state, amount, sequence, charged, released, shortfall, subject, destination, reference, created_at_ms, expires_at_ms, settled_at_ms)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT (id) DO UPDATE SET state = excluded.state, amount = excluded.amount, sequence = excluded.sequence, charged = excluded.charged,
          released = excluded.released, shortfall = excluded.shortfall, expires_at_ms = excluded.expires_at_ms, settled_at_ms = excluded.settled_at_ms`,
      hold.id,
      hold.state,
      hold.amountMicros,
      hold.sequence,
      hold.chargedMicros,
      hold.releasedMicros,
      hold.shortfallMicros,
      hold.subject,
      hold.destination,
      hold.reference,
      hold.createdAtMs,
      hold.expiresAtMs,
      hold.settledAtMs,
    );
  }

  outcome(kind: OutcomeKind, id: string): Outcome | undefined {
    const [row] = this.#sql.exec<Row>("SELECT * FROM outcomes WHERE kind = ? AND id = ?", kind, id).toArray();
    return row && outcomeOf(row);
  }

  /** What was moved in all by the applied outcomes whose ids start with `<original>/`. */
  movedUnder(kind: OutcomeKind, original: string): number {
    // "0" is the character after "/": the range is exactly the ids below the original.
    return this.#sql
      .exec<{ moved: number }>(
        "SELECT coalesce(sum(moved_micros), 0) AS moved FROM outcomes WHERE kind = ? AND id > ? AND id < ? AND refusal IS NULL",
        kind,
        `${original}/`,
        `${original}0`,
      )
      .one().moved;
  }

  pin(kind: OutcomeKind, id: string, outcome: Outcome): void {
    this.#sql.exec(
      `INSERT INTO outcomes (kind, id, content, at_ms, refusal, moved_micros, rest_micros, granted_micros, released_micros, available_micros, held_micros, sequence, ends_at_ms)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      kind,
      id,
      outcome.content,
      outcome.atMs,
      outcome.refusal,
      outcome.movedMicros,
      outcome.restMicros,
      outcome.grantedMicros,
      outcome.releasedMicros,
      outcome.availableMicros,
      outcome.heldMicros,
      outcome.sequence,
      outcome.endsAtMs,
    );
  }

  /** Walks through the kept refusals only once some are old enough to go. */
  forgetOldRefusals(nowMs: number): void {
    const beforeMs = nowMs - REFUSALS_KEPT_MS;
    const oldest = this.#sql.exec<Row>("SELECT min(at_ms) AS at_ms FROM outcomes WHERE refusal IS NOT NULL").one();
    if (Number(oldest["at_ms"]) >= beforeMs) return;
    this.#sql.exec(
      `DELETE FROM outcomes WHERE refusal IS NOT NULL AND at_ms < ? AND at_ms <
        coalesce((SELECT at_ms FROM outcomes WHERE refusal IS NOT NULL ORDER BY at_ms DESC LIMIT 1 OFFSET ?), 0)`,
      beforeMs,
      REFUSALS_KEPT - 1,
    );
  }

  /** Credit that vouchers have been accepted for and that is not booked yet. */
  promisedMicros(): number {
    return this.#sql
      .exec<{ promised: number }>(
        "SELECT coalesce(sum(amount), 0) AS promised FROM transfers WHERE kind = 'top_up' AND step <> 'done'",
      )
      .one().promised;
  }

  devices(): Device[] {
    return this.#sql.exec<Row>("SELECT * FROM devices ORDER BY number").toArray().map(deviceOf);
  }

  device(number: number): Device | undefined {
    const [row] = this.#sql.exec<Row>("SELECT * FROM devices WHERE number = ?", number).toArray();
    return row && deviceOf(row);
  }

  saveDevice(device: Device): void {
    this.#sql.exec(
      `INSERT INTO devices (number, id_hash, name, platform, public_key, status, family, family_revoked, generation, advanced_at_ms, last_seen_at_ms, created_at_ms, sip_seat, linked_to)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT (number) DO UPDATE SET status = excluded.status, family = excluded.family, family_revoked = excluded.family_revoked,
          generation = excluded.generation, advanced_at_ms = excluded.advanced_at_ms, last_seen_at_ms = excluded.last_seen_at_ms, sip_seat = excluded.sip_seat`,
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
      device.createdAtMs,
      Number(device.sipSeat),
      device.linkedTo,
    );
    this.#saves += 1;
  }
}
