/**
 * Acts of people on their way from the card's journal to the audit trail: journaled with the change, sent by the alarm,
 * and marked as told after a send that succeeded. A crash in between sends them again under the same ids.
 */
import type { ActedBy, ActsEvent, AuditedAct, CardAct, Doer } from "../domain/card-acts.ts";
import type { CardState } from "../domain/card.ts";
import { formatSerial } from "../domain/serial.ts";
import type { Turn } from "./card-turns.ts";
import type { Row } from "./rows.ts";

/** A message has at most 128 KB; an act is well below two. */
const MOST_AT_ONCE = 50;

/** What the journal keeps beside the act for the trail alone. */
type Told = { readonly owner: string; readonly by: ActedBy; readonly details: CardAct["details"] };

export class CardJournal {
  readonly #sql: SqlStorage;
  readonly #send: (message: ActsEvent) => Promise<unknown>;

  constructor(sql: SqlStorage, send: (message: ActsEvent) => Promise<unknown>) {
    this.#sql = sql;
    this.#send = send;
  }

  /** Inside the transaction of the change, after its commit. Without `by` the act stays in the journal. */
  add({ call, nowMs }: Turn, { action, details, reason }: CardAct, { actor, by }: Doer): void {
    const told: Told | undefined = by && { owner: call.terms.partner, by, details };
    this.#sql.exec(
      "INSERT INTO acts (at_ms, action, reason, actor, told) VALUES (?, ?, ?, ?, ?)",
      nowMs,
      action,
      reason ?? "",
      actor,
      told ? JSON.stringify(told) : null,
    );
  }

  /** Sends what waits, oldest first. Throws when the queue does not take it; everything then still waits. */
  async drain(batch: number, { card }: CardState): Promise<void> {
    const object = formatSerial({ batch, card });
    for (let rows = this.#waiting(); rows.length > 0; rows = this.#waiting()) {
      await this.#send({ type: "acts", acts: rows.map((row) => auditedAct(object, row)) });
      this.#sql.exec("UPDATE card SET acts_told = ?", Number(rows.at(-1)?.["seq"]));
    }
  }

  #waiting(): Row[] {
    return this.#sql
      .exec<Row>(
        "SELECT * FROM acts WHERE seq > (SELECT acts_told FROM card) AND told IS NOT NULL ORDER BY seq LIMIT ?",
        MOST_AT_ONCE,
      )
      .toArray();
  }
}

function auditedAct(serial: string, row: Row): AuditedAct {
  const { owner, by, details } = JSON.parse(row["told"] as string) as Told;
  const reason = row["reason"] as string;
  return {
    id: `act_${serial}_${Number(row["seq"])}`,
    atMs: Number(row["at_ms"]),
    owner,
    act: `card.${row["action"] as string}`,
    object: `card:${serial}`,
    details,
    reason: reason === "" ? null : reason,
    actor: row["actor"] as string,
    actorOwner: by.owner,
    requestId: by.requestId,
  };
}
