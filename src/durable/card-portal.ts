/**
 * Sessions of a card at its portal. A ticket begins one session and no second one; the row outlives the ticket.
 * Called within a turn, for a device that is signed in.
 */
import type { PortalEntry } from "../domain/card-calls.ts";
import { refuse, type Refusal } from "../domain/errors.ts";
import {
  MOST_OPENED,
  SEEN_EVERY_MS,
  SESSION_MOST_MS,
  sessionIsLive,
  TICKET_SECONDS,
} from "../domain/portal-session.ts";
import { err, ok, type Result } from "../domain/result.ts";
import { SECOND_MS } from "../domain/time.ts";
import type { Row } from "./rows.ts";

const TICKET_MS = TICKET_SECONDS * SECOND_MS;

export class CardPortal {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** The same ticket for the same session again is a repeated call, for another one a used ticket. */
  open({ ticket, session, ticketEndsAtMs }: PortalEntry, nowMs: number): Result<null, Refusal> {
    const [used] = this.#sql.exec<Row>("SELECT session FROM portal_sessions WHERE ticket = ?", ticket).toArray();
    if (used) return used["session"] === session ? ok(null) : err(refuse("link_expired"));
    if (nowMs >= ticketEndsAtMs) return err(refuse("link_expired"));
    this.#sql.exec("DELETE FROM portal_sessions WHERE opened_at_ms <= ?", nowMs - SESSION_MOST_MS);
    const { lately } = this.#sql
      .exec<{ lately: number }>(
        "SELECT count(*) AS lately FROM portal_sessions WHERE opened_at_ms > ?",
        nowMs - TICKET_MS,
      )
      .one();
    if (lately >= MOST_OPENED) return err({ code: "too_many_attempts", retryAfterSeconds: TICKET_SECONDS });
    this.#sql.exec(
      "INSERT INTO portal_sessions (ticket, session, opened_at_ms, seen_at_ms, ended) VALUES (?, ?, ?, ?, 0)",
      ticket,
      session,
      nowMs,
      nowMs,
    );
    return ok(null);
  }

  visit(session: string, nowMs: number): Result<null, Refusal> {
    const [row] = this.#sql.exec<Row>("SELECT * FROM portal_sessions WHERE session = ?", session).toArray();
    if (!row) return err(refuse("unauthenticated"));
    const [openedAtMs, seenAtMs] = [Number(row["opened_at_ms"]), Number(row["seen_at_ms"])];
    if (!sessionIsLive({ openedAtMs, seenAtMs, ended: row["ended"] !== 0 }, nowMs))
      return err(refuse("unauthenticated"));
    if (nowMs >= seenAtMs + SEEN_EVERY_MS)
      this.#sql.exec("UPDATE portal_sessions SET seen_at_ms = ? WHERE session = ?", nowMs, session);
    return ok(null);
  }

  close(session: string): null {
    this.#sql.exec("UPDATE portal_sessions SET ended = 1 WHERE session = ?", session);
    return null;
  }
}
