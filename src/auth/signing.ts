/**
 * JWTs (RFC 7515, 7519, 8725): ES256 only, one typ and one audience per use, so that none passes for another.
 * Keys are published from the start and sign from their `signFrom` on.
 */
import { exportSPKI, importJWK, jwtVerify, SignJWT, type CryptoKey as JoseKey, type JWTPayload } from "jose";
import type { Config, SigningKey } from "../config.ts";
import { assert } from "../domain/assert.ts";
import type { DeviceClaim } from "../domain/card-calls.ts";
import { fromBase64Url } from "../domain/encoding.ts";
import { formatSerial, formatSipUser, parseSerial, parseSipUser, type CardRef } from "../domain/serial.ts";
import { SECOND_MS } from "../domain/time.ts";

export const ACCESS_TOKEN_SECONDS = 600;
const LEEWAY_SECONDS = 30;
const MAX_TOKEN_LENGTH = 4096;
const ALGORITHM = "ES256";
/** RFC 9068 section 2.2 asks for one; there is a single kind of client. */
const CLIENT_ID = "dialler";

export type AccessClaim = CardRef & DeviceClaim;
/** A claim whose token was verified, and when that token ends. */
export type VerifiedAccess = AccessClaim & { readonly expiresAtMs: number };
export type SipClaim = {
  readonly user: string;
  readonly domain: string;
  readonly partner: string;
  readonly lifetimeSeconds: number;
};

export type PublishedKey = {
  readonly kty: "EC";
  readonly crv: "P-256";
  readonly x: string;
  readonly y: string;
  readonly kid: string;
  readonly use: "sig";
  readonly alg: "ES256";
  readonly x5c: string[];
};

export type Signing = {
  accessToken(claim: AccessClaim, nowMs: number): Promise<string>;
  /** undefined for anything but a live access token of ours; clock skew of 30 s is allowed. */
  verifyAccess(token: string, nowMs: number): Promise<VerifiedAccess | undefined>;
  sipToken(claim: SipClaim, nowMs: number): Promise<string>;
  /** RFC 7517, with `x5c` for verifiers that read certificates only. */
  jwks(): { readonly keys: PublishedKey[] };
  /** SubjectPublicKeyInfo PEM; undefined for an unknown kid. */
  pem(kid: string): Promise<string | undefined>;
};

export function createSigning({ signingKeys, publicOrigin }: Pick<Config, "signingKeys" | "publicOrigin">): Signing {
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

  return {
    accessToken: ({ device, family, ...card }, nowMs) => {
      const sub = formatSipUser(formatSerial(card), device);
      return sign("at+jwt", { aud: publicOrigin, sub, client_id: CLIENT_ID, family }, nowMs, ACCESS_TOKEN_SECONDS);
    },
    async verifyAccess(token, nowMs) {
      // jose ignores the bits behind the last byte, so sixteen spellings of one signature would pass.
      const signature = fromBase64Url(token.slice(token.lastIndexOf(".") + 1));
      if (token.length > MAX_TOKEN_LENGTH || !signature) return undefined;
      try {
        const { payload } = await jwtVerify(token, ({ kid }) => ring.verifier(kid), {
          algorithms: [ALGORITHM],
          typ: "at+jwt",
          issuer: publicOrigin,
          audience: publicOrigin,
          clockTolerance: LEEWAY_SECONDS,
          maxTokenAge: ACCESS_TOKEN_SECONDS,
          currentDate: new Date(nowMs),
          requiredClaims: ["exp", "iat", "sub"],
        });
        // An array of audiences would be another issuer's habit: ours is one string.
        return typeof payload.aud === "string" ? readClaim(payload) : undefined;
      } catch {
        return undefined;
      }
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
    jwks: () => ({ keys: signingKeys.map(publishedJwk) }),
    async pem(kid) {
      const known = signingKeys.find((key) => key.kid === kid);
      return known && exportSPKI(await importJWK(publicJwk(known), ALGORITHM, { extractable: true }));
    },
  };
}

/** Keys imported once an isolate, at their first use. */
function createKeyRing(signingKeys: readonly SigningKey[]) {
  const privateKeys = new Map<string, JoseKey>();
  const publicKeys = new Map<string, JoseKey>();

  async function signer(nowMs: number): Promise<{ kid: string; key: JoseKey }> {
    const current = signingKeys.find(({ signFromMs }) => signFromMs <= nowMs);
    assert(current !== undefined, "a signing key is in force");
    const key = privateKeys.get(current.kid) ?? ((await importJWK(current.jwk, ALGORITHM)) as JoseKey);
    privateKeys.set(current.kid, key);
    return { kid: current.kid, key };
  }

  async function verifier(kid: unknown): Promise<JoseKey> {
    const known = signingKeys.find((candidate) => candidate.kid === kid);
    if (!known) throw new Error("unknown kid");
    const key = publicKeys.get(known.kid) ?? (await importJWK(publicJwk(known), ALGORITHM));
    publicKeys.set(known.kid, key);
    return key;
  }

  return { signer, verifier };
}

const publishedJwk = (key: SigningKey): PublishedKey => ({
  ...publicJwk(key),
  kid: key.kid,
  use: "sig",
  alg: ALGORITHM,
  x5c: [...key.x5c],
});

function publicJwk({ jwk }: SigningKey) {
  const { kty, crv, x, y } = jwk;
  return { kty, crv, x, y } as Pick<PublishedKey, "kty" | "crv" | "x" | "y">;
}

function readClaim({ sub, exp, family }: JWTPayload): VerifiedAccess | undefined {
  const user = typeof sub === "string" ? parseSipUser(sub) : undefined;
  const card = user && parseSerial(user.serial);
  return user && card && exp !== undefined && typeof family === "number" && Number.isSafeInteger(family)
    ? { ...card, device: user.device, family, expiresAtMs: exp * SECOND_MS }
    : undefined;
}
