/**
 * PINs as kept: HMAC-SHA-256 bound to the card, under a key derived from each data key.
 * Four to six digits are guessed from any plain hash, however slow; without the key these cannot be tried at all, and
 * with it the card counts the tries. Computed in the Worker, so that a card's object never sees a PIN.
 */
import type { SecretKey } from "../config.ts";
import { toBase64Url } from "../domain/encoding.ts";
import type { PresentedPin } from "../domain/takeover.ts";
import { hmac, hmacKey } from "./hmac.ts";

/** One secret, one use: what data keys seal, and what is derived from them, never meet. */
const LABEL = "ringfare takeover pin 1";

/** The PIN of a card (by its serial) under every live key, newest first. */
export type Pins = { present(serial: string, pin: string): Promise<PresentedPin> };

export function createPins(dataKeys: readonly SecretKey[]): Pins {
  const derived = new Map<string, CryptoKey>();

  async function keyOf({ id, bytes }: SecretKey): Promise<CryptoKey> {
    const known = derived.get(id);
    if (known) return known;
    const key = await hmacKey(await hmac(await hmacKey(bytes), LABEL));
    derived.set(id, key);
    return key;
  }

  return {
    present: (serial, pin) =>
      Promise.all(
        dataKeys.map(async (key) => ({
          keyId: key.id,
          mac: toBase64Url(await hmac(await keyOf(key), `${serial}\0${pin}`)),
        })),
      ),
  };
}
