import * as fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import { err, ok } from "../../../src/domain/result.ts";
import { type Call, type Problem, readProblem, type Send } from "../../../src/web/api.ts";
import { createSession } from "../../../src/web/session.ts";
import {
  DEVICE_KEY,
  deviceIdOf,
  type KeyValue,
  parseDeviceId,
  parseSession,
  reliableStore,
  serialiseSession,
  SESSION_KEY,
} from "../../../src/web/stored.ts";

function memoryStore(): KeyValue {
  const values = new Map<string, string>();
  return {
    getItem: (key) => values.get(key) ?? null,
    setItem: (key, value) => void values.set(key, value),
    removeItem: (key) => void values.delete(key),
  };
}

const refusal = (status: number, code: string): Problem => readProblem(status, { code, title: code }, null);
const card = (status = "active") => ({
  card: { serial: "000012-0000345", status, expiresAt: null, device: 1 },
  balance: { available: "10.00", held: "0.00", currency: "EUR" },
});
const sip = {
  sip: {
    domain: "sip.acme.example",
    username: "u",
    credentials: [
      { type: "bearer" },
      { type: "digest", username: "1:u", password: "p", expiresAt: "2027-01-01T00:00:00Z" },
    ],
  },
};
const refreshToken = (generation: number) => `refresh-token-number-${generation}`;

/** A small service: tokens turn over, and every call is kept for a look. */
function service(override: (call: Call) => ReturnType<Send> | undefined = () => undefined) {
  const calls: Call[] = [];
  let generation = 1;
  const send: Send = async (call) => {
    calls.push(call);
    const own = override(call);
    if (own) return own;
    if (call.path === "/v1/redeem")
      return ok({
        ...card(),
        provisioning: sip,
        branding: { brand: "acme", version: 1, name: "Acme" },
        tokens: { accessToken: "access-token-of-redeem", expiresIn: 600, refreshToken: refreshToken(generation) },
      });
    if (call.path === "/v1/token") {
      generation += 1;
      return ok({
        access_token: `access-token-number-${generation}`,
        expires_in: 600,
        refresh_token: refreshToken(generation),
      });
    }
    if (call.path === "/v1/me") return ok({ ...card(), brand: { brand: "acme", version: 1 } });
    return call.path === "/v1/me/sip-credentials" ? ok(sip) : ok(null);
  };
  return { send, calls };
}

describe("a session", () => {
  let store: KeyValue;
  let nowMs: number;
  let lock: Promise<unknown>;
  const open = (send: Send) =>
    createSession({
      send,
      store,
      now: () => nowMs,
      deviceName: "Browser",
      exclusively: (task) => {
        const run = lock.then(task, task);
        lock = run;
        return run;
      },
    });
  beforeEach(() => {
    store = memoryStore();
    nowMs = 0;
    lock = Promise.resolve();
  });

  it("redeems by POST with one lasting device id, and keeps no access token", async () => {
    const { send, calls } = service();
    const first = await open(send).redeem("CODE");
    await open(send).redeem("CODE");
    expect(first).toMatchObject({ ok: true, value: { sip: { login: { username: "1:u", password: "p" } } } });
    const ids = calls.map(({ body }) => (body as { device: { id: string } }).device.id);
    expect(ids[0]).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(ids[1]).toBe(ids[0]);
    expect(calls.every(({ method, path }) => method === "POST" && !path.includes("CODE"))).toBe(true);
    expect(store.getItem(SESSION_KEY)).not.toContain("access-token");
    expect(store.getItem(SESSION_KEY)).not.toContain("CODE");
  });

  it("comes back after a reload with a single refresh", async () => {
    const { send, calls } = service();
    await open(send).redeem("CODE");
    expect(await open(send).restore()).toMatchObject({
      ok: true,
      value: { branding: { name: "Acme" }, sip: { domain: "sip.acme.example" } },
    });
    expect(calls.filter(({ path }) => path === "/v1/token")).toHaveLength(1);
    expect(parseSession(store.getItem(SESSION_KEY))?.refreshToken).toBe(refreshToken(2));
  });

  it("uses the token another tab has refreshed", async () => {
    const { send, calls } = service();
    const [one, other] = [open(send), open(send)];
    await one.redeem("CODE");
    await other.look();
    nowMs += 600_000;
    await one.look();
    expect(calls.filter(({ path }) => path === "/v1/token").map(({ body }) => body?.["refresh_token"])).toEqual([
      refreshToken(1),
      refreshToken(2),
    ]);
  });

  it.each(["invalid_grant", "device_signed_out", "credential_revoked"])("ends with %s", async (code) => {
    const { send } = service(({ path }) =>
      path === "/v1/token" ? Promise.resolve(err(refusal(400, code))) : undefined,
    );
    await open(send).redeem("CODE");
    expect(await open(send).restore()).toMatchObject({ ok: false, error: { code } });
    expect(store.getItem(SESSION_KEY)).toBeNull();
    expect(store.getItem(DEVICE_KEY)).not.toBeNull();
  });

  it.each(["try_again", "card_blocked", "card_recalled"])("stays through %s", async (code) => {
    const { send } = service(({ path }) =>
      path === "/v1/token" ? Promise.resolve(err(refusal(503, code))) : undefined,
    );
    await open(send).redeem("CODE");
    expect(await open(send).restore()).toMatchObject({ ok: false, error: { code } });
    expect(store.getItem(SESSION_KEY)).not.toBeNull();
  });

  it("shows an expired card without an account", async () => {
    const { send } = service(({ path }) => {
      if (path === "/v1/me") return Promise.resolve(ok({ ...card("expired"), brand: {} }));
      return path === "/v1/me/sip-credentials" ? Promise.resolve(err(refusal(410, "card_expired"))) : undefined;
    });
    await open(send).redeem("CODE");
    expect(await open(send).restore()).toMatchObject({ ok: true, value: { card: { status: "expired" }, sip: null } });
  });

  it("renews a stale token once, not for ever", async () => {
    const { send, calls } = service(({ path }) =>
      path === "/v1/me" ? Promise.resolve(err(refusal(401, "unauthenticated"))) : undefined,
    );
    const session = open(send);
    await session.redeem("CODE");
    expect(await session.look()).toMatchObject({ ok: false, error: { status: 401 } });
    expect(calls.filter(({ path }) => path === "/v1/me")).toHaveLength(2);
  });

  it("forgets the card after signing out, but not when that failed", async () => {
    const failing = service(({ method }) =>
      method === "DELETE" ? Promise.resolve(err(refusal(503, "try_again"))) : undefined,
    );
    await open(failing.send).redeem("CODE");
    expect((await open(failing.send).signOut()).ok).toBe(false);
    expect(store.getItem(SESSION_KEY)).not.toBeNull();
    expect((await open(service().send).signOut()).ok).toBe(true);
    expect(store.getItem(SESSION_KEY)).toBeNull();
  });
});

