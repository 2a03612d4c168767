/** What a card's object answers, made from its state. Pure; amounts in micros. */
import { cardStatus, shownBalance, type CardState } from "../domain/card.ts";
import type { CardProjection, CardView, MoneyOutcome, MoneyRefusal, Redeemed } from "../domain/card-calls.ts";
import type { Device } from "../domain/devices.ts";
import { refuse } from "../domain/errors.ts";
import type { MoneyCommand } from "../domain/ledger.ts";
import { err, ok, type Result } from "../domain/result.ts";
import type { Outcome } from "./card-account-store.ts";

export const cardView = (state: CardState, devices: readonly Device[], nowMs: number): CardView => ({
  version: state.version,
  status: cardStatus(state, nowMs),
  kind: state.kind,
  mode: state.mode,
  currency: state.currency,
  expiresAtMs: state.expiresAtMs,
  firstUsedAtMs: state.firstUsedAtMs,
  balance: shownBalance(state),
  devices: devices.map(({ number, name, platform, status, lastSeenAtMs }) => ({
    number,
    name,
    platform,
    status,
    lastSeenAtMs,
  })),
  openHolds: 0,
});

export const redeemedView = (
  state: CardState,
  devices: readonly Device[],
  device: Device,
  nowMs: number,
): Redeemed => ({
  card: cardView(state, devices, nowMs),
  refresh: { device: device.number, family: device.family, generation: device.generation },
});

export const projectionOf = (
  batch: number,
  state: CardState,
  devices: readonly Device[],
  nowMs: number,
): CardProjection => ({
  batch,
  card: state.card,
  version: state.version,
  status: cardStatus(state, nowMs),
  balance: state.balance,
  firstUsedAtMs: state.firstUsedAtMs,
  expiresAtMs: state.expiresAtMs,
  devices: devices.filter(({ status }) => status === "active").length,
  openHolds: 0,
});

/** What the caller said, in a form that compares: everything but the id and the verb, which are the outcome's name. */
export function contentOf(command: MoneyCommand): string {
  const { type: _type, id: _id, ...content } = command;
  return JSON.stringify(content);
}

export function moneyOutcome(command: MoneyCommand, outcome: Outcome, replayed: boolean): MoneyOutcome {
  const { movedMicros, restMicros, availableMicros, heldMicros } = outcome;
  return { id: command.id, currency: command.currency, movedMicros, restMicros, availableMicros, heldMicros, replayed };
}

/** The same id again: the fixed outcome for the same content, a refusal for any other. */
export function replay(command: MoneyCommand, pinned: Outcome): Result<MoneyOutcome, MoneyRefusal> {
  if (pinned.content !== contentOf(command)) return err(refuse("id_reused"));
  return pinned.refusal === null
    ? ok(moneyOutcome(command, pinned, true))
    : err({ code: pinned.refusal, replayed: true });
}
