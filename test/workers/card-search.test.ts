/** Searching touched cards and batches: every filter, alone and together, pages that miss nothing, counts, and no foreign row. */
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import { operatorKey, call } from "../support/api.ts";
import { createTenant, issue, order, project, type Tenant } from "../support/batches.ts";
import { comparable } from "../support/catalogue.ts";

type Page<T> = { items: T[]; nextCursor: string | null; total?: number | null; projection: { asOf: string | null } };
type Listed = { serial: string; batch: number; status: string; kind: string; mode: string; changedAt: string };

let acme: Tenant;
let other: Tenant;
let first: number;
let second: number;
let foreign: number;

const DAY_MS = 86_400_000;
const day = (number: number) => new Date(number * DAY_MS).toISOString();
const serial = (batch: number, card: number) => `${String(batch).padStart(6, "0")}-${String(card).padStart(7, "0")}`;

/** Cards 1…6 of a batch; card n changed on day n. Card 4 is blocked. */
async function fill(batch: number): Promise<void> {
  for (let card = 1; card <= 6; card += 1) {
    await project(batch, card, { credits: 1_000_000 });
    await env.DB.prepare("UPDATE cards SET changed_at_ms = ?, status = ? WHERE batch = ? AND card = ?")
      .bind(card * DAY_MS, card === 4 ? "blocked" : "active", batch, card)
      .run();
  }
}

beforeAll(async () => {
  acme = await createTenant();
  other = await createTenant();
  first = (await issue(acme.key, order(acme))).body.number;
  second = (await issue(acme.key, order(acme, { mode: "test", label: "Easter 50%_x" }))).body.number;
  foreign = (await issue(other.key, order(other))).body.number;
  for (const batch of [first, second, foreign]) await fill(batch);
});

const search = (query: string, key = acme.key) => call<Page<Listed>>("GET", `/v1/cards${query}`, { key });
const serials = async (query: string, key?: string) => (await search(query, key)).body.items.map((item) => item.serial);

