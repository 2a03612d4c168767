/**
 * What signs a card in at its portal: the ticket (once, within a minute) and the session's cookie. Key id, batch, card,
 * device, family, a time and 16 random bytes under a MAC, which is checked before any card is touched.
 */
import type { SecretKey } from "../config.ts";
import type { DeviceClaim } from "../domain/card-calls.ts";
import { fromBase64Url, joinBytes, toBase64Url, toHex } from "../domain/encoding.ts";
import { formatSerial, MAX_BATCH_NUMBER, MAX_CARD_NUMBER, type CardRef } from "../domain/serial.ts";
import { createMacRing, MAC_BYTES, type MacRing } from "./mac-ring.ts";

/** `id` is the random part in hex: what the card's object knows it by. `atSeconds`: when a ticket ends, or a session began. */
export type PortalClaim = CardRef & DeviceClaim & { readonly atSeconds: number; readonly id: string };

type Sealed = {
  issue(claim: Omit<PortalClaim, "id">): Promise<{ token: string; id: string }>;
  /** undefined for anything that was not made here under a live key. */
  open(token: string): Promise<PortalClaim | undefined>;
};

export type PortalTokens = {
  readonly tickets: Sealed;
  readonly sessions: Sealed;
  /** Of a text for one card: every seal that counts, the newest key's first. */
  seals(card: CardRef, text: string): Promise<string[]>;
  /** The name of a place, the same for everybody. */
  readonly placeOf: (text: string) => Promise<string>;
};

const FIELDS = 6;
const ID_BYTES = 16;
const BODY_BYTES = FIELDS * 4 + ID_BYTES;
const SEAL_BYTES = 16;
const PLACE_BYTES = 6;

const textOf = (text: string): Uint8Array => new TextEncoder().encode(text);

export function createPortalTokens(keys: readonly SecretKey[]): PortalTokens {
  const seal = createMacRing(keys, "ringfare portal seal 1");
  return {
    tickets: sealed(createMacRing(keys, "ringfare portal ticket 1")),
    sessions: sealed(createMacRing(keys, "ringfare portal session 1")),
    async seals(card, text) {
      const body = textOf(`${formatSerial(card)}\0${text}`);
      const macs = await Promise.all(seal.ids.map((id) => seal.mac(id, body)));
      return macs.flatMap((mac) => (mac ? toBase64Url(mac.subarray(0, SEAL_BYTES)) : []));
    },
    placeOf: async (text) => {
      const digest = await crypto.subtle.digest("SHA-256", textOf(text));
      return toHex(new Uint8Array(digest).subarray(0, PLACE_BYTES));
    },
  };
}

function sealed({ ids, mac }: MacRing): Sealed {
  return {
    async issue({ batch, card, device, family, atSeconds }) {
      const key = ids[0] ?? "";
      const body = new Uint8Array(BODY_BYTES);
      const view = new DataView(body.buffer);
      [Number(key), batch, card, device, family, atSeconds].forEach((field, at) => view.setUint32(at * 4, field));
      crypto.getRandomValues(body.subarray(FIELDS * 4));
      const tag = await mac(key, body);
      if (!tag) throw new Error("no refresh key");
      return { token: toBase64Url(joinBytes([body, tag])), id: toHex(body.subarray(FIELDS * 4)) };
    },
    async open(token) {
      const bytes = token.length <= 128 ? fromBase64Url(token) : undefined;
      if (bytes?.length !== BODY_BYTES + MAC_BYTES) return undefined;
      const body = bytes.subarray(0, BODY_BYTES);
      const view = new DataView(body.buffer, body.byteOffset, BODY_BYTES);
      const [key = 0, batch = 0, card = 0, device = 0, family = 0, atSeconds = 0] = Array.from(
        { length: FIELDS },
        (_, at) => view.getUint32(at * 4),
      );
      const expected = await mac(String(key), body);
      if (!expected || !crypto.subtle.timingSafeEqual(expected, bytes.subarray(BODY_BYTES))) return undefined;
      const isCard = batch >= 1 && batch <= MAX_BATCH_NUMBER && card >= 1 && card <= MAX_CARD_NUMBER;
      return isCard ? { batch, card, device, family, atSeconds, id: toHex(body.subarray(FIELDS * 4)) } : undefined;
    },
  };
}
