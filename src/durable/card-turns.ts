/**
 * Turns of a card: one synchronous transaction that loads, obeys the newest standing, settles what is due, and works.
 * No await between reading and writing; nothing about money is kept in memory. What the alarm does is here too.
 */
import { assert, AssertionFailed } from "../domain/assert.ts";
import { untouchedCard, type CardCall, type CardState } from "../domain/card.ts";
import { refuse, type Refusal } from "../domain/errors.ts";
import type { Decision } from "../domain/ledger/commands.ts";
import { addsUp, decide, isDue, NO_CONTEXT } from "../domain/ledger/decide.ts";
import { err, type Result } from "../domain/result.ts";
import { formatSerial } from "../domain/serial.ts";
import type { CardAccountStore } from "./card-account-store.ts";
import type { CardOutbox } from "./card-outbox.ts";
import type { StoredCard } from "./rows.ts";

/** How long changes are gathered before the projection is told. */
const PROJECTION_DELAY_MS = 3000;

/** The card inside one transaction: as loaded, at the card's own time. Untouched = nothing is stored of it. */
export type Turn = {
  readonly call: CardCall;
  readonly state: CardState;
  readonly nowMs: number;
  readonly touched: boolean;
};

export type Writes = Pick<Decision, "state"> & Partial<Pick<Decision, "postings" | "hold" | "notices">>;

type Parts = {
  readonly store: CardAccountStore;
  readonly outbox: CardOutbox;
  /** Told after every transaction that changed the card or a device of it; must not throw. */
  readonly onChange: () => void;
};

export class CardTurns {
  readonly #ctx: DurableObjectState;
  readonly #store: CardAccountStore;
  readonly #outbox: CardOutbox;
  readonly #onChange: () => void;
  /** When this instance has set the alarm to go off at the latest; unknown after an eviction. */
  #alarmAtMs = Number.POSITIVE_INFINITY;

  constructor(ctx: DurableObjectState, { store, outbox, onChange }: Parts) {
    this.#ctx = ctx;
    this.#store = store;
    this.#outbox = outbox;
    this.#onChange = onChange;
  }

  /** A card whose books do not add up answers nothing else, and nothing is written. */
  take<T, E extends Refusal>(call: CardCall, work: (turn: Turn) => Result<T, E>): Result<T, E | Refusal> {
    try {
      return this.#transaction(() => work(this.#load(call)));
    } catch (error) {
      return this.#failed(error);
    }
  }

  #transaction<T>(work: () => T): T {
    const { saves } = this.#store;
    const done = this.#ctx.storage.transactionSync(work);
    if (this.#store.saves !== saves) this.#onChange();
    return done;
  }

  /** Writes a decision. The alarm is set in the same transaction, so a change and its projection live or die together. */
  commit(batch: number, { state, postings = [], hold, notices = [] }: Writes): void {
    this.#store.save(batch, state);
    for (const posting of postings) this.#store.append(posting);
    if (hold) this.#store.saveHold(hold);
    for (const notice of notices) this.#outbox.add(state, notice);
    // A hold that ends sooner is told of when it ends.
    const ends = state.openHolds.map(({ expiresAtMs }) => expiresAtMs);
    void this.wake(Math.min(Date.now() + PROJECTION_DELAY_MS, ...ends));
  }

  /** Sets the alarm for an instant, unless it goes off before that anyway. */
  async wake(atMs: number): Promise<void> {
    if (atMs >= this.#alarmAtMs) return;
    this.#alarmAtMs = atMs;
    await this.#ctx.storage.setAlarm(atMs);
  }

  /** As `wake`, when the alarm may have been set by an instance before this one: what it set must not be put off. */
  async wakeBy(atMs: number): Promise<void> {
    const setMs = await this.#ctx.storage.getAlarm();
    if (setMs === null || atMs < setMs) await this.wake(atMs);
  }

  /** The alarm went off: nothing is set any more. Settles what is due; undefined = nobody has touched the card. */
  rouse(): Result<{ stored: StoredCard; nowMs: number } | undefined, Refusal> {
    this.#alarmAtMs = Number.POSITIVE_INFINITY;
    try {
      return this.#transaction(() => {
        const stored = this.#store.load();
        if (!stored) return { ok: true, value: undefined };
        const nowMs = timeOf(stored.state);
        return {
          ok: true,
          value: { stored: { ...stored, state: this.settle(stored.batch, stored.state, nowMs) }, nowMs },
        };
      });
    } catch (error) {
      return this.#failed(error);
    }
  }

  /** What time alone does: holds that ended are freed, and credit of an ended card becomes breakage. */
  settle(batch: number, before: CardState, nowMs: number): CardState {
    let state = before;
    for (let due = isDue(state, nowMs); due !== null; due = isDue(state, nowMs)) {
      const hold = due.type === "expire_hold" ? this.#store.hold(due.id) : undefined;
      const decision = decide(state, { type: due.type }, { ...NO_CONTEXT, hold }, nowMs);
      assert(decision.ok, "what is due is not refused");
      this.commit(batch, decision.value);
      state = decision.value.state;
    }
    return state;
  }

  #load(call: CardCall): Turn {
    assert(
      this.#ctx.id.name === formatSerial({ batch: call.terms.number, card: call.card }),
      "the call is for this card",
    );
    const stored = this.#store.load();
    if (!stored) return { call, state: untouchedCard(call), nowMs: Date.now(), touched: false };
    assert(stored.batch === call.terms.number && stored.state.card === call.card, "the stored card is this card");
    assert(addsUp(stored.state), "the stored books add up");
    const nowMs = timeOf(stored.state);
    const settled = this.settle(stored.batch, stored.state, nowMs);
    if (call.standing.version <= settled.standing.version) return { call, state: settled, nowMs, touched: true };
    const state = { ...settled, standing: call.standing, version: settled.version + 1, clockMs: nowMs };
    this.commit(stored.batch, { state });
    return { call, state, nowMs, touched: true };
  }

  #failed(error: unknown): Result<never, Refusal> {
    // The transaction took the schema step and the alarm with it.
    this.#store.reread();
    this.#alarmAtMs = Number.POSITIVE_INFINITY;
    if (!(error instanceof AssertionFailed)) throw error;
    console.error(
      JSON.stringify({ event: "alert", alert: "card_halted", card: this.#ctx.id.name, why: error.message }),
    );
    return err(refuse("card_halted"));
  }
}

/** The card's own clock: it never goes back, whatever the machine's does. */
export const timeOf = (state: CardState): number => Math.max(state.clockMs, Date.now());
