/**
 * What operators do to a card apart from its money: one turn each, journalled. An act that carries an id is done once:
 * a bulk action that lost its way and comes again must not undo what somebody decided about the card meanwhile.
 */
import { actionDetails, isSameCard } from "../domain/card-acts.ts";
import type { ActJournal, CardAction, CardView } from "../domain/card-calls.ts";
import type { CardCall, CardState } from "../domain/card.ts";
import { isActive, type Device } from "../domain/devices.ts";
import { invalidField, refuse, type Refusal } from "../domain/errors.ts";
import type { Decision } from "../domain/ledger/commands.ts";
import { decide, NO_CONTEXT } from "../domain/ledger/decide.ts";
import { NOTHING_MOVED } from "../domain/ledger/posting.ts";
import { err, ok, type Result } from "../domain/result.ts";
import type { CardAccountStore } from "./card-account-store.ts";
import type { CardDevices } from "./card-devices.ts";
import type { CardJournal } from "./card-journal.ts";
import type { CardTurns, Turn } from "./card-turns.ts";
import { cardView } from "./card-views.ts";

type Parts = {
  readonly store: CardAccountStore;
  readonly turns: CardTurns;
  readonly devices: CardDevices;
  readonly journal: CardJournal;
};

/** What an act comes to: devices to sign out, or a decision about the card. */
type Plan = { readonly leaving: readonly Device[] } | { readonly decision: Decision };

export class CardActs {
  readonly #store: CardAccountStore;
  readonly #turns: CardTurns;
  readonly #devices: CardDevices;
  readonly #journal: CardJournal;

  constructor({ store, turns, devices, journal }: Parts) {
    this.#store = store;
    this.#turns = turns;
    this.#devices = devices;
    this.#journal = journal;
  }

  act(call: CardCall, action: CardAction, { reason, id, ...doer }: ActJournal): Result<CardView, Refusal> {
    return this.#turns.take(call, (turn) => {
      const content = JSON.stringify(action);
      const known = id !== undefined && turn.touched ? this.#store.outcome("act", id) : undefined;
      if (known) return known.content === content ? ok(this.#view(turn)) : err(refuse("id_reused"));
      const plan = this.#plan(turn, action);
      if (!plan.ok) return plan;
      const state = this.#carryOut(turn, plan.value);
      const act = { action: action.action, details: actionDetails(action), reason };
      if ("leaving" in plan.value || !isSameCard(turn.state, state)) this.#journal.add(turn, act, doer);
      if (id !== undefined) this.#pin(id, content, turn, state);
      return ok(this.#view({ ...turn, state, touched: true }));
    });
  }

  tryAct(call: CardCall, action: CardAction): Result<CardView, Refusal> {
    return this.#turns.take(call, (turn) => {
      const plan = this.#plan(turn, action);
      if (!plan.ok) return plan;
      return ok(this.#view("decision" in plan.value ? { ...turn, state: plan.value.decision.state } : turn));
    });
  }

  #plan(turn: Turn, action: CardAction): Result<Plan, Refusal> {
    if (turn.state.closed && action.action !== "close") return err(refuse("card_closed"));
    if (action.action === "release_device") return this.#leaving(turn, action.device);
    const command =
      action.action === "extend"
        ? { type: "prolong" as const, expiresAtMs: action.expiresAtMs }
        : { type: action.action };
    const decision = decide(turn.state, command, NO_CONTEXT, turn.nowMs);
    return decision.ok ? ok({ decision: decision.value }) : decision;
  }

  #leaving(turn: Turn, number: number | null): Result<Plan, Refusal> {
    const signedIn = this.#devices.of(turn).filter((device) => isActive(device));
    const leaving = number === null ? signedIn : signedIn.filter((device) => device.number === number);
    if (leaving.length > 0) return ok({ leaving });
    const detail = number === null ? "No device is signed in." : "No device of this number is signed in.";
    return err(invalidField("/device", detail));
  }

  #carryOut(turn: Turn, plan: Plan): CardState {
    if ("decision" in plan) {
      this.#turns.commit(turn.call.terms.number, plan.decision);
      return plan.decision.state;
    }
    let { state } = turn;
    // Signing one out takes the softphones in its place along.
    for (const { number } of plan.leaving) {
      const device = this.#store.device(number);
      if (device && isActive(device)) state = this.#devices.signOut({ ...turn, state }, device);
    }
    return state;
  }

  #pin(id: string, content: string, { nowMs }: Turn, { balance }: CardState): void {
    this.#store.pin("act", id, {
      ...NOTHING_MOVED,
      content,
      atMs: nowMs,
      refusal: null,
      availableMicros: balance.available,
      heldMicros: balance.held,
      sequence: 0,
      endsAtMs: null,
    });
  }

  #view(turn: Turn): CardView {
    return cardView(turn.state, this.#devices.of(turn), turn.nowMs);
  }
}
