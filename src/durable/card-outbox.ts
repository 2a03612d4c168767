/**
 * Notices of one card on their way to the queue: written with the change that caused them, sent by the alarm,
 * deleted after a send that succeeded. A crash in between sends them again under the same ids.
 */
import type { NoticeEvent } from "../domain/card-calls.ts";
import type { CardNotice, NoticeData, NoticeType } from "../domain/card-notices.ts";
import type { CardState } from "../domain/card.ts";
import { formatSerial } from "../domain/serial.ts";
import { toRfc3339 } from "../domain/time.ts";
import type { Row } from "./rows.ts";

/** The queue takes this many messages at once. */
const MOST_AT_ONCE = 100;

type SendNotices = (events: readonly NoticeEvent[]) => Promise<unknown>;

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
  async drain(batch: number, { card }: CardState): Promise<void> {
    for (let rows = this.#oldest(); rows.length > 0; rows = this.#oldest()) {
      await this.#send(rows.map((row) => eventOf({ batch, card }, row)));
      for (const { version = null, event = null } of rows)
        this.#sql.exec("DELETE FROM outbox WHERE version = ? AND event = ?", version, event);
    }
  }

  #oldest(): Row[] {
    return this.#sql.exec<Row>("SELECT * FROM outbox ORDER BY version, event LIMIT ?", MOST_AT_ONCE).toArray();
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
