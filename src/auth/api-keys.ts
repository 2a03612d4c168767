/**
 * API keys: `rf_<id>_<secret><checksum>`. 160 random bits, so a plain SHA-256 is what is stored.
 * The checksum lets scanners and this code tell a mistyped key without a look-up; it protects nothing.
 */
import { toBase32Lower } from "../domain/encoding.ts";
import { sha256, sha256Hex } from "./sha256.ts";

const ID_BYTES = 8;
const SECRET_BYTES = 20;
const CHECKSUM_LENGTH = 6;
const KEY_PATTERN = /^rf_([a-z0-9]{1,32})_([a-z0-9]{32})([a-z0-9]{6})$/;

export type NewApiKey = { readonly id: string; readonly key: string; readonly hash: string };

export async function createApiKey(
  id = toBase32Lower(crypto.getRandomValues(new Uint8Array(ID_BYTES))),
): Promise<NewApiKey> {
  const secret = toBase32Lower(crypto.getRandomValues(new Uint8Array(SECRET_BYTES)));
  const key = `rf_${id}_${secret}${await checksum(id, secret)}`;
  return { id, key, hash: await hashApiKey(key) };
}

/** The id that a key claims; undefined when it is no key. */
export const claimedKeyId = (key: string): string | undefined => KEY_PATTERN.exec(key)?.[1];

/** Whether a key was typed as it was made; false for what is no key. */
export async function isWellTyped(key: string): Promise<boolean> {
  const match = KEY_PATTERN.exec(key);
  const [, id = "", secret = "", sum = ""] = match ?? [];
  return match !== null && (await checksum(id, secret)) === sum;
}

export const hashApiKey = (key: string): Promise<string> => sha256Hex(key);

const checksum = async (id: string, secret: string): Promise<string> =>
  toBase32Lower(await sha256(`rf checksum ${id} ${secret}`)).slice(0, CHECKSUM_LENGTH);
