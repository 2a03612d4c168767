/**
 * Sealing of stored secrets: AES-256-GCM under a data key, `<key id>.<base64url iv>.<base64url ciphertext>`.
 * The place (owner, object, field) is authenticated with it, so a ciphertext copied to another row or column does not open.
 * The newest data key seals; any live one opens. Nothing here logs or quotes a secret.
 */
import type { SecretKey } from "../config.ts";
import { assert } from "../domain/assert.ts";
import { fromBase64Url, toBase64Url } from "../domain/encoding.ts";

/** GCM's own nonce size (NIST SP 800-38D section 8.2); random, far below 2^32 seals under one key. */
const IV_BYTES = 12;

export type SecretPlace = { readonly owner: string; readonly object: string; readonly field: string };

export type Sealer = {
  seal(place: SecretPlace, secret: string): Promise<string>;
  /** Throws SealBroken when the text was not sealed for this place under a live key. */
  open(place: SecretPlace, sealed: string): Promise<string>;
};

/** Not a caller's mistake: the database was tampered with, or a data key was removed too early. */
class SealBroken extends Error {
  override readonly name = "SealBroken";
}

export const trunkSecretPlace = (trunk: string, field: "digest" | "ice"): SecretPlace => ({
  owner: "operator",
  object: `trunk:${trunk}`,
  field,
});

export const webhookSecretPlace = (partner: string, webhook: string): SecretPlace => ({
  owner: partner,
  object: `webhook:${webhook}`,
  field: "secret",
});

export function createSealer(dataKeys: readonly SecretKey[]): Sealer {
  const imported = new Map<string, CryptoKey>();

  async function cryptoKey({ id, bytes }: SecretKey): Promise<CryptoKey> {
    const kept = imported.get(id);
    if (kept) return kept;
    const key = await crypto.subtle.importKey("raw", bytes, "AES-GCM", false, ["encrypt", "decrypt"]);
    imported.set(id, key);
    return key;
  }

  return {
    async seal(place, secret) {
      const [newest] = dataKeys;
      assert(newest !== undefined, "a data key is configured");
      const iv = crypto.getRandomValues(new Uint8Array(IV_BYTES));
      const sealed = await crypto.subtle.encrypt(
        { name: "AES-GCM", iv, additionalData: placeBytes(place) },
        await cryptoKey(newest),
        new TextEncoder().encode(secret),
      );
      return `${newest.id}.${toBase64Url(iv)}.${toBase64Url(new Uint8Array(sealed))}`;
    },
    async open(place, sealed) {
      const [id, iv, text, ...rest] = sealed.split(".");
      const key = dataKeys.find((candidate) => candidate.id === id);
      const ivBytes = fromBase64Url(iv ?? "");
      const sealedBytes = fromBase64Url(text ?? "");
      if (!key || rest.length > 0 || ivBytes?.length !== IV_BYTES || !sealedBytes)
        throw new SealBroken("not a live seal");
      try {
        const opened = await crypto.subtle.decrypt(
          { name: "AES-GCM", iv: ivBytes, additionalData: placeBytes(place) },
          await cryptoKey(key),
          sealedBytes,
        );
        return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(opened);
      } catch {
        throw new SealBroken("sealed for another place, or altered");
      }
    },
  };
}

/** JSON of an array keeps the parts apart whatever they contain. */
const placeBytes = ({ owner, object, field }: SecretPlace): Uint8Array =>
  new TextEncoder().encode(JSON.stringify([owner, object, field]));
