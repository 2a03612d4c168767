/**
 * Whole rotations of the signing key, minute by minute, as verifiers live through them: they keep our key set as long as
 * they may, never ask sooner because a token names a key they do not know, and must not refuse one genuine token.
 */
import { createLocalJWKSet, importSPKI, importX509, jwtVerify } from "jose";
import { beforeAll, describe, expect, it } from "vitest";
import type { PublishedKey } from "../../src/auth/key-ring.ts";
import { createSigning, type Signing } from "../../src/auth/signing.ts";
import { createSigningKey } from "../../src/cli/secrets.ts";
import { KEY_SET_CACHE_SECONDS, publishedAt, signerAt, type SigningKey } from "../../src/domain/signing-keys.ts";

const ORIGIN = "https://api.ringfare.test";
const START_MS = Date.parse("2026-06-01T00:00:00Z");
const MINUTE_MS = 60_000;
const CACHE_MS = KEY_SET_CACHE_SECONDS * 1000;
const SIP_SECONDS = 3600;
const CARD = { batch: 1, card: 1, device: 1, family: 1 };

async function keyFrom(signFromMs: number): Promise<SigningKey> {
  const { name, value } = await createSigningKey(START_MS, signFromMs);
  const { jwk, x5c } = JSON.parse(value) as Pick<SigningKey, "jwk" | "x5c">;
  return { kid: name.slice("SIGNING_KEY_".length), jwk, x5c, signFromMs };
}

/** What is deployed from a minute on. */
type Deployment = { readonly minute: number; readonly keys: readonly SigningKey[] };
type Issued = { readonly token: string; readonly kid: string; readonly atMs: number };

/** A verifier that looks at the key set when its copy is as old as it may be, and not before. */
class Verifier {
  #keys: readonly PublishedKey[] = [];
  #fetchedAtMs = Number.NEGATIVE_INFINITY;
  readonly #readsCertificates: boolean;

  constructor(readsCertificates: boolean) {
    this.#readsCertificates = readsCertificates;
  }

