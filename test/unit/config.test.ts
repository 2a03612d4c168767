import { describe, expect, it } from "vitest";
import { toBase64, toBase64Url } from "../../src/domain/encoding.ts";
import { ConfigError, configOf, parseConfig } from "../../src/config.ts";

/** 32 bytes in base64url that can be told from any other. */
const key = (byte: number): string => toBase64Url(new Uint8Array(32).fill(byte));

const pair = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, ["sign"]);
if (!("privateKey" in pair)) throw new Error("a pair");
const { kty, crv, x, y, d } = (await crypto.subtle.exportKey("jwk", pair.privateKey)) as JsonWebKey;
const signingKey = (changes: object = {}): string =>
  JSON.stringify({ jwk: { kty, crv, x, y, d }, x5c: ["dGVzdA=="], signFrom: "2026-01-01T00:00:00Z", ...changes });

type Settings = Record<string, unknown>;
const GOOD: Settings = {
  PUBLIC_ORIGIN: "https://api.ringfare.test",
  CODE_KEY_1: key(1),
  REFRESH_KEY_1: key(2),
  DATA_KEY_1: key(3),
  SIGNING_KEY_a1: signingKey(),
};

/** Good settings with some changed; `undefined` takes one away. */
const settings = (changes: Settings = {}): Settings =>
  Object.fromEntries(Object.entries({ ...GOOD, ...changes }).filter(([, value]) => value !== undefined));

function problemsOf(changes: Settings): readonly string[] {
  try {
    parseConfig(settings(changes));
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems;
  }
}

const many = (prefix: string, count: number): Settings =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`${prefix}${index + 1}`, key(index)]));

describe("configuration", () => {
  it("is read whole", () => {
    const config = parseConfig(settings({ ADMIN_API_KEY: "rf_x", PORTAL_DOMAIN: "portal.test", JURISDICTION: "eu" }));
    expect(config).toMatchObject({
      publicOrigin: "https://api.ringfare.test",
      isLocal: false,
      portalDomain: "portal.test",
      jurisdiction: "eu",
      adminApiKey: "rf_x",
    });
    expect([...config.hosts]).toEqual(["api.ringfare.test"]);
    expect(config.codeKeys).toEqual([{ id: "1", key: new Uint8Array(32).fill(1) }]);
    expect(config.refreshKeys).toEqual([{ id: "1", bytes: new Uint8Array(32).fill(2) }]);
    expect(config.dataKeys).toEqual([{ id: "1", bytes: new Uint8Array(32).fill(3) }]);
    expect(config.signingKeys).toMatchObject([{ kid: "a1", signFromMs: Date.parse("2026-01-01T00:00:00Z") }]);
  });

  it("may leave out what has a meaning when absent", () => {
    for (const absent of [undefined, ""])
      expect(
        parseConfig(settings({ ADMIN_API_KEY: absent, PORTAL_DOMAIN: absent, JURISDICTION: absent })),
      ).toMatchObject({ adminApiKey: null, portalDomain: null, jurisdiction: null });
  });

  it("puts Cloudflare Access in front only as a whole", () => {
    const access = { ACCESS_TEAM_DOMAIN: "acme.cloudflareaccess.com", ACCESS_AUD: "0123456789abcdef" };
    expect(parseConfig(settings()).access).toBeNull();
    expect(parseConfig(settings(access)).access).toEqual({
      teamDomain: "acme.cloudflareaccess.com",
      aud: "0123456789abcdef",
    });
    for (const [name, value, words] of [
      ["ACCESS_TEAM_DOMAIN", undefined, "ACCESS_TEAM_DOMAIN is missing"],
      ["ACCESS_AUD", "", "ACCESS_AUD is missing"],
      ["ACCESS_TEAM_DOMAIN", "https://acme.cloudflareaccess.com", "ACCESS_TEAM_DOMAIN must be a host"],
      ["ACCESS_TEAM_DOMAIN", "cloudflareaccess.com.evil.example", "ACCESS_TEAM_DOMAIN must be a host"],
      ["ACCESS_AUD", "short", "ACCESS_AUD must be"],
    ] as const)
      expect(problemsOf({ ...access, [name]: value })).toEqual([expect.stringContaining(words)]);
  });

  it("keeps portals off the API's own name, and their upstreams off this machine", () => {
    for (const domain of [
      "api.ringfare.test",
      "ringfare.test",
      "Portal.test",
      "portal",
      "portal.test:8443",
      "*.portal.test",
    ])
      expect(problemsOf({ PORTAL_DOMAIN: domain }), domain).toHaveLength(1);
    expect(problemsOf({ PORTAL_INSECURE_UPSTREAMS: "true" })).toHaveLength(1);
    expect(problemsOf({ PORTAL_INSECURE_UPSTREAMS: "yes" })).toHaveLength(1);
    const local = { PUBLIC_ORIGIN: "http://127.0.0.1:8787", PORTAL_DOMAIN: "portal.localhost" };
    expect(parseConfig(settings({ ...local, PORTAL_INSECURE_UPSTREAMS: "true" }))).toMatchObject({
      portalDomain: "portal.localhost",
      insecureUpstreams: true,
    });
    expect(parseConfig(settings(local)).insecureUpstreams).toBe(false);
  });

  it("is parsed once for an environment", () => {
    const env = settings();
    expect(configOf(env)).toBe(configOf(env));
    const bad = settings({ PUBLIC_ORIGIN: "" });
    expect(() => configOf(bad)).toThrow(ConfigError);
    bad["PUBLIC_ORIGIN"] = GOOD["PUBLIC_ORIGIN"];
    expect(configOf(bad).publicOrigin).toBe(GOOD["PUBLIC_ORIGIN"]);
  });
});

