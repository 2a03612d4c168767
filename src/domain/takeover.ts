/**
 * Moving a card to another device, and the PIN that guards it. Pure.
 * The PIN itself never comes here: only its MACs under the live keys, which compare.
 */
import { DAY_MS, SECOND_MS } from "./time.ts";
import { refuse, type Refusal } from "./errors.ts";
import type { TakeoverRule } from "./profile.ts";

/** A PIN as kept: useless without the key of this id. */
export type PinMac = { readonly keyId: string; readonly mac: string };

/** A presented PIN under every live key, newest first. */
export type PresentedPin = readonly PinMac[];

export type Guard = {
  readonly pin: PinMac | null;
  /** The request that set the PIN, so that the same one sent twice is the same one. */
  readonly pinRequest: string | null;
  /** A day of wrong tries begins with its first. */
  readonly wrongSinceMs: number;
  readonly wrongCount: number;
  readonly takenOverAtMs: number | null;
};

export const NO_GUARD: Guard = { pin: null, pinRequest: null, wrongSinceMs: 0, wrongCount: 0, takenOverAtMs: null };

export type TakeoverRequest = { readonly rule: TakeoverRule; readonly pin: PresentedPin | null };

export type PinChange = {
  /** Of the one HTTP request. */
  readonly request: string;
  readonly pin: PresentedPin;
  readonly current: PresentedPin | null;
};

/** What came of a try. The guard is to be kept either way: wrong tries count although they are refused. */
export type Guarded = { readonly guard: Guard; readonly refusal: Refusal | null };

const MAX_WRONG_PER_DAY = 5;
const TAKEOVER_PAUSE_MS = DAY_MS;

const isWrongDayOver = ({ wrongSinceMs }: Guard, nowMs: number): boolean => nowMs >= wrongSinceMs + DAY_MS;

/** A PIN under a key that is no longer live can be compared with nothing: it is as if none were set. */
const comparable = ({ pin }: Guard, presented: PresentedPin): PinMac | null =>
  pin && presented.some(({ keyId }) => keyId === pin.keyId) ? pin : null;

function tryPin(guard: Guard, kept: PinMac, presented: PresentedPin, nowMs: number): Guarded {
  const isNewDay = isWrongDayOver(guard, nowMs);
  if (!isNewDay && guard.wrongCount >= MAX_WRONG_PER_DAY) {
    const retryAfterSeconds = Math.ceil((guard.wrongSinceMs + DAY_MS - nowMs) / SECOND_MS);
    return { guard, refusal: { code: "too_many_attempts", detail: "Too many wrong PINs today.", retryAfterSeconds } };
  }
  const given = presented.find(({ keyId }) => keyId === kept.keyId);
  // Of MACs under a secret key, how far two agree tells nobody anything about the PIN.
  if (given?.mac === kept.mac) return { guard: { ...guard, pin: presented[0] ?? kept }, refusal: null };
  const wrong = isNewDay ? { wrongSinceMs: nowMs, wrongCount: 1 } : { wrongCount: guard.wrongCount + 1 };
  return { guard: { ...guard, ...wrong }, refusal: refuse("pin_wrong") };
}

/**
 * Whether another device may take the card now. The PIN comes first: who does not know it learns nothing of the card.
 * At most once in 24 hours, and never while a call may be running.
 */
export function decideTakeover(
  before: Guard,
  { rule, pin }: TakeoverRequest,
  { openHolds, nowMs }: { readonly openHolds: number; readonly nowMs: number },
): Guarded {
  const refused = (detail: string, retryAfterSeconds?: number): Guarded => ({
    guard: before,
    refusal: { code: "takeover_refused", detail, ...(retryAfterSeconds !== undefined && { retryAfterSeconds }) },
  });
  if (rule === "never") return refused("Cards of this kind do not move to another device by themselves.");
  let guard = before;
  if (rule === "pin") {
    if (before.pin === null) return refused("No PIN was set on the device that has the card.");
    if (pin === null) return { guard, refusal: refuse("pin_required") };
    const kept = comparable(before, pin);
    if (!kept) return refused("The card's PIN has to be set again on the device that has it.");
    const tried = tryPin(before, kept, pin, nowMs);
    if (tried.refusal) return tried;
    guard = tried.guard;
  }
  const pausedUntilMs = before.takenOverAtMs === null ? 0 : before.takenOverAtMs + TAKEOVER_PAUSE_MS;
  if (nowMs < pausedUntilMs)
    return refused("A card moves at most once in 24 hours.", Math.ceil((pausedUntilMs - nowMs) / SECOND_MS));
  if (openHolds > 0) return refused("A call is running, or has not been settled yet.");
  // Who came without the PIN must be able to choose one.
  return { guard: { ...guard, ...(rule === "holder" && { pin: null }), takenOverAtMs: nowMs }, refusal: null };
}

/** The first device sets the first PIN; afterwards whoever knows it changes it. */
export function changePin(
  guard: Guard,
  { request, pin, current }: PinChange,
  { isFirstDevice, nowMs }: { readonly isFirstDevice: boolean; readonly nowMs: number },
): Guarded {
  const [newest = null] = pin;
  if (guard.pin !== null && guard.pinRequest === request) return { guard, refusal: null };
  const kept = comparable(guard, pin);
  if (!kept) {
    return isFirstDevice
      ? { guard: { ...guard, pin: newest, pinRequest: request }, refusal: null }
      : { guard, refusal: refuse("pin_required", "The first device of the card sets its first PIN.") };
  }
  if (current === null) return { guard, refusal: refuse("pin_required", "Send currentPin: the card has a PIN.") };
  const tried = tryPin(guard, kept, current, nowMs);
  return tried.refusal ? tried : { guard: { ...tried.guard, pin: newest, pinRequest: request }, refusal: null };
}

/** When nobody is signed in any more, the next device starts with a PIN of its own. Wrong tries and the pause go on. */
export const withoutPin = (guard: Guard): Guard => ({ ...guard, pin: null, pinRequest: null });
