/** Cloudflare Access in front of operators' keys and the console. */
import { env } from "cloudflare:workers";
import { exportJWK, generateKeyPair, SignJWT, UnsecuredJWT } from "jose";
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { createApp } from "../../src/app.ts";
import { operatorKey } from "../support/api.ts";
import { createKey, createPartner, createPartnerKey } from "../support/catalogue.ts";

const TEAM = "acme.cloudflareaccess.com";
const ISSUER = `https://${TEAM}`;
const AUD = "0123456789abcdef0123456789abcdef";
const CERTS = `${ISSUER}/cdn-cgi/access/certs`;
const HOUR_S = 3600;

const app = createApp();
let guarded: Record<string, unknown>;
let pair: Awaited<ReturnType<typeof generateKeyPair>>;
let keySet: { keys: object[] };
let partner = "";
let partnerKey = "";

type Claims = { iss?: string; aud?: string; exp?: number };
const sign = (claims: Claims = {}, key = pair.privateKey, header = { alg: "RS256", kid: "k1" }) => {
  const nowS = Math.floor(Date.now() / 1000);
  const all = { iss: ISSUER, aud: AUD, exp: nowS + HOUR_S, ...claims };
  return new SignJWT({ email: "ops@acme.example", type: "app" })
    .setProtectedHeader(header)
    .setIssuer(all.iss)
    .setAudience(all.aud)
    .setIssuedAt(nowS - 60)
    .setExpirationTime(all.exp)
    .sign(key);
};

const ask = (path: string, headers: Record<string, string>) =>
  app.request(new URL(path, env.PUBLIC_ORIGIN), { headers }, guarded);
const withAssertion = (assertion: string | undefined, key = operatorKey()) =>
  ask("/v1/partners", {
    Authorization: `Bearer ${key}`,
    ...(assertion !== undefined && { "Cf-Access-Jwt-Assertion": assertion }),
  });

let certs: ReturnType<typeof vi.spyOn>;

beforeAll(async () => {
  pair = await generateKeyPair("RS256", { extractable: true });
  keySet = { keys: [{ ...(await exportJWK(pair.publicKey)), kid: "k1", alg: "RS256", use: "sig" }] };
  partner = await createPartner();
  partnerKey = await createPartnerKey(partner);
});
beforeEach(() => {
  // An isolate of its own for every test: nothing is remembered.
  guarded = { ...env, ACCESS_TEAM_DOMAIN: TEAM, ACCESS_AUD: AUD };
  certs = vi.spyOn(globalThis, "fetch").mockImplementation(async () => Response.json(keySet));
});
afterEach(() => {
  vi.restoreAllMocks();
});

describe("with Cloudflare Access", () => {
  it("lets an operator's key in with a valid assertion, and reads the team's keys once", async () => {
    for (let times = 0; times < 3; times += 1) expect((await withAssertion(await sign())).status).toBe(200);
    expect(certs).toHaveBeenCalledTimes(1);
    expect(String(certs.mock.calls[0]?.[0])).toBe(CERTS);
  });

  it("refuses an operator's key without one, and every assertion that is none", async () => {
    const other = await generateKeyPair("RS256");
    const shared = new TextEncoder().encode(JSON.stringify(keySet.keys[0]));
    const good = await sign();
    const nowS = Math.floor(Date.now() / 1000);
    const cases: Record<string, string | undefined> = {
      none: undefined,
      empty: "",
      "a word": "ops@acme.example",
      "another audience": await sign({ aud: "f".repeat(32) }),
      "another team": await sign({ iss: "https://evil.cloudflareaccess.com" }),
      expired: await sign({ exp: nowS - 60 }),
      "another key under the same id": await sign({}, other.privateKey),
      "an unknown key id": await sign({}, other.privateKey, { alg: "RS256", kid: "k2" }),
      unsigned: new UnsecuredJWT({}).setIssuer(ISSUER).setAudience(AUD).setIssuedAt().setExpirationTime("1h").encode(),
      "an HMAC with the public key": await new SignJWT({})
        .setProtectedHeader({ alg: "HS256", kid: "k1" })
        .setIssuer(ISSUER)
        .setAudience(AUD)
        .setIssuedAt()
        .setExpirationTime("1h")
        .sign(shared),
      altered: `${good.slice(0, -8)}AAAAAAAA`,
      twice: `${good}, ${good}`,
    };
    for (const [name, assertion] of Object.entries(cases)) {
      const answer = await withAssertion(assertion);
      expect(answer.status, name).toBe(401);
      expect(await answer.json(), name).toMatchObject({ code: "unauthenticated" });
    }
    const cookieOnly = { Authorization: `Bearer ${operatorKey()}`, Cookie: `CF_Authorization=${good}` };
    expect((await ask("/v1/partners", cookieOnly)).status).toBe(401);
  });

  it("is no key by itself, and asks nothing of a partner's key", async () => {
    const assertion = await sign();
    expect((await ask("/v1/partners", { "Cf-Access-Jwt-Assertion": assertion })).status).toBe(401);
    const answer = await ask(`/v1/partners/${partner}`, { Authorization: `Bearer ${partnerKey}` });
    expect(answer.status).toBe(200);
    const { key: reader } = await createKey(null, ["cards:read"]);
    expect((await withAssertion(assertion, reader)).status).toBe(403);
  });

  it("guards the console and nothing else", async () => {
    for (const path of ["/console", "/console/", "/console/batches"]) {
      expect((await ask(path, {})).status, path).toBe(401);
      expect((await ask(path, { "Cf-Access-Jwt-Assertion": await sign() })).status, path).not.toBe(401);
    }
    expect((await ask("/problems", {})).status).toBe(200);
  });

  it("answers 503 while the team's keys cannot be had, and works again after", async () => {
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    const failures = [
      async () => new Response("no", { status: 500 }),
      async () => new Response("<html>"),
      async () => Response.json({ keys: "none" }),
      async () => {
        throw new TypeError("network");
      },
      async () => {
        throw new DOMException("late", "TimeoutError");
      },
    ];
    for (const failure of failures) {
      certs.mockImplementationOnce(failure);
      expect((await withAssertion(await sign())).status).toBe(503);
    }
    expect((await withAssertion(await sign())).status).toBe(200);
  });

  it("stops a deployment that sets only half of it, and names the other half", async () => {
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    for (const [half, missing] of [
      [{ ACCESS_TEAM_DOMAIN: TEAM }, "ACCESS_AUD is missing"],
      [{ ACCESS_AUD: AUD }, "ACCESS_TEAM_DOMAIN is missing"],
    ] as const) {
      const answer = await app.request(new URL("/healthz", env.PUBLIC_ORIGIN), {}, { ...env, ...half });
      expect(answer.status).toBe(500);
      expect(await answer.text()).toContain(missing);
    }
  });
});

describe("without Cloudflare Access", () => {
  it("trusts no such header", async () => {
    guarded = { ...env };
    const answer = await ask("/v1/partners", { "Cf-Access-Jwt-Assertion": await sign() });
    expect(answer.status).toBe(401);
    expect((await withAssertion("anything")).status).toBe(200);
    expect(certs).not.toHaveBeenCalled();
  });
});
