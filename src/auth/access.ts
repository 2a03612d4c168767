/**
 * Cloudflare Access: is this assertion the team's, for this application, and still good?
 * The header is never trusted by itself: signature (RS256, Access signs with nothing else), issuer and audience are pinned,
 * and keys come from the team's own address only (RFC 8725 sections 3.1, 3.8, 3.9).
 */
import { createRemoteJWKSet, customFetch, errors, jwtVerify } from "jose";
import type { AccessSettings } from "../config.ts";
import { Unavailable } from "../storage/unavailable.ts";

const KEYS_LIMIT_MS = 3000;
/** Access rotates its keys every six weeks and keeps the former one for a week. */
const KEYS_KEPT_MS = 600_000;
/** Made-up key ids cost the team's host at most one request in this time. */
const UNKNOWN_KEY_COOLDOWN_MS = 30_000;

export type AccessGate = {
  /** False for whatever is not a valid assertion; rejects with Unavailable when the team's keys cannot be had. */
  admits(assertion: string | undefined): Promise<boolean>;
};

type Deps = { readonly fetch: (url: string, init: RequestInit) => Promise<Response>; readonly now: () => number };

export function createAccessGate({ teamDomain, aud }: AccessSettings, { fetch, now }: Deps): AccessGate {
  const issuer = `https://${teamDomain}`;
  const keys = createRemoteJWKSet(new URL(`${issuer}/cdn-cgi/access/certs`), {
    timeoutDuration: KEYS_LIMIT_MS,
    cacheMaxAge: KEYS_KEPT_MS,
    cooldownDuration: UNKNOWN_KEY_COOLDOWN_MS,
    [customFetch]: fetch,
  });
  return {
    async admits(assertion) {
      if (assertion === undefined) return false;
      try {
        await jwtVerify(assertion, keys, {
          algorithms: ["RS256"],
          issuer,
          audience: aud,
          requiredClaims: ["exp", "iat"],
          currentDate: new Date(now()),
        });
        return true;
      } catch (cause) {
        if (isRefusal(cause)) return false;
        throw new Unavailable("Cloudflare Access keys", { cause });
      }
    },
  };
}

/** What is wrong with the assertion, as against what kept us from looking at it. */
const isRefusal = (cause: unknown): boolean =>
  cause instanceof errors.JOSEError &&
  !(cause instanceof errors.JWKSTimeout) &&
  !(cause instanceof errors.JWKSInvalid) &&
  // What jose throws itself when the key set does not arrive or is no JSON.
  cause.code !== errors.JOSEError.code;
