/** HMAC-SHA-256 under a ring of keys, for values that are derived and never stored. One label per kind, so none passes for another. */
import type { SecretKey } from "../config.ts";
import { joinBytes } from "../domain/encoding.ts";
import { hmac, hmacKey } from "./hmac.ts";

export const MAC_BYTES = 32;

export type MacRing = {
  /** Newest first. */
  readonly ids: readonly string[];
  /** undefined = no such key is live. */
  readonly mac: (id: string, body: Uint8Array) => Promise<Uint8Array | undefined>;
};

export function createMacRing(keys: readonly SecretKey[], label: string): MacRing {
  const prefix = new TextEncoder().encode(`${label}\0`);
  const imported = new Map<string, CryptoKey>();
  return {
    ids: keys.map(({ id }) => id),
    mac: async (id, body) => {
      const secret = keys.find((key) => key.id === id);
      if (!secret) return undefined;
      const key = imported.get(id) ?? (await hmacKey(secret.bytes));
      imported.set(id, key);
      return hmac(key, joinBytes([prefix, body]));
    },
  };
}
