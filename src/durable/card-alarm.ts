/**
 * What a card does by itself when its alarm goes off: settles what is due, tells its listeners, the projection and the
 * queue, erases what is old. Safe early, late and twice: it does what is due now.
 */
import type { CardEvent } from "../domain/card-calls.ts";
import { nextNoticeMs } from "../domain/card-notices.ts";
import type { CardState } from "../domain/card.ts";
import { formatSerial } from "../domain/serial.ts";
import { DAY_MS } from "../domain/time.ts";
import type { CardAccountStore } from "./card-account-store.ts";
import type { CardJournal } from "./card-journal.ts";
import type { CardLive } from "./card-live.ts";
import type { CardOutbox } from "./card-outbox.ts";
import type { CardTurns } from "./card-turns.ts";
import { projectionOf } from "./card-views.ts";

const RETRY_MS = 30_000;
/** Details of calls leave the statement after this; the money stays. */
const CALL_DETAILS_KEPT_MS = 180 * DAY_MS;

type Parts = {
  readonly store: CardAccountStore;
  readonly turns: CardTurns;
  readonly outbox: CardOutbox;
  readonly journal: CardJournal;
  readonly live: CardLive;
  readonly project: (event: CardEvent) => Promise<unknown>;
  /** Goes on with open transfers; answers when to come back. */
  readonly resume: () => Promise<number | null>;
};

export class CardAlarm {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  async run(): Promise<void> {
    const { store, turns, live } = this.#parts;
    const roused = turns.rouse();
    if (!roused.ok) live.halt();
    if (!roused.ok || !roused.value) return;
    const { stored, nowMs } = roused.value;
    live.tell();
    const { batch, state } = stored;
    const isTold = stored.projectedVersion >= state.version || (await this.#project(batch, state, nowMs));
    const isSent = await this.#attempt("notices_delayed", batch, state, () =>
      this.#parts.outbox.drain(batch, state, nowMs),
    );
    const isAudited = await this.#attempt("audit_delayed", batch, state, () => this.#parts.journal.drain(batch, state));
    if (!isTold || !isSent || !isAudited) await turns.wake(nowMs + RETRY_MS);
    const resumeMs = await this.#parts.resume();
    const oldestCallMs = store.eraseCalls(nowMs - CALL_DETAILS_KEPT_MS);
    const ends = state.balance.available > 0 && state.expiresAtMs !== null ? [state.expiresAtMs + 1] : [];
    const due = [
      ...state.openHolds.map(({ expiresAtMs }) => expiresAtMs),
      ...ends,
      ...(oldestCallMs === null ? [] : [oldestCallMs + CALL_DETAILS_KEPT_MS]),
      ...[resumeMs, nextNoticeMs(state, nowMs), live.nextMs(nowMs)].filter((atMs) => atMs !== null),
    ];
    if (due.length > 0) await turns.wake(Math.min(...due));
  }

  async #project(batch: number, state: CardState, nowMs: number): Promise<boolean> {
    const { store, project } = this.#parts;
    const projection = projectionOf(batch, state, store.devices(), nowMs);
    const event: CardEvent = { type: "card", atMs: nowMs, state: projection };
    const isTold = await this.#attempt("projection_delayed", batch, state, () => project(event));
    if (isTold) store.setProjectedVersion(projection.version);
    return isTold;
  }

  /** What the queue does not take now waits; the alarm comes again. */
  async #attempt(event: string, batch: number, { card }: CardState, send: () => Promise<unknown>): Promise<boolean> {
    try {
      await send();
      return true;
    } catch (error) {
      console.error(JSON.stringify({ event, card: formatSerial({ batch, card }), error: String(error) }));
      return false;
    }
  }
}
