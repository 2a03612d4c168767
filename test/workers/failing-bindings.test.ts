/** What still works while a part of the platform does not, and what touches nothing at all. */
import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import { operatorKey, call } from "../support/api.ts";
import { createDeck, redeem, redeemed, refresh } from "../support/cards.ts";

const FOREVER = new Promise<never>(() => undefined);
/** Longer than anything an isolate may keep without asking again. */
const HOUR_MS = 3_600_000;

const downD1 = () =>
  vi.spyOn(env.DB, "withSession").mockImplementation(() => {
    throw new Error("D1 is down");
  });
const downKv = () => vi.spyOn(env.BRANDING, "get").mockRejectedValue(new Error("KV is down"));

/** Everything this isolate remembers is stale from here on. */
const forgetByTime = () => vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + HOUR_MS });

afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

describe("D1 down", () => {
  it("leaves warm redemptions, refreshes and balances untouched", async () => {
    const { codes } = await createDeck();
    const { tokens } = await redeemed(codes[0]);
    const d1 = downD1();
    expect((await redeem(codes[0])).status).toBe(200);
    expect((await redeem(codes[1])).status).toBe(200);
    expect((await call("GET", "/v1/me", { key: tokens.accessToken })).status).toBe(200);
    expect((await refresh(tokens.refreshToken)).status).toBe(200);
    expect(d1).not.toHaveBeenCalled();
  });

  it("makes a cold redemption 503 try_again, and the next one works", async () => {
    const { codes } = await createDeck();
    forgetByTime();
    const d1 = downD1();
    const kv = vi.spyOn(env.BRANDING, "get").mockResolvedValue(null as never);
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    const answer = await redeem(codes[0]);
    expect([answer.status, answer.body.code, answer.headers.get("Retry-After")]).toEqual([503, "try_again", "2"]);
    expect(d1).toHaveBeenCalled();
    expect(kv).toHaveBeenCalled();
    vi.restoreAllMocks();
    expect((await redeem(codes[0])).status).toBe(200);
  });

  it("hanging is cut off within its time limit", async () => {
    const { codes } = await createDeck();
    forgetByTime();
    vi.spyOn(env.BRANDING, "get").mockResolvedValue(null as never);
    vi.spyOn(env.DB, "withSession").mockReturnValue({
      prepare: () => ({ bind: () => ({ raw: () => FOREVER, all: () => FOREVER }) }),
    } as never);
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    const startedMs = performance.now();
    expect((await redeem(codes[0])).status).toBe(503);
    expect(performance.now() - startedMs).toBeLessThan(5000);
  });
});

describe("KV down", () => {
  it("falls through to D1", async () => {
    const { codes, brand } = await createDeck();
    forgetByTime();
    const kv = downKv();
    const answer = await redeem(codes[0]);
    expect(answer.status).toBe(200);
    expect(answer.body.branding.brand).toBe(brand);
    expect(kv).toHaveBeenCalled();
  });
});

describe("a brand that cannot be shown", () => {
  it("is nobody's look, never another brand's", async () => {
    const mine = await createDeck();
    const other = await createDeck();
    forgetByTime();
    const real = env.BRANDING.get.bind(env.BRANDING) as (key: string, options: unknown) => Promise<unknown>;
    vi.spyOn(env.BRANDING, "get").mockImplementation((async (key: string, options: unknown) => {
      if (!key.startsWith("brand/")) return real(key, options);
      return {
        ...((await real(`brand/1/${other.brand}`, options)) as object),
        brand: other.brand,
        partner: other.partner,
      };
    }) as never);
    const answer = await redeem(mine.codes[0]);
    expect(answer.status).toBe(200);
    expect(answer.body.branding).toMatchObject({ brand: mine.brand, version: 0, name: "Calling card" });
  });
});

