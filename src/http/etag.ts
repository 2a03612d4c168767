/** Entity tags (RFC 9110 section 8.8). */
import { toHex } from "../auth/encoding.ts";

const ETAG_BYTES = 16;

/** A strong tag of exactly these bytes. */
export async function etagOf(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return `"${toHex(new Uint8Array(digest, 0, ETAG_BYTES))}"`;
}

/** If-None-Match compares weakly (section 13.1.2): proxies weaken the tags of what they compress. */
export const matchesEtag = (header: string | undefined, etag: string): boolean =>
  (header ?? "")
    .split(",")
    .map((tag) => tag.trim().replace(/^W\//, ""))
    .some((tag) => tag === "*" || tag === etag);
