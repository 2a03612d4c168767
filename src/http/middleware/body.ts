/**
 * Request bodies at the door: size counted while reading, UTF-8 checked, type checked.
 * Handlers then read text that is complete and bounded.
 */
import type { Context } from "hono";
import { createMiddleware } from "hono/factory";
import { joinBytes } from "../../domain/encoding.ts";
import type { Refusal } from "../../domain/errors.ts";
import { err, ok, type Result } from "../../domain/result.ts";
import type { AppEnv } from "../context.ts";
import { problem } from "../problem.ts";

export const MAX_BODY_BYTES = 64 * 1024;

const JSON_TYPE = /^application\/json\s*(?:;\s*charset\s*=\s*"?utf-8"?\s*)?$/i;
const FORM_TYPE = /^application\/x-www-form-urlencoded\s*(?:;\s*charset\s*=\s*"?utf-8"?\s*)?$/i;
/** OAuth endpoints take forms (RFC 6749 section 3.2), as JSON for convenience. */
const FORM_PATHS: ReadonlySet<string> = new Set(["/v1/token", "/token", "/v1/revoke", "/v1/introspect", "/p/acrobits"]);
/** Uploads read and bound their own bytes. */
const UPLOAD_PATH = /^\/v1\/brands\/[^/]+\/assets\/[^/]+$/;

export const boundedBody = createMiddleware<AppEnv>(async (c, next) => {
  if (!hasBody(c) || UPLOAD_PATH.test(c.req.path)) return next();
  const bytes = await readBytes(c, MAX_BODY_BYTES);
  if (!bytes.ok) return problem(c, bytes.error);
  const type = c.req.header("Content-Type") ?? "";
  const typeFits = JSON_TYPE.test(type) || (FORM_PATHS.has(c.req.path) && FORM_TYPE.test(type));
  const isCompressed = !["", "identity"].includes(c.req.header("Content-Encoding") ?? "");
  if (bytes.value.length > 0 && (!typeFits || isCompressed)) return problem(c, { code: "unsupported_media_type" });
  const text = decodeUtf8(bytes.value);
  if (text === undefined)
    return problem(c, { code: "bad_request", detail: "The body is not UTF-8 without a byte order mark." });
  // Hono keeps promises here, whatever its type says; `json()` and `text()` then read what was checked.
  c.req.bodyCache.text = Promise.resolve(text) as unknown as string;
  return next();
});

/** A declared length answers it; making a stream of the body to look at costs more than reading it. */
const hasBody = ({ req }: Context<AppEnv>): boolean =>
  req.method !== "GET" &&
  req.method !== "HEAD" &&
  (req.header("Content-Length") !== undefined || req.raw.body !== null);

/** The whole body, never holding more than the limit. */
export async function readBytes(c: Context<AppEnv>, mostBytes: number): Promise<Result<Uint8Array, Refusal>> {
  const tooLarge = err<Refusal>({ code: "payload_too_large", detail: `At most ${mostBytes} bytes.` });
  const declared = c.req.header("Content-Length");
  if (Number(declared ?? 0) > mostBytes) return tooLarge;
  try {
    // The platform holds a body to its declared length, so that one can be read in one piece.
    const bytes =
      declared === undefined ? await readChunks(c, mostBytes) : new Uint8Array(await c.req.raw.arrayBuffer());
    return bytes === undefined || bytes.length > mostBytes ? tooLarge : ok(bytes);
  } catch {
    // The sender went away or its chunks are malformed: no failure of ours, so no entry in our log.
    return err({ code: "bad_request", detail: "The body broke off before its end." });
  }
}

/** undefined = there is more than the limit; what is beyond is not read. */
async function readChunks(c: Context<AppEnv>, mostBytes: number): Promise<Uint8Array | undefined> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  const reader = c.req.raw.body?.getReader();
  for (let part = await reader?.read(); part && !part.done; part = await reader?.read()) {
    length += part.value.length;
    if (length > mostBytes) {
      await reader?.cancel();
      return undefined;
    }
    chunks.push(part.value);
  }
  return joinBytes(chunks);
}

/** Keeps nothing between calls, because every call is given the whole text. */
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function decodeUtf8(bytes: Uint8Array): string | undefined {
  const startsWithMark = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
  try {
    return startsWithMark ? undefined : decoder.decode(bytes);
  } catch {
    return undefined;
  }
}
