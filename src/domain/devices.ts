/**
 * Devices of a card and their refresh generations. Pure.
 * Refresh tokens are derived (serial, device, family, generation under a MAC), so only these numbers are kept.
 */
import { DAY_MS, SECOND_MS } from "./time.ts";

export type Device = {
  readonly number: number;
  /** SHA-256 of the serial and the app's own id: comparable on this card only, never answered. */
  readonly idHash: string;
  readonly name: string | null;
  readonly platform: string | null;
  /** Public EC P-256 JWK (JSON) registered at redemption; null = none. */
  readonly publicKey: string | null;
  readonly status: "active" | "signed_out";
  /** Grows when a family is revoked, so that everything issued before is dead at once. */
  readonly family: number;
  readonly familyRevoked: boolean;
  /** The newest refresh token's generation. */
  readonly generation: number;
  /** When the generation before the newest was first used. */
  readonly advancedAtMs: number;
  /** A refresh token dies 90 days after its last use. */
  readonly lastSeenAtMs: number;
};

const REFRESH_IDLE_MS = 90 * DAY_MS;
/** A phone that lost the reply asks again: the same answer for this long after its successor was used. */
const REUSE_GRACE_MS = 10 * SECOND_MS;

type Seat = Pick<Device, "number" | "idHash" | "name" | "platform" | "publicKey">;

export const newSeat = (number: number, seat: Omit<Seat, "number">, nowMs: number): Device => ({
  ...seat,
  number,
  status: "active",
  family: 1,
  familyRevoked: false,
  generation: 1,
  advancedAtMs: nowMs,
  lastSeenAtMs: nowMs,
});

export const isSignedIn = (device: Device, family: number): boolean =>
  device.status === "active" && !device.familyRevoked && device.family === family;

/** Whether the newest token would still be accepted; when not, redeeming again starts a new family. */
export const familyIsLive = (device: Device, nowMs: number): boolean =>
  !device.familyRevoked && nowMs - device.lastSeenAtMs <= REFRESH_IDLE_MS;

export const nextFamily = (device: Device, nowMs: number): Device => ({
  ...device,
  family: device.family + 1,
  familyRevoked: false,
  generation: 1,
  advancedAtMs: nowMs,
  lastSeenAtMs: nowMs,
});

export type RefreshStep =
  /** The device as it is now, and the generation to answer. `changed` says whether it must be written. */
  | { readonly type: "accepted"; readonly device: Device; readonly generation: number; readonly changed: boolean }
  | { readonly type: "refused"; readonly device: Device; readonly changed: boolean };

/**
 * One use of a refresh token (RFC 9700 section 4.14.2). With newest generation g:
 * g moves on to g+1; g-1 gets g again until g is first used; g-2 gets g-1 for ten seconds after that; older revokes.
 */
export function refreshStep(
  device: Device,
  presented: { family: number; generation: number },
  nowMs: number,
): RefreshStep {
  const refused: RefreshStep = { type: "refused", device, changed: false };
  if (!isSignedIn(device, presented.family) || !familyIsLive(device, nowMs)) return refused;
  const behind = device.generation - presented.generation;
  if (behind < 0) return refused;
  if (behind === 0) {
    const generation = device.generation + 1;
    const moved = { ...device, generation, advancedAtMs: nowMs, lastSeenAtMs: nowMs };
    return { type: "accepted", device: moved, generation, changed: true };
  }
  if (behind === 1) return { type: "accepted", device, generation: device.generation, changed: false };
  if (behind === 2 && nowMs - device.advancedAtMs <= REUSE_GRACE_MS) {
    return { type: "accepted", device, generation: device.generation - 1, changed: false };
  }
  return { type: "refused", device: { ...device, familyRevoked: true }, changed: true };
}
