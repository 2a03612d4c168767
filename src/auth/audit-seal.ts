/** The seal on rows of the audit trail: an HMAC under a key of its own, so that nobody else's rows are ever chained. */
import type { SecretKey } from "../config.ts";
import { toHex } from "../domain/encoding.ts";
import { hmac, hmacKey } from "./hmac.ts";

const KEY_LABEL = "ringfare audit 1";
const SEAL_BYTES = 16;

export type AuditSeal = {
  /** Under the newest key. */
  seal(text: string): Promise<string>;
  /** Under any live key: rows are chained moments after they are written, whatever rotates in between. */
  fits(text: string, seal: string): Promise<boolean>;
};

export function createAuditSeal(keys: readonly SecretKey[]): AuditSeal {
  const derived = new Map<SecretKey, CryptoKey>();

  /** Derived from the refresh key, so that no seal can ever pass as a token or a cursor. */
  async function ownKey(key: SecretKey): Promise<CryptoKey> {
    const kept = derived.get(key);
    if (kept) return kept;
    const own = await hmacKey(await hmac(await hmacKey(key.bytes), KEY_LABEL));
    derived.set(key, own);
    return own;
  }

  const sealUnder = async (key: SecretKey, text: string): Promise<string> =>
    toHex((await hmac(await ownKey(key), text)).subarray(0, SEAL_BYTES));

  return {
    async seal(text) {
      const [newest] = keys;
      if (!newest) throw new Error("no refresh key is configured");
      return sealUnder(newest, text);
    },
    async fits(text, seal) {
      for (const key of keys) if ((await sealUnder(key, text)) === seal) return true;
      return false;
    },
  };
}
