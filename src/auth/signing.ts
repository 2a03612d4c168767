/**
 * JWTs (RFC 7515, 7519, 8725): ES256 only, one typ and one audience per use, so that none passes for another.
 */
import { jwtVerify, SignJWT, type JWTPayload, type JWTVerifyOptions } from "jose";
import type { DeviceClaim } from "../domain/card-calls.ts";
import { fromBase64Url } from "../domain/encoding.ts";
import { formatSerial, formatSipUser, parseSerial, parseSipUser, type CardRef } from "../domain/serial.ts";
import type { SigningKey } from "../domain/signing-keys.ts";
import { SECOND_MS } from "../domain/time.ts";
import { ALGORITHM, createKeyRing, type KeyRing } from "./key-ring.ts";

export const ACCESS_TOKEN_SECONDS = 600;
export const PORTAL_TOKEN_SECONDS = 300;
const LEEWAY_SECONDS = 30;
/** The longest a profile can ask for. */
const MAX_SIP_TOKEN_SECONDS = 3600;
const MAX_TOKEN_LENGTH = 4096;
/** RFC 9068 section 2.2 asks for one; there is a single kind of client. */
const CLIENT_ID = "dialler";

export type AccessClaim = CardRef & DeviceClaim;
/** The thumbprint of the key a token is bound to (RFC 9449 section 6.1); null = whoever has the token may use it. */
type Binding = { readonly thumbprint: string | null };
/** A claim whose token was verified, and when that token ends. */
export type VerifiedAccess = AccessClaim & Binding & { readonly expiresAtMs: number };
/** What a verified SIP token says: the card and device it is of, and its claims as they are in it. */
export type VerifiedSip = CardRef & {
  readonly device: number;
  readonly user: string;
  readonly domain: string;
  readonly partner: string;
  readonly claims: {
    readonly iss: string;
    readonly sub: string;
    readonly aud: string;
    readonly exp: number;
    readonly iat: number;
    readonly jti: string;
    readonly sip_identity: string;
  };
};
export type SipClaim = {
  readonly user: string;
  readonly domain: string;
  readonly partner: string;
  readonly lifetimeSeconds: number;
};

/** What a portal's upstream learns: which card and device, of whose brand. */
export type PortalTokenClaim = {
  readonly serial: string;
  readonly device: number;
  readonly brand: string;
  readonly partner: string;
  readonly mode: "live" | "test";
  readonly audience: string;
};

export type Signing = {
  accessToken(claim: AccessClaim & Partial<Binding>, nowMs: number): Promise<string>;
  /** undefined for anything but a live access token of ours; clock skew of 30 s is allowed. */
  verifyAccess(token: string, nowMs: number): Promise<VerifiedAccess | undefined>;
  sipToken(claim: SipClaim, nowMs: number): Promise<string>;
  portalToken(claim: PortalTokenClaim, nowMs: number): Promise<string>;
  /** undefined for anything but a live SIP token of ours: an API token is none, and the reverse. */
  verifySip(token: string, nowMs: number): Promise<VerifiedSip | undefined>;
} & Pick<KeyRing, "jwks" | "pem">;

type Deps = { readonly signingKeys: readonly SigningKey[]; readonly publicOrigin: string };

