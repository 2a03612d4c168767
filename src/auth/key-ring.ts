/** The signing keys of this deployment: which one signs now, which ones verify, and how the world is shown them. */
import { exportSPKI, importJWK, type CryptoKey as JoseKey } from "jose";
import { assert } from "../domain/assert.ts";
import { publishedAt, signerAt, type SigningKey } from "../domain/signing-keys.ts";

export const ALGORITHM = "ES256";

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

export type KeyRing = {
  signer(nowMs: number): Promise<{ readonly kid: string; readonly key: JoseKey }>;
  /** Throws for a kid that is not ours, or no longer: jose reports that as a failed verification. */
  verifier(kid: unknown, nowMs: number): Promise<JoseKey>;
  /** RFC 7517, with `x5c` for verifiers that read certificates only. */
  jwks(nowMs: number): { readonly keys: PublishedKey[] };
  /** SubjectPublicKeyInfo PEM; undefined for an unknown kid. */
  pem(kid: string, nowMs: number): Promise<string | undefined>;
};

/** Keys are imported once an isolate, at their first use. */
export function createKeyRing(signingKeys: readonly SigningKey[]): KeyRing {
  const privateKeys = new Map<string, JoseKey>();
  const publicKeys = new Map<string, JoseKey>();

  const published = (kid: unknown, nowMs: number): SigningKey | undefined =>
    publishedAt(signingKeys, nowMs).find((candidate) => candidate.kid === kid);

  return {
    async signer(nowMs) {
      const current = signerAt(signingKeys, nowMs);
      assert(current !== undefined, "a signing key is in force");
      const key = privateKeys.get(current.kid) ?? (await importJWK(current.jwk, ALGORITHM));
      privateKeys.set(current.kid, key);
      return { kid: current.kid, key };
    },
    async verifier(kid, nowMs) {
      const known = published(kid, nowMs);
      if (!known) throw new Error("unknown kid");
      const key = publicKeys.get(known.kid) ?? (await importJWK(publicJwk(known), ALGORITHM));
      publicKeys.set(known.kid, key);
      return key;
    },
    jwks: (nowMs) => ({ keys: publishedAt(signingKeys, nowMs).map(publishedJwk) }),
    async pem(kid, nowMs) {
      const known = published(kid, nowMs);
      return known && exportSPKI(await importJWK(publicJwk(known), ALGORITHM, { extractable: true }));
    },
  };
}

const publishedJwk = (key: SigningKey): PublishedKey => ({
  ...publicJwk(key),
  kid: key.kid,
  use: "sig",
  alg: ALGORITHM,
  x5c: [...key.x5c],
});

const publicJwk = ({ jwk: { kty, crv, x, y } }: SigningKey) => ({ kty, crv, x, y });