describe("cards", () => {
  it("are found by batch, status, serials, last activity and code key, together too", async () => {
    expect(await serials(`?batch=${first}`)).toEqual([1, 2, 3, 4, 5, 6].map((card) => serial(first, card)));
    expect(await serials("?status=blocked")).toEqual([serial(first, 4), serial(second, 4)]);
    expect(await serials(`?from=${serial(first, 5)}&to=${serial(second, 2)}`)).toEqual([
      serial(first, 5),
      serial(first, 6),
      serial(second, 1),
      serial(second, 2),
    ]);
    expect(await serials(`?batch=${first}&changedFrom=${day(3)}&changedBefore=${day(5)}`)).toEqual([
      serial(first, 3),
      serial(first, 4),
    ]);
    expect(await serials(`?batch=${first}&status=active&from=${serial(first, 4)}&changedBefore=${day(6)}`)).toEqual([
      serial(first, 5),
    ]);
    expect(await serials(`?batch=${first}&codeKey=2`)).toHaveLength(6);
    expect(await serials(`?batch=${first}&codeKey=1`)).toEqual([]);
  });

  it("say how many there are on the first page, and every page comes once", async () => {
    const pages = [await search("?limit=5&status=active")];
    for (let cursor = pages[0]?.body.nextCursor; cursor; cursor = pages.at(-1)?.body.nextCursor ?? null)
      pages.push(await search(`?limit=5&status=active&cursor=${encodeURIComponent(cursor)}`));
    expect(pages.map(({ body }) => body.total)).toEqual([10, undefined]);
    const all = pages.flatMap(({ body }) => body.items.map((item) => item.serial));
    expect(all).toEqual(await serials("?status=active"));
    const stolen = encodeURIComponent(pages[0]?.body.nextCursor ?? "");
    for (const query of ["?limit=5", `?limit=5&status=active&changedFrom=${day(1)}`, `?status=active&batch=${first}`])
      expect((await search(`${query}&cursor=${stolen}`)).status).toBe(422);
    expect((await search(`?limit=5&status=active&cursor=${stolen}`, other.key)).status).toBe(422);
  });

  it("do not count what would cost too much", async () => {
    await env.DB.prepare(
      `INSERT INTO cards (batch, card, version, status, available_micros, held_micros, spent_micros, reversed_micros,
        expired_micros, credits_micros, debt_micros, devices, open_holds, changed_at_ms, projected_at_ms)
       WITH RECURSIVE n(i) AS (SELECT 7 UNION ALL SELECT i + 1 FROM n WHERE i < 10007)
       SELECT ?, i, 1, 'active', 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0 FROM n`,
    )
      .bind(foreign)
      .run();
    expect((await search(`?batch=${foreign}&limit=1`, other.key)).body.total).toBeNull();
    expect((await search(`?from=${serial(foreign, 9000)}&limit=1`, other.key)).body.total).toBe(1008);
    expect((await search("?limit=1")).body.total).toBe(12);
  });

  it("show kind, mode and the age of what is shown", async () => {
    const { body } = await search(`?batch=${second}`);
    expect(body.items[0]).toMatchObject({ kind: "card", mode: "test", changedAt: "1970-01-02T00:00:00Z" });
    expect(body.projection).toHaveProperty("asOf");
  });

  it("of another partner are as many as of none", async () => {
    const same = async (one: string, two: string) =>
      expect(comparable(await search(one))).toEqual(comparable(await search(two)));
    await same(`?batch=${foreign}`, "?batch=33000000");
    await same(`?partner=${other.partner}`, "?partner=nobody");
    await same(`?from=${serial(foreign, 1)}`, "?from=30000000-0000001");
    expect(await serials(`?partner=${other.partner}&limit=1`, operatorKey())).toEqual([serial(foreign, 1)]);
  });

  it.each([
    "?from=1",
    "?from=000001-1",
    "?to=x",
    "?changedFrom=yesterday",
    "?changedBefore=2027-01-01",
    "?codeKey=x",
    "?when=1",
  ])("are not searched by %s", async (query) => {
    expect((await search(query)).body).toMatchObject({ code: "invalid_input" });
  });

  it("are not searched backwards", async () => {
    const answer = await search(`?from=${serial(second, 1)}&to=${serial(first, 9)}`);
    expect(answer).toMatchObject({ status: 422, body: { errors: [{ pointer: "/from" }] } });
  });
});

describe("batches", () => {
  const list = (query: string, key = acme.key) => call<Page<{ number: number }>>("GET", `/v1/batches${query}`, { key });
  const numbers = async (query: string) => (await list(query)).body.items.map(({ number }) => number);

  it("are found by kind, mode, currency, part of the label and time", async () => {
    expect(await numbers("?mode=test")).toEqual([second]);
    expect(await numbers("?mode=live&kind=card&currency=EUR")).toEqual([first]);
    expect(await numbers("?kind=voucher")).toEqual([]);
    expect(await numbers("?label=easter")).toEqual([second]);
    expect(await numbers(`?label=${encodeURIComponent("%_")}`)).toEqual([second]);
    expect(await numbers(`?label=${encodeURIComponent("%x")}`)).toEqual([]);
    const hourAgo = new Date(Date.now() - 3_600_000).toISOString();
    expect(await numbers(`?createdFrom=${hourAgo}`)).toEqual([second, first]);
    expect(await numbers(`?createdBefore=${hourAgo}`)).toEqual([]);
    expect((await list("?createdFrom=now")).status).toBe(422);
  });

  it("are counted on the first page", async () => {
    const page = await list("?limit=1");
    expect(page.body).toMatchObject({ total: 2, items: [{ number: second }] });
    const rest = await list(`?limit=1&cursor=${encodeURIComponent(page.body.nextCursor ?? "")}`);
    expect(rest.body.items).toMatchObject([{ number: first }]);
    expect(rest.body).not.toHaveProperty("total");
    expect((await list(`?partner=${other.partner}`)).body).toEqual((await list("?partner=nobody")).body);
  });
});
