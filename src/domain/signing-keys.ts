/**
 * The life of signing keys: published from the day they are configured, signing from their `signFrom` until the next
 * one's, kept for verifying until the last thing they signed has ended and the last copy of the key set was replaced.
 * Pure.
 */
import { SECOND_MS } from "./time.ts";

/** Verifiers may keep our key set that long: what some SIP servers do whatever Cache-Control says. */
export const KEY_SET_CACHE_SECONDS = 900;
/** No token lives longer: a SIP token at most this, API and portal tokens less. */
const LONGEST_TOKEN_SECONDS = 3600;
/** What verifiers add for skewed clocks, at most. */
const LEEWAY_SECONDS = 60;

const KEPT_AFTER_MS = (LONGEST_TOKEN_SECONDS + LEEWAY_SECONDS + KEY_SET_CACHE_SECONDS) * SECOND_MS;

/** A private P-256 key with the certificate some SIP servers take it from. */
export type SigningKey = {
  readonly kid: string;
  readonly jwk: {
    readonly kty: "EC";
    readonly crv: "P-256";
    readonly x: string;
    readonly y: string;
    readonly d: string;
  };
  readonly x5c: readonly string[];
  /** Published from the start, signs from this instant on. */
  readonly signFromMs: number;
};

type KeyTimes = Pick<SigningKey, "signFromMs">;

const newestFirst = (a: KeyTimes, b: KeyTimes): number => b.signFromMs - a.signFromMs;

/** The key that signs at an instant; undefined while none has come into force. */
export const signerAt = <K extends KeyTimes>(keys: readonly K[], nowMs: number): K | undefined =>
  keys.toSorted(newestFirst).find(({ signFromMs }) => signFromMs <= nowMs);

/** The keys that are published and verify at an instant, newest first: those to come, the one that signs, those just replaced. */
export const publishedAt = <K extends KeyTimes>(keys: readonly K[], nowMs: number): K[] =>
  keys.toSorted(newestFirst).filter((_, index, sorted) => {
    const successor = sorted[index - 1];
    return !successor || nowMs < successor.signFromMs + KEPT_AFTER_MS;
  });
