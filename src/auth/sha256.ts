/** SHA-256 of text or bytes. */
import { toHex } from "../domain/encoding.ts";

/** The first `length` bytes of the digest, all 32 by default. */
export async function sha256(data: string | Uint8Array<ArrayBuffer>, length = 32): Promise<Uint8Array> {
  const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).subarray(0, length);
}

export const sha256Hex = async (data: string | Uint8Array<ArrayBuffer>, length?: number): Promise<string> =>
  toHex(await sha256(data, length));