describe("a code that was never issued", () => {
  it("touches no storage at all", async () => {
    const { codes } = await createDeck();
    const spies = [
      vi.spyOn(env.CARDS, "getByName"),
      vi.spyOn(env.DB, "withSession"),
      vi.spyOn(env.DB, "prepare"),
      vi.spyOn(env.BRANDING, "get"),
      vi.spyOn(env.CARD_EVENTS, "send"),
    ];
    for (const code of ["0000-0000-0000-0000", "7K3M-Q9TX-2WHD-PC4V", "0123-4567-89AB-CDEF"]) {
      expect(["code_unknown", "check_failed"]).toContain((await redeem(code)).body.code);
    }
    for (const spy of spies) expect(spy).not.toHaveBeenCalled();
    // The spies do see a genuine code, so the silence above means something.
    expect((await redeem(codes[0])).status).toBe(200);
    expect(spies[0]).toHaveBeenCalled();
  });
});

describe("the guessing budget", () => {
  const guess = (source: string) => redeem("0000-0000-0000-0000", "a", {}, { "CF-Connecting-IP": source });

  it("slows the source down after sixty failures and leaves genuine codes alone", async () => {
    const { codes } = await createDeck();
    const statuses = [];
    for (let index = 0; index < 65; index++) statuses.push((await guess("2001:db8:1:2::1")).status);
    expect(statuses.indexOf(429)).toBeGreaterThanOrEqual(59);
    const refused = await guess("2001:db8:1:2:ffff::9");
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get("Retry-After"))).toBeGreaterThan(0);
    expect((await guess("2001:db8:1:3::1")).status).toBe(404);
    const genuine = await redeem(codes[0], "a", {}, { "CF-Connecting-IP": "2001:db8:1:2::1" });
    expect(genuine.status).toBe(200);
  });

  it("does not count typos or refusals of genuine codes", async () => {
    const { codes } = await createDeck();
    const source = { "CF-Connecting-IP": "203.0.113.9" };
    await redeemed(codes[0]);
    for (let index = 0; index < 70; index++) {
      expect((await redeem(codes[0], "other", {}, source)).status).toBe(409);
      expect((await redeem("7K3M-Q9TX-2WHD-PC4", "a", {}, source)).status).toBe(422);
    }
    expect((await guess("203.0.113.9")).status).toBe(404);
  });
});

describe("an object that cannot answer", () => {
  it("is 503 and asked once more only when that may help", async () => {
    const { codes } = await createDeck();
    await redeemed(codes[0]);
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    const failing = (faults: object) => {
      const redeemMock = vi.fn(() => Promise.reject(Object.assign(new Error("object"), faults)));
      const spy = vi.spyOn(env.CARDS, "getByName").mockReturnValue({ redeem: redeemMock } as never);
      return { redeemMock, spy };
    };
    for (const [faults, calls] of [
      [{ retryable: true }, 2],
      [{ retryable: true, overloaded: true }, 1],
      [{}, 1],
    ] as const) {
      const { redeemMock, spy } = failing(faults);
      const answer = await redeem(codes[0]);
      expect([answer.status, answer.body.code]).toEqual([503, "try_again"]);
      expect(answer.headers.get("Retry-After")).toBe("2");
      expect(redeemMock).toHaveBeenCalledTimes(calls);
      // A stub that failed stays broken: every try has one of its own.
      expect(spy).toHaveBeenCalledTimes(calls);
      spy.mockRestore();
    }
  });
});

describe("logs", () => {
  it("never hold a code, key or token, whatever fails", async () => {
    const lines: unknown[] = [];
    for (const level of ["log", "info", "warn", "error", "debug"] as const)
      vi.spyOn(console, level).mockImplementation((...args) => void lines.push(...args));
    const { codes } = await createDeck();
    const { tokens } = await redeemed(codes[0]);
    forgetByTime();
    downD1();
    downKv();
    await redeem(codes[0]);
    await call("GET", "/v1/partners", { key: operatorKey() });
    await refresh(tokens.refreshToken);
    const text = lines.map(String).join("\n");
    expect(text).toContain("request_failed");
    for (const secret of [
      codes[0] ?? "",
      codes[0]?.replaceAll("-", "") ?? "",
      operatorKey(),
      tokens.refreshToken,
      tokens.accessToken,
    ])
      expect(text).not.toContain(secret);
  });
});
