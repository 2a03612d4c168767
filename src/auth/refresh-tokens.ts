/**
 * Refresh tokens: key id, batch, card, device, family, generation and an HMAC-SHA-256, in base64url. Derived, never stored.
 * The MAC is checked before any card is touched, so a forgery costs CPU only.
 */
import type { SecretKey } from "../config.ts";
import type { Generation } from "../domain/card-calls.ts";
import { fromBase64Url, joinBytes, toBase64Url } from "../domain/encoding.ts";
import { MAX_BATCH_NUMBER, MAX_CARD_NUMBER, type CardRef } from "../domain/serial.ts";
import { createMacRing, MAC_BYTES } from "./mac-ring.ts";

export type RefreshClaim = CardRef & Generation;

export type RefreshTokens = {
  /** The same claim always gives the same token. */
  issue(claim: RefreshClaim): Promise<string>;
  /** undefined for anything that was not made here under a live key. */
  open(token: string): Promise<RefreshClaim | undefined>;
};

const FIELDS = 6;
const BODY_BYTES = FIELDS * 4;

export function createRefreshTokens(keys: readonly SecretKey[]): RefreshTokens {
  const { ids, mac } = createMacRing(keys, "ringfare refresh token 1");

  return {
    async issue(claim) {
      const id = ids[0] ?? "";
      const body = encode(Number(id), claim);
      const tag = await mac(id, body);
      if (!tag) throw new Error("no refresh key");
      return toBase64Url(joinBytes([body, tag]));
    },
    async open(token) {
      const bytes = token.length <= 128 ? fromBase64Url(token) : undefined;
      if (bytes?.length !== BODY_BYTES + MAC_BYTES) return undefined;
      const body = bytes.subarray(0, BODY_BYTES);
      const [id = 0, batch = 0, card = 0, device = 0, family = 0, generation = 0] = decode(body);
      const expected = await mac(String(id), body);
      if (!expected || !crypto.subtle.timingSafeEqual(expected, bytes.subarray(BODY_BYTES))) return undefined;
      const isCard = batch >= 1 && batch <= MAX_BATCH_NUMBER && card >= 1 && card <= MAX_CARD_NUMBER;
      return isCard ? { batch, card, device, family, generation } : undefined;
    },
  };
}

function encode(id: number, { batch, card, device, family, generation }: RefreshClaim): Uint8Array {
  const body = new DataView(new ArrayBuffer(BODY_BYTES));
  [id, batch, card, device, family, generation].forEach((field, index) => body.setUint32(index * 4, field));
  return new Uint8Array(body.buffer);
}

function decode(body: Uint8Array): number[] {
  const view = new DataView(body.buffer, body.byteOffset, BODY_BYTES);
  return Array.from({ length: FIELDS }, (_, index) => view.getUint32(index * 4));
}