describe("what the browser kept", () => {
  it("reads hostile text as nothing, and never throws", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        expect(parseSession(text)).toBeNull();
        expect(parseDeviceId(text)).toBeNull();
      }),
    );
  });

  it.each([
    ["another version", { v: 2, refreshToken: refreshToken(1) }],
    ["no token", { v: 1 }],
    ["a short token", { v: 1, refreshToken: "x" }],
    ["a token with a line break", { v: 1, refreshToken: `${refreshToken(1)}\n` }],
  ])("drops %s", (_, value) => expect(parseSession(JSON.stringify(value))).toBeNull());

  it("checks a kept brand like a fresh one", () => {
    const path = `/assets/${"0".repeat(64)}.png`;
    const branding = {
      brand: "acme",
      version: 1,
      name: "Acme",
      logo: { path, width: 10, height: 10 },
      links: { website: "javascript:alert(1)", terms: "https://acme.example/" },
    };
    const session = parseSession(JSON.stringify({ v: 1, refreshToken: refreshToken(1), branding }));
    expect(session?.branding).toMatchObject({
      logo: { path },
      links: { website: null, terms: "https://acme.example/" },
    });
    expect(parseSession(session && serialiseSession(session))).toEqual(session);
    const elsewhere = { ...branding, logo: { path: "https://elsewhere.example/x.png", width: 1, height: 1 } };
    expect(
      parseSession(JSON.stringify({ v: 1, refreshToken: refreshToken(1), branding: elsewhere }))?.branding?.logo,
    ).toBeNull();
  });

  it("makes a new device id for a damaged one", () => {
    const store = memoryStore();
    store.setItem(DEVICE_KEY, "damaged");
    expect(deviceIdOf(store)).toMatch(/^[A-Za-z0-9_-]{43}$/);
  });

  it("lasts in memory while storage is refused", () => {
    const store = reliableStore(() => {
      throw new Error("refused");
    });
    store.setItem("key", "value");
    expect(store.getItem("key")).toBe("value");
    store.removeItem("key");
    expect(store.getItem("key")).toBeNull();
  });
});

const body = { code: "card_in_use", title: "In use", detail: "There.", retryable: false };
const page = (type: unknown) => readProblem(409, { ...body, type }, null).page;
const seconds = (header: string | null) => readProblem(429, body, header).retryAfterSeconds;

describe("problems", () => {
  it("link only to this origin's own explanations", () => {
    expect(page("https://api.example/problems/card-in-use")).toBe("/problems/card-in-use");
    expect([page("javascript:alert(1)"), page("https://elsewhere.example/"), page(7), page(undefined)]).toEqual([
      null,
      null,
      null,
      null,
    ]);
  });

  it("keep Retry-After within reason", () => {
    expect([
      seconds("5"),
      seconds("999999999"),
      seconds("-1"),
      seconds("Wed, 21 Oct 2026 07:28:00 GMT"),
      seconds(null),
    ]).toEqual([5, 3600, 0, 0, 0]);
  });

  it.each([null, "<html>", {}, []])("name an answer that is none: %j", (value) => {
    expect(readProblem(502, value, null)).toMatchObject({ code: "unreadable", isRetryable: true });
  });
});
