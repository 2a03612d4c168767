/** A key over time and over isolates: what another isolate decides is obeyed here within the promised 60 s. */
import { env } from "cloudflare:workers";
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { call, operatorKey } from "../support/api.ts";
import { createTenant, issue, order, type Tenant } from "../support/batches.ts";
import { type CreatedKey, createKey, createPartner } from "../support/catalogue.ts";

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const PROMISED_MS = 60 * SECOND_MS;

let acme: Tenant;
beforeAll(async () => {
  acme = await createTenant();
});

let startMs: number;
beforeEach(() => {
  startMs = Date.now();
  vi.useFakeTimers({ toFake: ["Date"], now: startMs });
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

const after = (ms: number) => vi.setSystemTime(startMs + ms);
const statusOf = async ({ key }: CreatedKey, path = "/v1/batches") => (await call("GET", path, { key })).status;
/** As another isolate writes it: this one is not told. */
const elsewhere = (statement: string, ...values: unknown[]) =>
  env.DB.prepare(statement)
    .bind(...values)
    .run();

describe("what another isolate decided", () => {
  it("ends a revoked key within 60 s", async () => {
    const key = await createKey(acme.partner, ["catalogue:read"]);
    expect(await statusOf(key)).toBe(200);
    await elsewhere("UPDATE api_keys SET revoked_at_ms = ? WHERE id = ?", startMs, key.id);
    after(29 * SECOND_MS);
    expect(await statusOf(key)).toBe(200);
    after(PROMISED_MS - 1);
    expect(await statusOf(key)).toBe(401);
  });

  it("ends a revoked key however often it is used meanwhile", async () => {
    const key = await createKey(acme.partner, ["catalogue:read"]);
    const statuses: number[] = [];
    await statusOf(key);
    await elsewhere("UPDATE api_keys SET revoked_at_ms = ? WHERE id = ?", startMs, key.id);
    for (let seconds = 0; seconds < 60; seconds += 5) {
      after(seconds * SECOND_MS);
      statuses.push(await statusOf(key));
    }
    expect(statuses.slice(0, 6)).toEqual(Array.from({ length: 6 }, () => 200));
    expect(statuses.slice(6)).toEqual(Array.from({ length: 6 }, () => 401));
  });

  it("shuts out a suspended partner within 60 s", async () => {
    const partner = await createPartner();
    const key = await createKey(partner, ["catalogue:read"]);
    expect(await statusOf(key)).toBe(200);
    await elsewhere("UPDATE partners SET status = 'suspended' WHERE id = ?", partner);
    after(PROMISED_MS - 1);
    expect(await statusOf(key)).toBe(403);
  });
});

describe("expiry", () => {
  it("ends a key at its very instant, though it was just looked up", async () => {
    const expiresAtMs = Math.floor(startMs / SECOND_MS) * SECOND_MS + 10 * SECOND_MS;
    const key = await createKey(acme.partner, ["catalogue:read"], { expiresAt: new Date(expiresAtMs).toISOString() });
    vi.setSystemTime(expiresAtMs - 1);
    expect(await statusOf(key)).toBe(200);
    vi.setSystemTime(expiresAtMs);
    expect(await statusOf(key)).toBe(401);
  });

  it("is passed on: a key that expires makes none that lives longer", async () => {
    const expiresAt = new Date(startMs + 10 * MINUTE_MS).toISOString();
    const { key } = await createKey(acme.partner, ["keys:write", "cards:read"], { expiresAt });
    const make = (of: object) =>
      call("POST", `/v1/partners/${acme.partner}/keys`, { key, body: { name: "Shop", scopes: ["cards:read"], ...of } });
    const longer = new Date(startMs + 11 * MINUTE_MS).toISOString();
    for (const refused of [{}, { expiresAt: longer }])
      expect(await make(refused)).toMatchObject({ status: 403, body: { code: "insufficient_scope" } });
    expect((await make({ expiresAt })).status).toBe(201);
  });
});

describe("last use", () => {
  const lastUse = async ({ id }: CreatedKey) => {
    const { body } = await call<{ items: { id: string; lastUsedAt: string | null }[] }>(
      "GET",
      `/v1/partners/${acme.partner}/keys?limit=200`,
      { key: operatorKey() },
    );
    return body.items.find((item) => item.id === id)?.lastUsedAt;
  };
  const rfc3339 = (ms: number) => `${new Date(ms).toISOString().slice(0, 19)}Z`;

  it("is noted after the answer, at most every ten minutes", async () => {
    const key = await createKey(acme.partner, ["catalogue:read"]);
    expect(await lastUse(key)).toBeNull();
    await statusOf(key);
    await expect.poll(() => lastUse(key)).toBe(rfc3339(startMs));
    for (const minutes of [1, 5, 9]) {
      after(minutes * MINUTE_MS);
      await statusOf(key);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(await lastUse(key)).toBe(rfc3339(startMs));
    after(10 * MINUTE_MS);
    await statusOf(key);
    await expect.poll(() => lastUse(key)).toBe(rfc3339(startMs + 10 * MINUTE_MS));
  });

  it("never costs a request anything: not when D1 fails, and no call when warm", async () => {
    const key = await createKey(acme.partner, ["cards:read"]);
    const { body } = await issue(acme.key, order(acme));
    const card = `/v1/cards/${String(body["firstSerial"])}`;
    expect(await statusOf(key, card)).toBe(200);
    await expect.poll(() => lastUse(key)).not.toBeNull();
    const d1 = vi.spyOn(env.DB, "withSession").mockImplementation(() => {
      throw new Error("D1 is down");
    });
    expect(await statusOf(key, card)).toBe(200);
    expect(d1).not.toHaveBeenCalled();
    d1.mockRestore();
    after(10 * MINUTE_MS);
    // The key's record is read again; writing its use then fails, and nobody notices.
    await elsewhere(
      "CREATE TRIGGER no_use BEFORE UPDATE OF last_used_at_ms ON api_keys BEGIN SELECT RAISE(ABORT, 'no'); END",
    );
    expect(await statusOf(key, card)).toBe(200);
    await new Promise((resolve) => setTimeout(resolve, 50));
    await elsewhere("DROP TRIGGER no_use");
    expect(await lastUse(key)).toBe(rfc3339(startMs));
  });
});
