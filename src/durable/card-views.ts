/** What a card's object answers, made from its state. Pure; amounts in micros. */
import { cardStatus, shownBalance, type CardState } from "../domain/card.ts";
import type { CardProjection, CardView, Redeemed } from "../domain/card-calls.ts";
import type { Device } from "../domain/devices.ts";

export const cardView = (state: CardState, devices: readonly Device[], nowMs: number): CardView => ({
  version: state.version,
  status: cardStatus(state, nowMs),
  kind: state.kind,
  mode: state.mode,
  currency: state.currency,
  expiresAtMs: state.expiresAtMs,
  firstUsedAtMs: state.firstUsedAtMs,
  balance: shownBalance(state),
  devices: devices.map(({ number, name, platform, status, lastSeenAtMs, sipSeat, linkedTo }) => ({
    number,
    name,
    platform,
    status,
    lastSeenAtMs,
    sipSeat,
    linkedTo,
  })),
  openHolds: state.openHolds.length,
});

export const redeemedView = (
  state: CardState,
  devices: readonly Device[],
  device: Device,
  nowMs: number,
): Redeemed => ({
  card: cardView(state, devices, nowMs),
  refresh: { device: device.number, family: device.family, generation: device.generation },
  publicKey: device.publicKey,
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
  shortfallMicros: state.shortfallMicros,
  firstUsedAtMs: state.firstUsedAtMs,
  expiresAtMs: state.expiresAtMs,
  devices: devices.filter(({ status }) => status === "active").length,
  openHolds: state.openHolds.length,
});
