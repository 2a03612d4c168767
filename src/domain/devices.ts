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
  /** When it was bound to the card; 0 = before that was kept. */
  readonly createdAtMs: number;
  /** Whether it may register and call. A device that linked a softphone is a companion meanwhile: balance, no calls. */
  readonly sipSeat: boolean;
  /** Number of the device whose seat this softphone took; null = it redeemed the card itself. */
  readonly linkedTo: number | null;
};

const REFRESH_IDLE_MS = 90 * DAY_MS;
/** A phone that lost the reply asks again: the same answer for this long after its successor was used. */
const REUSE_GRACE_MS = 10 * SECOND_MS;
/** New devices of one card within a day: numbers are never reused, so what a holder can cause has an end. */
const MAX_NEW_DEVICES_PER_DAY = 50;

type Seat = Pick<Device, "idHash" | "name" | "platform" | "publicKey"> & Partial<Pick<Device, "linkedTo">>;

export const newSeat = (number: number, seat: Seat, nowMs: number): Device => ({
  linkedTo: null,
  ...seat,
  number,
  status: "active",
  family: 1,
  familyRevoked: false,
  generation: 1,
  advancedAtMs: nowMs,
  lastSeenAtMs: nowMs,
  createdAtMs: nowMs,
  sipSeat: true,
});

/** Seconds until the card may bind another device; 0 = at once. */
export function waitForNewDeviceSeconds(devices: readonly Device[], nowMs: number): number {
  const today = devices.filter(({ createdAtMs }) => createdAtMs > nowMs - DAY_MS).map(({ createdAtMs }) => createdAtMs);
  return today.length < MAX_NEW_DEVICES_PER_DAY
    ? 0
    : Math.max(1, Math.ceil((Math.min(...today) + DAY_MS - nowMs) / SECOND_MS));
}

export const isActive = ({ status }: Device): boolean => status === "active";

/** Those that count against the card's places: a companion and its softphone share one. */
export const seatsOf = (devices: readonly Device[]): Device[] =>
  devices.filter((device) => isActive(device) && device.sipSeat);

/**
 * The device that goes when another takes the card: of the places, the one seen longest ago. A softphone and its
 * companion are one place, seen when either was; the companion goes for both.
 */
export function longestUnseen(devices: readonly Device[]): Device | undefined {
  const places = seatsOf(devices).map((seat) => {
    const companion = devices.find((device) => isActive(device) && device.number === seat.linkedTo);
    return { device: companion ?? seat, seenAtMs: Math.max(seat.lastSeenAtMs, companion?.lastSeenAtMs ?? 0) };
  });
  return places.toSorted((a, b) => a.seenAtMs - b.seenAtMs || a.device.number - b.device.number)[0]?.device;
}

/** The first of the devices that redeemed the code themselves and are still there. */
export const isFirstDevice = (devices: readonly Device[], { number }: Device): boolean =>
  devices.find((device) => isActive(device) && device.linkedTo === null)?.number === number;

/**
 * What must be saved when a device goes, the device itself first: its softphones go with it, because they sit in its
 * place; the companion of a softphone has its seat back.
 */
export function signedOut(devices: readonly Device[], leaving: Device): Device[] {
  const softphones = devices.filter((device) => isActive(device) && device.linkedTo === leaving.number);
  const companion = devices.find((device) => isActive(device) && device.number === leaving.linkedTo);
  const gone = [leaving, ...softphones].map((device): Device => ({
    ...device,
    status: "signed_out",
    familyRevoked: true,
  }));
  return companion ? [...gone, { ...companion, sipSeat: true }] : gone;
}

/** What must be saved when a device links a softphone: the softphone it had before goes, and the seat is the new one's. */
export function linked(devices: readonly Device[], linker: Device, softphone: Device): Device[] {
  const before = devices.filter((device) => isActive(device) && device.linkedTo === linker.number);
  return [
    softphone,
    { ...linker, sipSeat: false },
    ...before.map((device): Device => ({ ...device, status: "signed_out", familyRevoked: true })),
  ];
}

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
