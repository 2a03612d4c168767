/** HMAC (RFC 2104) under keys that, once imported, nobody can read back. */

export type HmacHash = "SHA-1" | "SHA-256";

const bytesOf = (data: string | Uint8Array): Uint8Array =>
  typeof data === "string" ? new TextEncoder().encode(data) : data;

export const hmacKey = (secret: string | Uint8Array, hash: HmacHash = "SHA-256"): Promise<CryptoKey> =>
  crypto.subtle.importKey("raw", bytesOf(secret), { name: "HMAC", hash }, false, ["sign"]);

export const hmac = async (key: CryptoKey, data: string | Uint8Array): Promise<Uint8Array> =>
  new Uint8Array(await crypto.subtle.sign("HMAC", key, bytesOf(data)));
