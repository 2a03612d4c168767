import { env, exports } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import { readCode } from "../../src/domain/code/read.ts";
import { unsealCode } from "../../src/domain/code/seal.ts";
import { configOf } from "../../src/config.ts";
import { operatorKey, call, fresh } from "../support/api.ts";
import { createPartner, createPartnerKey, createProfile, createTrunk } from "../support/catalogue.ts";

type Row = { serial: string; code: string; link: string };

let key: string;
let brand: string;
let profile: string;
beforeAll(async () => {
  const partner = await createPartner();
  key = await createPartnerKey(partner);
  profile = await createProfile(partner, await createTrunk([partner]));
  brand = fresh("brand");
  await call("PUT", `/v1/brands/${brand}`, { key, body: { name: "Acme" } });
});

async function issue(quantity: number, overrides: Record<string, unknown> = {}): Promise<number> {
  const { status, body, text } = await call<{ number: number }>("POST", "/v1/batches", {
    key,
    headers: { "Idempotency-Key": fresh("order") },
    body: {
      brand,
      profile,
      kind: "card",
      quantity,
      credit: { amount: "1.00", currency: "EUR" },
      expiry: { daysAfterFirstUse: 30 },
      ...overrides,
    },
  });
  expect(status, text).toBe(201);
  return body.number;
}

const sheet = (number: number, query = "", accept = "application/x-ndjson", as = key) =>
  call<{ items: Row[] }>("GET", `/v1/batches/${number}/codes${query}`, { key: as, headers: { Accept: accept } });

const rowsOf = (text: string): Row[] =>
  text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Row);

const touch = (batch: number, card: number) =>
  env.DB.prepare(
    `INSERT INTO cards (batch, card, version, status, available_micros, held_micros, spent_micros, reversed_micros,
      expired_micros, credits_micros, debt_micros, devices, open_holds, changed_at_ms, projected_at_ms)
     VALUES (?, ?, 1, 'active', 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0)`,
  )
    .bind(batch, card)
    .run();

describe("a sheet", () => {
  it("holds 20,000 distinct codes that all unseal to their serials", async () => {
    const number = await issue(20_000);
    const { text, status } = await sheet(number);
    expect(status).toBe(200);
    const rows = rowsOf(text);
    expect(new Set(rows.map(({ code }) => code)).size).toBe(20_000);
    const keys = configOf(env).codeKeys;
    rows.forEach(({ serial, code, link }, index) => {
      const read = readCode(code);
      if (!read.ok) throw new Error(`${serial} does not read`);
      const [opening] = unsealCode(read.value, keys);
      if (opening?.batch !== number || opening.card !== index + 1 || opening.keyId !== keys[0]?.id)
        throw new Error(`${serial} opens to something else`);
      if (link !== `${env.PUBLIC_ORIGIN}/r#${code}`) throw new Error(`${serial} has another link`);
    });
  });

  it("is the same again, and in parts", async () => {
    const number = await issue(5000);
    const whole = rowsOf((await sheet(number)).text);
    const parts = [
      ...rowsOf((await sheet(number, "?to=1234")).text),
      ...rowsOf((await sheet(number, "?from=1235&to=1235")).text),
      ...rowsOf((await sheet(number, "?from=1236")).text),
    ];
    expect(parts).toEqual(whole);
    expect(whole[0]?.serial).toBe(`${String(number).padStart(6, "0")}-0000001`);
  });

  it("is CSV by default, with a harmless name whatever the label", async () => {
    const number = await issue(3, { label: '=cmd|"/C calc"!A1";\'../../x' });
    for (const accept of ["*/*", "", "text/csv", "image/png"]) {
      const { text, headers } = await sheet(number, "", accept);
      const lines = text.split("\r\n");
      expect(lines[0]).toBe("serial,code,link");
      expect(lines).toHaveLength(5);
      expect(lines[1]).toMatch(/^\d{6}-\d{7},(?:[0-9A-Z]{4}-){3}[0-9A-Z]{4},https:/);
      expect(headers.get("Content-Type")).toBe("text/csv; charset=utf-8; header=present");
      expect(headers.get("Content-Disposition")).toBe(
        `attachment; filename="batch-${String(number).padStart(6, "0")}-cards-1-3.csv"`,
      );
      expect(headers.get("Cache-Control")).toBe("no-store");
    }
  });

  it("is JSON when asked for", async () => {
    const number = await issue(3);
    const { body, headers } = await sheet(number, "", "application/json");
    expect(body.items).toEqual(rowsOf((await sheet(number)).text));
    expect(headers.get("Content-Type")).toBe("application/json");
  });

  it("prints keypad codes in digits", async () => {
    const rows = rowsOf((await sheet(await issue(5, { format: "keypad18" }))).text);
    for (const { code } of rows) expect(code).toMatch(/^\d{6}-\d{6}-\d{6}$/);
  });

  it("can be left half read", async () => {
    const number = await issue(1_000_000, { credit: { amount: "0.01", currency: "EUR" } });
    const response = await exports.default.fetch(
      new Request(`${env.PUBLIC_ORIGIN}/v1/batches/${number}/codes`, { headers: { Authorization: `Bearer ${key}` } }),
    );
    const reader = response.body!.getReader();
    expect((await reader.read()).value?.length).toBeLessThan(80_000);
    await reader.cancel();
  });
});

describe("touched cards", () => {
  it("are left out, but for an operator with a reason", async () => {
    const number = await issue(10);
    await touch(number, 1);
    await touch(number, 7);
    await touch(number + 1, 3);
    const rows = rowsOf((await sheet(number)).text);
    expect(rows.map(({ serial }) => Number(serial.slice(-7)))).toEqual([2, 3, 4, 5, 6, 8, 9, 10]);
    expect((await sheet(number, "", "application/json")).body.items).toEqual(rows);
    const all = await sheet(number, "?includeTouched=true&reason=lost%20sheet", undefined, operatorKey());
    expect(rowsOf(all.text)).toHaveLength(10);
    expect((await sheet(number, "?includeTouched=true", undefined, operatorKey())).status).toBe(422);
    expect((await sheet(number, "?includeTouched=true&reason=x")).body).toMatchObject({ code: "insufficient_scope" });
    await touch(number, 2);
    expect((await sheet(number, "?to=2", "application/json")).body.items).toEqual([]);
  });
});

describe("ranges", () => {
  it.each([
    "?from=0",
    "?from=11",
    "?to=11",
    "?from=5&to=4",
    "?from=1.5",
    "?from=x",
    "?from=-1",
    "?to=1e9",
    "?from=1&from=2",
    "?other=1",
  ])("are not %s", async (query) => expect((await sheet(await issue(10), query)).status).toBe(422));

  it("have at most a million rows", async () => {
    const number = await issue(1_000_001, { credit: { amount: "0.01", currency: "EUR" } });
    expect((await sheet(number)).status).toBe(422);
    expect((await sheet(number, "?from=1000001")).status).toBe(200);
  });
});

describe("a retired code key", () => {
  it("is said, instead of codes that open nothing", async () => {
    const number = await issue(3);
    await env.DB.prepare("UPDATE batches SET key_id = '9' WHERE number = ?").bind(number).run();
    const { status, body } = await sheet(number);
    expect(status).toBe(422);
    expect((body as unknown as { detail: string }).detail).toMatch(/retired/);
  });
});