export function createSigning({ signingKeys, publicOrigin }: Deps): Signing {
  const ring = createKeyRing(signingKeys);

  const sign = async (
    typ: string,
    payload: Record<string, unknown>,
    nowMs: number,
    lifetimeSeconds: number,
  ): Promise<string> => {
    const { kid, key } = await ring.signer(nowMs);
    const issuedAt = Math.floor(nowMs / SECOND_MS);
    const claims = {
      iss: publicOrigin,
      ...payload,
      iat: issuedAt,
      exp: issuedAt + lifetimeSeconds,
      jti: crypto.randomUUID(),
    };
    return new SignJWT(claims).setProtectedHeader({ alg: ALGORITHM, typ, kid }).sign(key);
  };

  /** What every token of ours must be. The algorithm is ours to say, never the token's (RFC 8725 section 3.1). */
  async function verify(token: string, nowMs: number, expected: JWTVerifyOptions): Promise<JWTPayload | undefined> {
    // jose ignores the bits behind the last byte, so sixteen spellings of one signature would pass.
    const signature = fromBase64Url(token.slice(token.lastIndexOf(".") + 1));
    if (token.length > MAX_TOKEN_LENGTH || !signature) return undefined;
    try {
      const { payload } = await jwtVerify(token, ({ kid }) => ring.verifier(kid, nowMs), {
        algorithms: [ALGORITHM],
        issuer: publicOrigin,
        clockTolerance: LEEWAY_SECONDS,
        currentDate: new Date(nowMs),
        requiredClaims: ["exp", "iat", "sub", "aud"],
        ...expected,
      });
      // An array of audiences would be another issuer's habit: ours is one string.
      return typeof payload.aud === "string" ? payload : undefined;
    } catch {
      return undefined;
    }
  }

  return {
    accessToken: ({ device, family, thumbprint, ...card }, nowMs) => {
      const sub = formatSipUser(formatSerial(card), device);
      const bound = thumbprint ? { cnf: { jkt: thumbprint } } : {};
      const claims = { aud: publicOrigin, sub, client_id: CLIENT_ID, family, ...bound };
      return sign("at+jwt", claims, nowMs, ACCESS_TOKEN_SECONDS);
    },
    async verifyAccess(token, nowMs) {
      const payload = await verify(token, nowMs, {
        typ: "at+jwt",
        audience: publicOrigin,
        maxTokenAge: ACCESS_TOKEN_SECONDS,
      });
      return payload && readClaim(payload);
    },
    async verifySip(token, nowMs) {
      const payload = await verify(token, nowMs, { typ: "JWT", maxTokenAge: MAX_SIP_TOKEN_SECONDS });
      return payload && readSipClaim(payload);
    },
    sipToken: ({ user, domain, partner, lifetimeSeconds }, nowMs) => {
      const sub = `${user}@${domain}`;
      return sign(
        "JWT",
        { aud: `sip:${domain}`, sub, scope: "sip", sip_identity: `sip:${sub}`, partner },
        nowMs,
        lifetimeSeconds,
      );
    },
    portalToken: ({ serial, audience, ...claim }, nowMs) =>
      sign("portal+jwt", { aud: audience, sub: serial, scope: "portal", ...claim }, nowMs, PORTAL_TOKEN_SECONDS),
    jwks: (nowMs) => ring.jwks(nowMs),
    pem: (kid, nowMs) => ring.pem(kid, nowMs),
  };
}

function readClaim({ sub, exp, family, cnf }: JWTPayload): VerifiedAccess | undefined {
  const user = typeof sub === "string" ? parseSipUser(sub) : undefined;
  const card = user && parseSerial(user.serial);
  const thumbprint = (cnf as { jkt?: unknown } | undefined)?.jkt ?? null;
  // Bound in a way we do not know is not free.
  if ((cnf !== undefined && thumbprint === null) || (thumbprint !== null && typeof thumbprint !== "string"))
    return undefined;
  return user && card && exp !== undefined && typeof family === "number" && Number.isSafeInteger(family)
    ? { ...card, device: user.device, family, thumbprint, expiresAtMs: exp * SECOND_MS }
    : undefined;
}

/** The audience must be the subject's own domain: a token for one domain is none at another. */
function readSipClaim({ iss, sub, aud, exp, iat, jti, ...rest }: JWTPayload): VerifiedSip | undefined {
  const { scope, partner, sip_identity: identity } = rest;
  const [, name = "", domain = ""] = /^([^@]+)@([^@]+)$/.exec(sub ?? "") ?? [];
  const user = parseSipUser(name);
  const card = user && parseSerial(user.serial);
  if (!user || !card || scope !== "sip" || aud !== `sip:${domain}` || identity !== `sip:${sub}`) return undefined;
  if (typeof partner !== "string" || iss === undefined || sub === undefined) return undefined;
  if (exp === undefined || iat === undefined || jti === undefined) return undefined;
  const claims = { iss, sub, aud, exp, iat, jti, sip_identity: identity };
  return { ...card, device: user.device, user: name, domain, partner, claims };
}
