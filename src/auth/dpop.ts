/**
 * Proof of possession (RFC 9449): a device that registered a key signs every refresh and call with it, so that a token
 * alone is worth nothing. Only ES256 and P-256, as devices register. Pure but for the cryptography: no clock, no storage.
 */
import { decodeProtectedHeader, importJWK, jwtVerify } from "jose";
import { z } from "zod";
import { toBase64Url } from "../domain/encoding.ts";
import { SECOND_MS } from "../domain/time.ts";
import { sha256 } from "./sha256.ts";

export const PROOF_ALGORITHM = "ES256";
/** How old a proof may be, and how far ahead of us the clock that made it (section 11.1). */
const MOST_AGE_SECONDS = 60;
const MOST_AHEAD_SECONDS = 30;
/** After that a proof is refused by its age, so nobody need remember it. */
export const PROOF_LIFE_MS = (MOST_AGE_SECONDS + MOST_AHEAD_SECONDS) * SECOND_MS;
const MAX_PROOF_LENGTH = 4096;

export type ProvenKey = {
  /** In the one spelling in which registered keys are kept. */
  readonly publicKey: string;
  /** RFC 7638. */
  readonly thumbprint: string;
  /** Different for every proof: who has seen it refuses it. */
  readonly jti: string;
};

export type ProofOf = {
  readonly method: string;
  /** As the client must name it: no query, no fragment. */
  readonly url: string;
  /** The token the proof goes with; null = none does. */
  readonly accessToken: string | null;
  readonly nowMs: number;
};

const coordinate = z.string().regex(/^[A-Za-z0-9_-]{43}$/);
/** A private key in a header is refused (section 4.3, 7): `d` is unknown here. */
const headerKey = z.object({
  kty: z.literal("EC"),
  crv: z.literal("P-256"),
  x: coordinate,
  y: coordinate,
  d: z.never().optional(),
});
const claims = z.object({
  jti: z.string().regex(/^[\x21-\x7e]{1,128}$/),
  htm: z.string(),
  htu: z.string().refine((text) => URL.canParse(text)),
  iat: z.number(),
  ath: z.string().optional(),
});

export const keyText = ({ kty, crv, x, y }: { kty: string; crv: string; x: string; y: string }): string =>
  JSON.stringify({ kty, crv, x, y });

/** The thumbprint of a kept key (RFC 7638): its required members in the order of their names. */
export async function thumbprintOf(publicKey: string): Promise<string> {
  const { kty, crv, x, y } = headerKey.parse(JSON.parse(publicKey));
  return toBase64Url(await sha256(JSON.stringify({ crv, kty, x, y })));
}

/** undefined for anything but a proof for this very request (section 4.3). Whether it was seen before is asked elsewhere. */
export async function readProof(
  proof: string,
  { method, url, accessToken, nowMs }: ProofOf,
): Promise<ProvenKey | undefined> {
  if (proof.length > MAX_PROOF_LENGTH) return undefined;
  try {
    const { kty, crv, x, y } = headerKey.parse(decodeProtectedHeader(proof).jwk);
    const { payload } = await jwtVerify(proof, await importJWK({ kty, crv, x, y }, PROOF_ALGORITHM), {
      algorithms: [PROOF_ALGORITHM],
      typ: "dpop+jwt",
      currentDate: new Date(nowMs),
    });
    const { jti, htm, htu, iat, ath } = claims.parse(payload);
    const { origin, pathname } = new URL(htu);
    const ageSeconds = nowMs / SECOND_MS - iat;
    const isOfNow = ageSeconds <= MOST_AGE_SECONDS && ageSeconds >= -MOST_AHEAD_SECONDS;
    const isOfToken = accessToken === null || ath === toBase64Url(await sha256(accessToken));
    if (htm !== method || `${origin}${pathname}` !== url || !isOfNow || !isOfToken) return undefined;
    const publicKey = keyText({ kty, crv, x, y });
    return { publicKey, thumbprint: await thumbprintOf(publicKey), jti };
  } catch {
    return undefined;
  }
}

/**
 * The proofs an isolate has seen, for calls that only read: storing each would make them write (section 11.1 lets a
 * server of many sites be that lenient). Refreshing and redeeming are remembered by the card itself.
 */
export class SeenProofs {
  static readonly #most = 10_000;
  readonly #endsAtMs = new Map<string, number>();

  /** Whether this is its first time. */
  isNew({ thumbprint, jti }: ProvenKey, nowMs: number): boolean {
    const name = `${thumbprint} ${jti}`;
    const endsAtMs = this.#endsAtMs.get(name);
    if (endsAtMs !== undefined && endsAtMs > nowMs) return false;
    // Of equal lives, the first in is the first to end.
    for (const [oldest, endMs] of this.#endsAtMs) {
      if (endMs > nowMs && this.#endsAtMs.size < SeenProofs.#most) break;
      this.#endsAtMs.delete(oldest);
    }
    this.#endsAtMs.set(name, nowMs + PROOF_LIFE_MS);
    return true;
  }
}
