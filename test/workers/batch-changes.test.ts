import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import { operatorKey, call } from "../support/api.ts";
import { type Body, type BatchBody, type Tenant, createTenant, order, issue } from "../support/batches.ts";
import { comparable, createKey } from "../support/catalogue.ts";

let acme: Tenant;
let other: Tenant;
beforeAll(async () => {
  acme = await createTenant();
  other = await createTenant();
});

const change = (number: number, body: Body, key = acme.key) =>
  call<BatchBody>("PATCH", `/v1/batches/${number}`, { key, body });
const standing = (number: number) =>
  env.DB.prepare("SELECT standing_version AS version, status, recalled_ranges AS ranges FROM batches WHERE number = ?")
    .bind(number)
    .first<{ version: number; status: string; ranges: string }>();
const issued = async () => (await issue(acme.key, order(acme))).body.number;

const batchesOf = async (partner: string) =>
  comparable(await call("GET", `/v1/batches?partner=${partner}`, { key: acme.key }));

describe("changes", () => {
  it("pause, resume and recall; repeating changes nothing", async () => {
    const number = await issued();
    expect((await change(number, { status: "paused" })).body["status"]).toBe("paused");
    expect((await change(number, { status: "paused" })).status).toBe(200);
    expect(await standing(number)).toMatchObject({ version: 2, status: "paused" });
    expect((await change(number, { status: "active" })).body["status"]).toBe("active");
    expect((await change(number, { status: "recalled" })).body["status"]).toBe("recalled");
    expect((await change(number, { status: "active" })).status).toBe(422);
    expect((await change(number, { status: "recalled" })).status).toBe(200);
    expect(await standing(number)).toMatchObject({ version: 4, status: "recalled" });
  });

  it("recall cards, and merge what was recalled", async () => {
    const number = await issued();
    expect((await change(number, { status: "recalled", from: 10, to: 20 })).body["status"]).toBe("active");
    await change(number, { status: "recalled", from: 21, to: 30 });
    await change(number, { status: "recalled", from: 50, to: 50 });
    expect(await standing(number)).toMatchObject({ version: 4, status: "active", ranges: "[[10,30],[50,50]]" });
  });

  it("are all kept when they come at once", async () => {
    const number = await issued();
    const cards = Array.from({ length: 30 }, (_, index) => 2 * index + 1);
    const answers = await Promise.all(cards.map((at) => change(number, { status: "recalled", from: at, to: at })));
    expect(answers.map(({ status }) => status)).toEqual(cards.map(() => 200));
    const ranges = JSON.stringify(cards.map((at) => [at, at]));
    expect(await standing(number)).toMatchObject({ version: 31, ranges });
  });

  it.each<[Body]>([
    [{ status: "closed" }],
    [{}],
    [{ status: "paused", from: 1, to: 2 }],
    [{ status: "recalled", from: 1 }],
    [{ status: "recalled", from: 5, to: 4 }],
    [{ status: "recalled", from: 0, to: 4 }],
    [{ status: "recalled", from: 1, to: 101 }],
    [{ status: "active", quantity: 5 }],
  ])("refuse %j", async (body) => {
    expect((await change(await issued(), body)).status).toBe(422);
  });
});

describe("lists", () => {
  it("page newest first, with filters", async () => {
    const tenant = await createTenant();
    const numbers: number[] = [];
    for (let i = 0; i < 5; i++) numbers.push((await issue(tenant.key, order(tenant))).body.number);
    await call("PATCH", `/v1/batches/${numbers[1]}`, { key: tenant.key, body: { status: "paused" } });
    type Page = { items: Body[]; nextCursor: string | null };
    const page = (query: string, key = tenant.key) => call<Page>("GET", `/v1/batches${query}`, { key });
    const first = await page("?limit=3");
    const second = await page(`?limit=3&cursor=${first.body.nextCursor}`);
    expect([...first.body.items, ...second.body.items].map((item) => item["number"])).toEqual(numbers.toReversed());
    expect(second.body.nextCursor).toBeNull();
    expect((await page("?status=paused")).body.items.map((item) => item["number"])).toEqual([numbers[1]]);
    expect((await page(`?brand=${acme.brand}`)).body.items).toEqual([]);
    expect((await page(`?partner=${tenant.partner}`, operatorKey())).body.items).toHaveLength(5);
    expect((await page(`?limit=3&status=active&cursor=${first.body.nextCursor}`)).status).toBe(422);
  });
});

describe("tenancy", () => {
  it("shows a foreign batch as absent, in every call", async () => {
    const foreign = (await issue(other.key, order(other))).body.number;
    const absent = 33_000_000;
    for (const [method, path, body] of [
      ["GET", "", undefined],
      ["PATCH", "", { status: "recalled" }],
      ["GET", "/codes", undefined],
    ] as const) {
      const ask = (number: number) =>
        call(method, `/v1/batches/${number}${path}`, { key: acme.key, ...(body && { body }) });
      expect(comparable(await ask(foreign))).toEqual(comparable(await ask(absent)));
      expect((await ask(foreign)).status).toBe(404);
    }
    expect((await call<Body>("GET", `/v1/batches/${foreign}`, { key: other.key })).body["status"]).toBe("active");
  });

  it.each(["partner", "brand", "profile"] as const)("refuses a foreign %s as an unknown one", async (field) => {
    const ask = async (value: string) => {
      const answer = await issue(acme.key, order(acme, { [field]: value }));
      return comparable(answer);
    };
    expect(await ask(other[field])).toEqual(await ask("nobody"));
  });

  it("lists nothing of a foreign partner", async () => {
    expect(await batchesOf(other.partner)).toEqual(await batchesOf("nobody"));
  });

  it("needs the scopes", async () => {
    const { key } = await createKey(acme.partner, ["catalogue:read"]);
    expect((await issue(key, order(acme))).status).toBe(403);
    expect((await call("GET", "/v1/batches/1/codes", { key })).status).toBe(403);
    expect((await call("GET", "/v1/batches", { key })).status).toBe(200);
    expect((await issue("rf_nobody_x", order(acme))).status).toBe(401);
  });

  it.each(["0", "01", "1.0", "abc", "-1", "99999999", "1e3", "%2e%2e"])("has no batch %s", async (number) => {
    expect((await call("GET", `/v1/batches/${number}`, { key: acme.key })).status).toBe(404);
  });
});
