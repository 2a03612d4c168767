/**
 * Headers that pass, both ways: lists of what may, never of what may not. Pure.
 * What the upstream gets is what its own visitor would send; what the browser gets is content, never control of us.
 */

/** `Content-Length` follows the body by itself. Scripts' CSRF headers pass as their frameworks name them. */
const TO_UPSTREAM = [
  "accept",
  "accept-language",
  "content-type",
  "user-agent",
  "range",
  "if-range",
  "if-none-match",
  "if-modified-since",
  "last-event-id",
  "x-requested-with",
  "x-csrf-token",
  "x-csrftoken",
  "x-xsrf-token",
  "x-inertia",
  "x-inertia-version",
  "hx-request",
  "turbo-frame",
] as const;

const TO_BROWSER = [
  "content-disposition",
  "content-language",
  "content-range",
  "accept-ranges",
  "etag",
  "last-modified",
  "retry-after",
  "x-csrf-token",
  "x-xsrf-token",
  "csrf-token",
  "x-inertia",
] as const;

const MAX_HEADER_LENGTH = 4096;
const MAX_RANGES = 5;
/** Decoded here; more than these no platform of ours reads. */
const ENCODINGS = "gzip, br";

export type Outgoing = {
  readonly ownOrigin: string;
  readonly target: URL;
  readonly cookies: string;
  /** What the brand asked for: who is signed in. */
  readonly token: string | null;
  readonly subprotocol: string | null;
};

export function headersForUpstream(
  received: Headers,
  { ownOrigin, target, cookies, token, subprotocol }: Outgoing,
): Headers {
  const headers = new Headers({ "accept-encoding": ENCODINGS });
  for (const name of TO_UPSTREAM) {
    const value = received.get(name);
    if (value !== null && value.length <= MAX_HEADER_LENGTH) headers.set(name, value);
  }
  if ((headers.get("range") ?? "").split(",").length > MAX_RANGES) headers.delete("range");
  // A site behind a proxy must see itself, or its own checks of where a form came from would refuse its own forms.
  if (received.get("origin") === ownOrigin) headers.set("origin", target.origin);
  const referer = refererFor(received.get("referer"), ownOrigin, target.origin);
  if (referer !== undefined) headers.set("referer", referer);
  if (cookies !== "") headers.set("cookie", cookies);
  if (token !== null) headers.set("authorization", `Bearer ${token}`);
  if (subprotocol !== null) {
    headers.set("upgrade", "websocket");
    if (subprotocol !== "") headers.set("sec-websocket-protocol", subprotocol);
  }
  return headers;
}

/** Only pages of this very portal are told, and ours among them not: their addresses are nobody's business. */
function refererFor(referer: string | null, ownOrigin: string, upstream: string): string | undefined {
  if (referer === null || !URL.canParse(referer)) return undefined;
  const url = new URL(referer);
  if (url.origin !== ownOrigin) return undefined;
  return url.pathname.startsWith("/.ringfare/") ? `${upstream}/` : `${upstream}${url.pathname}${url.search}`;
}

const PERMISSIONS = [
  "accelerometer",
  "camera",
  "display-capture",
  "geolocation",
  "gyroscope",
  "microphone",
  "usb",
  "serial",
  "bluetooth",
]
  .map((name) => `${name}=()`)
  .join(", ");

export type Incoming = {
  readonly policy: readonly string[];
  readonly rewritten: boolean;
};

export function headersForBrowser(received: Headers, { policy, rewritten }: Incoming): Headers {
  const headers = new Headers({
    // Every page is somebody's own: no cache in between may keep it, and no other card's visit in this browser see it.
    "Cache-Control": "private, no-store",
    Vary: "Cookie",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin-allow-popups",
    "Permissions-Policy": PERMISSIONS,
    // Sites that check where a form came from need it; no other site gets it.
    "Referrer-Policy": received.get("referrer-policy") === "no-referrer" ? "no-referrer" : "same-origin",
    "X-Robots-Tag": "noindex",
  });
  for (const name of TO_BROWSER) {
    const value = received.get(name);
    if (value !== null && value.length <= MAX_HEADER_LENGTH) headers.set(name, value);
  }
  for (const one of policy) headers.append("Content-Security-Policy", one);
  headers.set("Content-Type", contentTypeOf(received.get("content-type")));
  if (rewritten) for (const name of ["etag", "last-modified", "accept-ranges", "content-range"]) headers.delete(name);
  return headers;
}

/** Labels that keep ASCII what it is, so that markup means the same to the rewriter and to every browser. */
const CHARSET =
  /^(?:utf-?8|us-ascii|iso-8859-(?:[1-9]|1[013-6])|windows-(?:874|125[0-8])|koi8-[ru]|macintosh|gbk|gb18030|gb2312|big5|euc-(?:jp|kr)|shift_jis)$/i;

/** A type browsers read one way. An unknown charset is dropped: the browser then asks the page itself. */
export function contentTypeOf(value: string | null): string {
  const [, type = "", rest = ""] =
    /^\s*([a-z0-9!#$&^_.+-]+\/[a-z0-9!#$&^_.+-]+)\s*(?:;(.*))?$/i.exec(value ?? "") ?? [];
  if (type === "") return "application/octet-stream";
  const charset = /(?:^|;)\s*charset\s*=\s*"?([A-Za-z0-9_.:-]{1,40})"?\s*(?:;|$)/i.exec(rest)?.[1];
  const boundary = /(?:^|;)\s*boundary\s*=\s*("?[A-Za-z0-9'()+_,./:=?-]{1,70}"?)\s*(?:;|$)/i.exec(rest)?.[1];
  const known = charset !== undefined && CHARSET.test(charset) ? `; charset=${charset.toLowerCase()}` : "";
  return `${type.toLowerCase()}${known}${boundary === undefined ? "" : `; boundary=${boundary}`}`;
}

/** UTF-16 and the like: markup in them means something else to whoever reads bytes as ASCII. */
export const isWideCharset = (value: string | null): boolean =>
  /charset\s*=\s*"?\s*(?:utf-?(?:16|32|7)|ucs-?2|iso-2022|hz-gb|unicode)/i.test(value ?? "");

export const isHtml = (contentType: string): boolean => /^text\/html(?:;|$)/.test(contentType);
