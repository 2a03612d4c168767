/** Response headers of pages: what may run on them, and how long they are kept. */

const SHARED_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "manifest-src 'self'",
  // Nothing is ever submitted by a browser on its own: a code in a form must not become an address.
  "form-action 'none'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
];

/** Our own pages build every element in code, so text can never become markup (Trusted Types). */
const PAGE_CSP = [...SHARED_POLICY, "require-trusted-types-for 'script'", "trusted-types 'none'"].join("; ");
/** The API reference is a bundle that parses markup; it stays on `/docs`, where no card is shown. */
const REFERENCE_CSP = SHARED_POLICY.join("; ");

const PERMISSIONS = [
  "accelerometer=()",
  "camera=()",
  "clipboard-read=()",
  "clipboard-write=(self)",
  "display-capture=()",
  "geolocation=()",
  "gyroscope=()",
  "magnetometer=()",
  "microphone=()",
  "payment=()",
  "usb=()",
].join(", ");

/** Asked for again each time, answered with 304: a page never runs with scripts of another release. */
const REVALIDATE = "no-cache";
/** Names that change with their content. */
const HASHED = /^\/build\/(?:chunks|media)\//;
const IMMUTABLE = "public, max-age=31536000, immutable";

export type PageKind = "page" | "reference";

export const pageHeaders = (kind: PageKind = "page", path = ""): Record<string, string> => ({
  "Content-Security-Policy": kind === "page" ? PAGE_CSP : REFERENCE_CSP,
  "Permissions-Policy": PERMISSIONS,
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Resource-Policy": "same-origin",
  "Cache-Control": HASHED.test(path) ? IMMUTABLE : REVALIDATE,
});