  look(signing: Signing, nowMs: number): void {
    if (nowMs - this.#fetchedAtMs < CACHE_MS) return;
    this.#keys = signing.jwks(nowMs).keys;
    this.#fetchedAtMs = nowMs;
  }

  async accepts({ token, kid }: Issued, nowMs: number): Promise<boolean> {
    const options = { algorithms: ["ES256"], issuer: ORIGIN, currentDate: new Date(nowMs) };
    try {
      if (this.#readsCertificates) {
        const certificate = this.#keys.find((key) => key.kid === kid)?.x5c[0];
        const pem = `-----BEGIN CERTIFICATE-----\n${certificate}\n-----END CERTIFICATE-----`;
        await jwtVerify(token, await importX509(pem, "ES256"), options);
      } else await jwtVerify(token, createLocalJWKSet({ keys: [...this.#keys] }), options);
      return true;
    } catch {
      return false;
    }
  }
}

/** How many verifications there were over these minutes, and how many of them failed. */
async function live(deployments: readonly Deployment[], minutes: number): Promise<{ done: number; failed: number }> {
  const verifiers = [0, 4, 9, 14].map((phase) => ({ phase, verifier: new Verifier(phase === 9) }));
  const instances = deployments.map(({ keys }) => createSigning({ signingKeys: keys, publicOrigin: ORIGIN }));
  let issued: Issued[] = [];
  let done = 0;
  let failed = 0;
  for (let minute = 0; minute <= minutes; minute += 1) {
    const nowMs = START_MS + minute * MINUTE_MS;
    const signing = instances[deployments.findLastIndex((each) => each.minute <= minute)];
    if (!signing) throw new Error("nothing is deployed");
    for (const { phase, verifier } of verifiers) if (minute >= phase) verifier.look(signing, nowMs);
    issued = issued.filter(({ atMs }) => nowMs < atMs + SIP_SECONDS * 1000);
    const token = await signing.sipToken(
      { user: "000001-0000001.1", domain: "sip.acme.example", partner: "acme", lifetimeSeconds: SIP_SECONDS },
      nowMs,
    );
    const { kid } = JSON.parse(Buffer.from(token.split(".")[0] ?? "", "base64url").toString()) as { kid: string };
    issued.push({ token, kid, atMs: nowMs });
    const access = await signing.accessToken(CARD, nowMs);
    expect(await signing.verifyAccess(access, nowMs)).toMatchObject(CARD);
    const newest = issued.at(-1);
    const oldest = issued[0];
    for (const each of [newest, oldest, issued[Math.floor(issued.length / 2)]]) {
      if (!each) continue;
      const answers = verifiers.filter(({ phase }) => minute >= phase);
      for (const { verifier } of answers) {
        done += 1;
        if (!(await verifier.accepts(each, nowMs))) failed += 1;
      }
      done += 1;
      if ((await signing.verifySip(each.token, nowMs)) === undefined) failed += 1;
    }
  }
  return { done, failed };
}

let a: SigningKey;
let b: SigningKey;
let c: SigningKey;
const HALF_HOUR = 30;
const at = (minute: number) => START_MS + minute * MINUTE_MS;
beforeAll(async () => {
  a = await keyFrom(at(-1));
  b = await keyFrom(at(60 + HALF_HOUR));
  c = await keyFrom(at(200 + HALF_HOUR));
});

describe("two rotations", () => {
  it("fail no verification, while keys that are no longer needed stay configured", async () => {
    const deployments = [
      { minute: 0, keys: [a] },
      { minute: 60, keys: [a, b] },
      { minute: 200, keys: [a, b, c] },
    ];
    const { done, failed } = await live(deployments, 400);
    expect(failed).toBe(0);
    expect(done).toBeGreaterThan(5000);
  }, 60_000);

  it("nor when they are taken out once they are retired", async () => {
    const retiredA = at(60 + HALF_HOUR + 76);
    expect(publishedAt([a, b], retiredA - MINUTE_MS)).toHaveLength(2);
    expect(publishedAt([a, b], retiredA)).toEqual([b]);
    const deployments = [
      { minute: 0, keys: [a] },
      { minute: 60, keys: [b, a] },
      { minute: 60 + HALF_HOUR + 76, keys: [b] },
    ];
    expect((await live(deployments, 200)).failed).toBe(0);
  }, 60_000);

  it("would, were a key to sign before it was published long enough, or to go too soon", async () => {
    const hasty = { ...b, signFromMs: at(61) };
    const tooSoon = [
      { minute: 0, keys: [a] },
      { minute: 60, keys: [a, hasty] },
    ];
    expect((await live(tooSoon, 90)).failed).toBeGreaterThan(0);
    const tooEarly = [
      { minute: 0, keys: [a, b] },
      { minute: 60 + HALF_HOUR, keys: [b] },
    ];
    expect((await live(tooEarly, 130)).failed).toBeGreaterThan(0);
  }, 60_000);
});

describe("a retired key", () => {
  it("is published nowhere, and what it would sign is refused, though it is still configured", async () => {
    const alone = createSigning({ signingKeys: [a], publicOrigin: ORIGIN });
    const both = createSigning({ signingKeys: [a, b], publicOrigin: ORIGIN });
    const later = at(24 * 60);
    const stolen = await alone.accessToken(CARD, later);
    expect(await alone.verifyAccess(stolen, later)).toMatchObject(CARD);
    expect(await both.verifyAccess(stolen, later)).toBeUndefined();
    expect(both.jwks(later).keys.map(({ kid }) => kid)).toEqual([b.kid]);
    expect(await both.pem(a.kid, later)).toBeUndefined();
    expect(await both.pem(b.kid, later)).toMatch(/^-----BEGIN PUBLIC KEY-----/);
  });
});

describe("the key that signs", () => {
  it("is the newest whose time has come, whatever the order they are configured in", () => {
    expect(signerAt([a, c, b], at(0))).toBe(a);
    expect(signerAt([a, c, b], at(90) - 1)).toBe(a);
    expect(signerAt([a, c, b], at(90))).toBe(b);
    expect(signerAt([b], at(0))).toBeUndefined();
    expect(publishedAt([a, b, c], at(0))).toEqual([c, b, a]);
  });

  it("is shown alike as JWK, certificate and PEM", async () => {
    const signing = createSigning({ signingKeys: [a], publicOrigin: ORIGIN });
    const [jwk] = signing.jwks(at(0)).keys;
    const certificate = `-----BEGIN CERTIFICATE-----\n${jwk?.x5c[0]}\n-----END CERTIFICATE-----`;
    const token = await signing.sipToken(
      { user: "000001-0000001.1", domain: "d.example", partner: "p", lifetimeSeconds: 60 },
      at(0),
    );
    for (const key of [
      await importX509(certificate, "ES256"),
      await importSPKI((await signing.pem(a.kid, at(0))) ?? "", "ES256"),
    ])
      expect((await jwtVerify(token, key, { currentDate: new Date(at(0)) })).payload.sub).toBe(
        "000001-0000001.1@d.example",
      );
    expect(JSON.stringify(jwk)).not.toContain(a.jwk.d);
  });
});
