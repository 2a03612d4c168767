/**
 * Notices of one card on their way to the queue: written with the change that caused them, sent by the alarm, and marked
 * after a send that succeeded. A crash in between sends them again under the same ids. The queue keeps no order, so a
 * message carries what was sent before it too: a later notice never arrives without the earlier ones.
 */
import type { NoticeEvent, NoticesEvent } from "../domain/card-calls.ts";
import type { CardNotice, NoticeData, NoticeType } from "../domain/card-notices.ts";
import type { CardState } from "../domain/card.ts";
import { formatSerial } from "../domain/serial.ts";
import { DAY_MS, toRfc3339 } from "../domain/time.ts";
import type { Row } from "./rows.ts";

/** A message has at most 128 KB; a notice is well below one. */
const MOST_AT_ONCE = 50;
const REPEATED = 20;
/** As long as the queue keeps a message. */
const REPEATED_FOR_MS = 4 * DAY_MS;

type SendNotices = (message: NoticesEvent) => Promise<unknown>;

export class CardOutbox {
  readonly #sql: SqlStorage;
  readonly #send: SendNotices;

  constructor(sql: SqlStorage, send: SendNotices) {
    this.#sql = sql;
    this.#send = send;
  }

  /** Inside the transaction that saves `state`, and after its save. */
  add(state: CardState, { event, data }: CardNotice): void {
    this.#sql.exec(
      "INSERT INTO outbox (version, event, at_ms, data) VALUES (?, ?, ?, ?)",
      state.version,
      event,
      state.clockMs,
      JSON.stringify(data),
    );
  }

  /** Sends what waits, oldest first. Throws when the queue does not take it; everything then still waits. */
  async drain(batch: number, { card }: CardState, nowMs: number): Promise<void> {
    for (let rows = this.#waiting(); rows.length > 0; rows = this.#waiting()) {
      const events = [...this.#sent(nowMs), ...rows].map((row) => eventOf({ batch, card }, row));
      await this.#send({ type: "events", events });
      for (const { version = null, event = null } of rows)
        this.#sql.exec("UPDATE outbox SET sent_at_ms = ? WHERE version = ? AND event = ?", nowMs, version, event);
      this.#sql.exec("DELETE FROM outbox WHERE sent_at_ms <= ?", nowMs - REPEATED_FOR_MS);
    }
  }

  #waiting(): Row[] {
    return this.#sql
      .exec<Row>("SELECT * FROM outbox WHERE sent_at_ms IS NULL ORDER BY version, event LIMIT ?", MOST_AT_ONCE)
      .toArray();
  }

  #sent(nowMs: number): Row[] {
    return this.#sql
      .exec<Row>(
        "SELECT * FROM outbox WHERE sent_at_ms > ? ORDER BY version DESC, event DESC LIMIT ?",
        nowMs - REPEATED_FOR_MS,
        REPEATED,
      )
      .toArray()
      .toReversed();
  }
}

function eventOf({ batch, card }: { batch: number; card: number }, row: Row): NoticeEvent {
  const event = row["event"] as NoticeType;
  return {
    type: "event",
    event,
    // No dots: outgoing webhooks sign their id, a dot and the rest.
    id: `evt_${formatSerial({ batch, card })}_${Number(row["version"])}_${event.replaceAll(".", "_")}`,
    at: toRfc3339(Number(row["at_ms"])),
    batch,
    card,
    data: JSON.parse(row["data"] as string) as NoticeData,
  };
}