describe("key rings", () => {
  it("put the highest number first, as a number", () => {
    const ring = settings({ CODE_KEY_1: undefined, CODE_KEY_9: key(9), CODE_KEY_10: key(10), CODE_KEY_2: key(2) });
    expect(parseConfig(ring).codeKeys.map(({ id }) => id)).toEqual(["10", "9", "2"]);
    const refresh = settings({ REFRESH_KEY_10: key(10), REFRESH_KEY_9: key(9) });
    expect(parseConfig(refresh).refreshKeys.map(({ id, bytes }) => [id, bytes[0]])).toEqual([
      ["10", 10],
      ["9", 9],
      ["1", 2],
    ]);
  });

  it("put the signing key that starts last first, whatever it is called", () => {
    const ring = settings({
      SIGNING_KEY_b: signingKey({ signFrom: "2026-03-01T00:00:00Z" }),
      SIGNING_KEY_0: signingKey({ signFrom: "2026-02-01T00:00:00Z" }),
    });
    expect(parseConfig(ring).signingKeys.map(({ kid }) => kid)).toEqual(["b", "0", "a1"]);
  });

  it("hold at most four code keys and eight of the others", () => {
    expect(problemsOf(many("CODE_KEY_", 4))).toEqual([]);
    expect(problemsOf(many("CODE_KEY_", 5))).toEqual([expect.stringContaining("CODE_KEY_<id>: at most 4")]);
    expect(problemsOf(many("REFRESH_KEY_", 8))).toEqual([]);
    expect(problemsOf(many("REFRESH_KEY_", 9))).toEqual([expect.stringContaining("REFRESH_KEY_<id>: at most 8")]);
    expect(problemsOf(many("DATA_KEY_", 9))).toEqual([expect.stringContaining("DATA_KEY_<id>: at most 8")]);
    const signing = Object.fromEntries(
      Array.from({ length: 8 }, (_, index) => [`SIGNING_KEY_k${index}`, signingKey()]),
    );
    expect(problemsOf(signing)).toEqual([expect.stringContaining("SIGNING_KEY_<kid>: at most 8")]);
  });
});

