import { beforeAll, describe, expect, it } from "vitest";
import { operatorKey, call, fresh } from "../support/api.ts";
import { BAD_BODIES, expectRefused } from "../support/bad-input.ts";
import { type Body, type Tenant, createTenant, order, issue, countOf } from "../support/batches.ts";

let acme: Tenant;
let other: Tenant;
beforeAll(async () => {
  acme = await createTenant();
  other = await createTenant();
});

describe("issuing", () => {
  it("answers the order with everything filled in, for a partner's key", async () => {
    const { status, body, headers } = await issue(acme.key, order(acme, { label: "Spring" }));
    expect(status).toBe(201);
    expect(headers.get("Idempotency-Replayed")).toBeNull();
    const number = body.number;
    expect(body).toEqual({
      brand: acme.brand,
      profile: acme.profile,
      kind: "card",
      quantity: 100,
      credit: { amount: "10.00", currency: "EUR" },
      expiry: { daysAfterFirstUse: 365 },
      maxDevices: 1,
      format: "base32",
      activation: "issued",
      onExpiredTopUp: "refuse",
      graceDays: 0,
      mode: "live",
      label: "Spring",
      number,
      status: "active",
      firstSerial: `${String(number).padStart(6, "0")}-0000001`,
      lastSerial: `${String(number).padStart(6, "0")}-0000100`,
      guessOdds: {
        oneIn: expect.stringMatching(/^\d{20,}$/),
        guessesPerSecond: 10_000,
        yearsToOneExpectedHit: expect.any(Number),
      },
      liability: { amount: "1000.00", currency: "EUR" },
      createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
    });
    const read = await call("GET", `/v1/batches/${number}`, { key: acme.key });
    expect(read.status).toBe(200);
    expect(read.body).toEqual(body);
  });

  it("shows the partner to an operator's key, which must name it", async () => {
    const named = await issue(operatorKey(), order(acme, { partner: acme.partner }));
    expect(named.status).toBe(201);
    expect(named.body["partner"]).toBe(acme.partner);
    const unnamed = await issue(operatorKey(), order(acme));
    expect(unnamed.status).toBe(422);
    expect(unnamed.body["errors"]).toMatchObject([{ pointer: "/partner" }]);
  });

  it("writes one row for the largest batch", async () => {
    const before = await countOf(acme.partner);
    const { status, body } = await issue(
      acme.key,
      order(acme, { quantity: 33_554_431, credit: { amount: "0.01", currency: "EUR" } }),
    );
    expect(status).toBe(201);
    expect(body["lastSerial"]).toMatch(/-33554431$/);
    expect(await countOf(acme.partner)).toBe(before + 1);
  });

  it("issues vouchers with a bonus and without a profile", async () => {
    const { profile: _, ...voucher } = order(acme, {
      kind: "voucher",
      bonus: { minimumPayment: "5", addition: "1.5" },
    });
    const { status, body } = await issue(acme.key, voucher);
    expect(status).toBe(201);
    expect(body).not.toHaveProperty("profile");
    expect(body["bonus"]).toEqual({ minimumPayment: "5.00", addition: "1.50" });
    expect((await call<Body>("GET", `/v1/batches/${body.number}`, { key: acme.key })).body).toEqual(body);
  });

  it("keeps every number of the request", async () => {
    const full = {
      expiry: { at: "2099-12-31", daysAfterFirstUse: 30, daysAfterIssue: 400 },
      maxDevices: 3,
      activation: "on_sale",
      onExpiredTopUp: "revive",
      graceDays: 30,
      mode: "test",
    };
    const { status, body } = await issue(acme.key, order(acme, full));
    expect(status).toBe(201);
    expect(body).toMatchObject(full);
  });
});

