/**
 * The secrets in softphones' addresses: a link, which ends, and the device's own address, which lasts. Derived like
 * refresh tokens and never stored; the MAC is checked before any card is touched. Each kind under a label of its own.
 */
import type { SecretKey } from "../config.ts";
import type { DeviceClaim } from "../domain/card-calls.ts";
import { fromBase64Url, joinBytes, toBase64Url } from "../domain/encoding.ts";
import { MAX_BATCH_NUMBER, MAX_CARD_NUMBER, type CardRef } from "../domain/serial.ts";
import { hmac, hmacKey } from "./hmac.ts";

export type SoftphoneAddress = CardRef &
  DeviceClaim & {
    /** Place of the format in the registry. */
    readonly format: number;
    /** Of a link; 0 = lasts as long as the device is signed in. */
    readonly endsAtSeconds: number;
  };

export type AddressKind = "link" | "device";

export type SoftphoneAddresses = {
  issue(kind: AddressKind, address: SoftphoneAddress): Promise<string>;
  /** undefined for anything that was not made here under a live key. An end that has passed is the caller's to see. */
  open(kind: AddressKind, token: string): Promise<SoftphoneAddress | undefined>;
  /** A device id for an install that has none: the same for the same text, and nobody else's to make. */
  installId(text: string): Promise<string>;
};

const FIELDS = 7;
const BODY_BYTES = FIELDS * 4;
const MAC_BYTES = 32;
const MAX_TOKEN_LENGTH = 128;

export function createSoftphoneAddresses(keys: readonly SecretKey[]): SoftphoneAddresses {
  const imported = new Map<string, CryptoKey>();

  async function mac(kind: AddressKind | "install", id: string, body: Uint8Array): Promise<Uint8Array | undefined> {
    const secret = keys.find((key) => key.id === id);
    if (!secret) return undefined;
    const key = imported.get(id) ?? (await hmacKey(secret.bytes));
    imported.set(id, key);
    return hmac(key, joinBytes([new TextEncoder().encode(`ringfare softphone ${kind} 1\0`), body]));
  }

  return {
    async issue(kind, { batch, card, device, family, format, endsAtSeconds }) {
      const id = keys[0]?.id ?? "";
      const view = new DataView(new ArrayBuffer(BODY_BYTES));
      const fields = [Number(id), batch, card, device, family, format, endsAtSeconds];
      for (const [at, field] of fields.entries()) view.setUint32(at * 4, field);
      const body = new Uint8Array(view.buffer);
      const tag = await mac(kind, id, body);
      if (!tag) throw new Error("no refresh key");
      return toBase64Url(joinBytes([body, tag]));
    },
    async installId(text) {
      const tag = await mac("install", keys[0]?.id ?? "", new TextEncoder().encode(text));
      if (!tag) throw new Error("no refresh key");
      return toBase64Url(tag);
    },
    async open(kind, token) {
      const bytes = token.length <= MAX_TOKEN_LENGTH ? fromBase64Url(token) : undefined;
      if (bytes?.length !== BODY_BYTES + MAC_BYTES) return undefined;
      const body = bytes.subarray(0, BODY_BYTES);
      const view = new DataView(body.buffer, body.byteOffset, BODY_BYTES);
      const field = (at: number): number => view.getUint32(at * 4);
      const expected = await mac(kind, String(field(0)), body);
      if (!expected || !crypto.subtle.timingSafeEqual(expected, bytes.subarray(BODY_BYTES))) return undefined;
      const [batch, card] = [field(1), field(2)];
      const isCard = batch >= 1 && batch <= MAX_BATCH_NUMBER && card >= 1 && card <= MAX_CARD_NUMBER;
      return isCard
        ? { batch, card, device: field(3), family: field(4), format: field(5), endsAtSeconds: field(6) }
        : undefined;
    },
  };
}