describe("a setting that is missing or bad", () => {
  it("is named, each one of them at once", () => {
    const absent = Object.fromEntries(Object.keys(GOOD).map((name) => [name, undefined]));
    const problems = problemsOf(absent);
    for (const name of ["PUBLIC_ORIGIN", "CODE_KEY_", "REFRESH_KEY_", "DATA_KEY_", "SIGNING_KEY_"])
      expect(
        problems.filter((problem) => problem.startsWith(name)),
        name,
      ).toHaveLength(1);
    expect(problems).toHaveLength(5);
  });

  it.each([
    "http://api.ringfare.test",
    "http://127.0.0.1.example",
    "http://localhost.example",
    "http://192.168.0.1",
    "https://api.ringfare.test/",
    "https://api.ringfare.test/v1",
    "https://user:pass@api.ringfare.test",
    "https://API.ringfare.test",
    "https://api.ringfare.test:443",
    "https://api.ringfare.test?x",
    "ftp://api.ringfare.test",
    "api.ringfare.test",
    "*",
    7,
  ])("is no origin: %j", (origin) => {
    expect(problemsOf({ PUBLIC_ORIGIN: origin })).toEqual([expect.stringMatching(/^PUBLIC_ORIGIN /)]);
  });

  it.each(["http://127.0.0.1:8787", "http://localhost:8787"])("is an origin on this machine: %s", (origin) => {
    const config = parseConfig(settings({ PUBLIC_ORIGIN: origin }));
    expect(config.isLocal).toBe(true);
    expect([...config.hosts].toSorted()).toEqual(["127.0.0.1:8787", "localhost:8787"]);
  });

  it.each([
    ["CODE_KEY_1", "short"],
    ["CODE_KEY_1", `${key(1)}A`],
    ["CODE_KEY_1", `${key(1).slice(0, -1)}=`],
    ["CODE_KEY_1", toBase64(new Uint8Array(32).fill(0xff))],
    ["CODE_KEY_1", ""],
    ["CODE_KEY_1", 7],
    ["CODE_KEY_01", key(1)],
    ["CODE_KEY_0", key(1)],
    ["CODE_KEY_", key(1)],
    ["CODE_KEY_x", key(1)],
    ["CODE_KEY_-1", key(1)],
    ["CODE_KEY_1e3", key(1)],
    ["REFRESH_KEY_1", "short"],
    ["DATA_KEY_1", "short"],
    ["SIGNING_KEY_a1", "not json"],
    ["SIGNING_KEY_a1", "null"],
    ["SIGNING_KEY_a1", signingKey({ jwk: { kty, crv, x, y } })],
    ["SIGNING_KEY_a1", signingKey({ jwk: { kty: "RSA", n: "x", e: "AQAB", d: "x" } })],
    ["SIGNING_KEY_a1", signingKey({ x5c: [] })],
    ["SIGNING_KEY_a1", signingKey({ signFrom: "yesterday" })],
    ["SIGNING_KEY_a1", signingKey({ extra: 1 })],
    ["SIGNING_KEY_a.b", signingKey()],
    ["SIGNING_KEY_", signingKey()],
    ["JURISDICTION", "mars"],
  ])("is named: %s = %j", (name, value) => {
    expect(problemsOf({ [name]: value })).toEqual([expect.stringMatching(new RegExp(`^${name} `))]);
  });

  it("never has its value shown", () => {
    const secret = "s3cr3t-value-that-must-not-show";
    for (const name of [...Object.keys(GOOD), "JURISDICTION", "CODE_KEY_x", "SIGNING_KEY_a.b"]) {
      const problems = problemsOf({ [name]: secret });
      expect(problems, name).toHaveLength(1);
      expect(new ConfigError(problems).message, name).not.toContain(secret);
    }
    const [problem = ""] = problemsOf({ SIGNING_KEY_a1: signingKey({ x5c: [] }) });
    expect(problem).not.toContain(d ?? "absent");
  });
});