describe("the Idempotency-Key", () => {
  it("gives the same batch and the same bytes again, however the order is spelled", async () => {
    const key = fresh("order");
    const first = await issue(acme.key, order(acme), key);
    await call("PATCH", `/v1/batches/${first.body.number}`, { key: acme.key, body: { status: "paused" } });
    await issue(acme.key, order(acme));
    const again = await issue(acme.key, order(acme, { maxDevices: 1, credit: { amount: "10", currency: "EUR" } }), key);
    expect(again.status).toBe(201);
    expect(again.headers.get("Idempotency-Replayed")).toBe("true");
    expect(again.text).toBe(first.text);
  });

  it("is refused for another order", async () => {
    const key = fresh("order");
    expect((await issue(acme.key, order(acme), key)).status).toBe(201);
    for (const change of [
      { quantity: 101 },
      { label: "x" },
      { credit: { amount: "10.01", currency: "EUR" } },
      { mode: "test" },
    ]) {
      const reused = await issue(acme.key, order(acme, change), key);
      expect(reused.status).toBe(422);
      expect(reused.body["code"]).toBe("id_reused");
    }
  });

  it("belongs to its owner: another partner and the operator may use the same", async () => {
    const key = fresh("order");
    const numbers = [
      await issue(acme.key, order(acme), key),
      await issue(other.key, order(other), key),
      await issue(operatorKey(), order(acme, { partner: acme.partner }), key),
    ].map(({ body }) => body.number);
    expect(new Set(numbers).size).toBe(3);
  });

  it("makes one batch of twenty equal requests at once", async () => {
    const key = fresh("order");
    const before = await countOf(acme.partner);
    const answers = await Promise.all(Array.from({ length: 20 }, () => issue(acme.key, order(acme), key)));
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 201));
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    expect(answers.filter(({ headers }) => headers.get("Idempotency-Replayed") === null)).toHaveLength(1);
    expect(await countOf(acme.partner)).toBe(before + 1);
  });

  it.each(['"quoted"', "", "two words", "a,b", "-dash", "x".repeat(129)])("is malformed as %j", async (key) => {
    const answer = await issue(acme.key, order(acme), key);
    expect(answer.status).toBe(400);
    expect(answer.body["code"]).toBe("bad_request");
  });

  it("is required", async () => {
    const answer = await call("POST", "/v1/batches", { key: acme.key, body: order(acme) });
    expect(answer.status).toBe(400);
    expect(answer.body).toMatchObject({ code: "bad_request" });
  });
});

describe("bad orders", () => {
  it.each<[string, Body, string]>([
    ["no cards", { quantity: 0 }, "/quantity"],
    ["fewer than none", { quantity: -1 }, "/quantity"],
    ["half a card", { quantity: 1.5 }, "/quantity"],
    ["a number as text", { quantity: "12" }, "/quantity"],
    ["too many", { quantity: 33_554_432 }, "/quantity"],
    ["too much together", { quantity: 33_554_431, credit: { amount: "268.3", currency: "EUR" } }, "/quantity"],
    ["no credit", { credit: { amount: "0.00", currency: "EUR" } }, "/credit/amount"],
    ["negative credit", { credit: { amount: "-1", currency: "EUR" } }, "/credit/amount"],
    ["credit as a number", { credit: { amount: 10, currency: "EUR" } }, "/credit/amount"],
    ["seven decimals", { credit: { amount: "1.0000001", currency: "EUR" } }, "/credit/amount"],
    ["no such currency", { credit: { amount: "1", currency: "XXQ" } }, "/credit/currency"],
    ["a currency in small letters", { credit: { amount: "1", currency: "eur" } }, "/credit/currency"],
    ["no expiry", { expiry: {} }, "/expiry"],
    ["a day that never was", { expiry: { at: "2027-02-30" } }, "/expiry/at"],
    ["a day with a time", { expiry: { at: "2099-01-01T00:00:00Z" } }, "/expiry/at"],
    ["a day that is over", { expiry: { at: "2026-01-01" } }, "/expiry/at"],
    ["a day too far away", { expiry: { at: "9999-12-31" } }, "/expiry/at"],
    ["no days", { expiry: { daysAfterIssue: 0 } }, "/expiry/daysAfterIssue"],
    ["too many days", { expiry: { daysAfterFirstUse: 36_501 } }, "/expiry/daysAfterFirstUse"],
    ["no devices", { maxDevices: 0 }, "/maxDevices"],
    ["a crowd", { maxDevices: 11 }, "/maxDevices"],
    ["an unknown format", { format: "base64" }, "/format"],
    ["a bonus on cards", { bonus: { minimumPayment: "0" } }, "/bonus"],
    ["a voucher with a profile", { kind: "voucher" }, "/profile"],
    ["cards without a profile", { profile: undefined }, "/profile"],
    ["a label with an override", { label: "a\u202Eb" }, "/label"],
    ["an unknown brand", { brand: "nobody" }, "/brand"],
    ["an unknown profile", { profile: "nothing" }, "/profile"],
    ["an unknown partner", { partner: "nobody" }, "/partner"],
    ["a field of ours", { number: 5 }, "/number"],
  ])("%s", async (_, change, pointer) => {
    const answer = await issue(acme.key, order(acme, change));
    expect(answer.status).toBe(422);
    expect(answer.body["code"]).toBe("invalid_input");
    expect((answer.body["errors"] as Body[]).map((error) => error["pointer"])).toEqual([pointer]);
  });

  it.each(Object.keys(BAD_BODIES).filter((name) => !/name|NUL|surrogate|override/.test(name)))("%s", async (name) => {
    await expectRefused(
      name,
      { method: "POST", path: "/v1/batches", key: acme.key, body: order(acme) },
      { "Idempotency-Key": fresh("order") },
    );
  });
});
