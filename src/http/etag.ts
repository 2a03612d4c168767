/** Entity tags (RFC 9110 section 8.8). */
import { sha256Hex } from "../auth/sha256.ts";

const ETAG_BYTES = 16;

/** A strong tag of exactly these bytes. */
export const etagOf = async (text: string): Promise<string> => `"${await sha256Hex(text, ETAG_BYTES)}"`;

/** If-None-Match compares weakly (section 13.1.2): proxies weaken the tags of what they compress. */
export const matchesEtag = (header: string | undefined, etag: string): boolean =>
  (header ?? "")
    .split(",")
    .map((tag) => opaque(tag.trim()))
    .some((tag) => tag === "*" || tag === opaque(etag));

const opaque = (tag: string): string => tag.replace(/^W\//, "");
