/** Reports: exact sums over batches and touched cards, whose they are, and how old they say they are. */
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { operatorKey, call } from "../support/api.ts";
import { createTenant, issue, order, type Tenant, UNIT } from "../support/batches.ts";
import { codesOf, createDeck, redeemed } from "../support/cards.ts";
import { comparable, createKey, createPartnerKey } from "../support/catalogue.ts";

type Money = { amount: string; currency: string };
type Figures = Record<"available" | "held" | "spent" | "reversed" | "expired" | "credits" | "debt", Money> & {
  partner: string;
  currency: string;
  issued: { cards: number; value: Money };
  unredeemed: { cards: number; value: Money };
  untouched: number;
  redeemed: number;
  shortfall: Money;
  liability: Money;
};
type Item = Figures & {
  batch: number;
  kind: string;
  mode: string;
  status: string;
  label?: string;
  asOf: string | null;
};
type Report = {
  items: Item[];
  totals?: Figures[];
  nextCursor: string | null;
  projection: { asOf: string | null; lagSeconds: number | null };
};

const eur = (amount: string): Money => ({ amount, currency: "EUR" });
const report = async (key: string, query = ""): Promise<Report> => {
  const answer = await call<Report>("GET", `/v1/reports/batches${query}`, { key });
  expect(answer.status, answer.text).toBe(200);
  return answer.body;
};

type Row = Partial<
  Record<"available" | "held" | "spent" | "reversed" | "expired" | "credits" | "debt" | "shortfall", number>
> & { status?: string; firstUsedAtMs?: number | null; expiresAtMs?: number | null };

/** A touched card as the projection would have it; amounts in micros. */
const project = (batch: number, card: number, row: Row) =>
  env.DB.prepare(
    `INSERT INTO cards (batch, card, version, status, available_micros, held_micros, spent_micros, reversed_micros,
      expired_micros, credits_micros, debt_micros, shortfall_micros, devices, open_holds, first_used_at_ms, expires_at_ms,
      changed_at_ms, projected_at_ms) VALUES (?, ?, 1, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, 0, ?, ?, 1000, 2000)`,
  )
    .bind(
      batch,
      card,
      row.status ?? "active",
      row.available ?? 0,
      row.held ?? 0,
      row.spent ?? 0,
      row.reversed ?? 0,
      row.expired ?? 0,
      row.credits ?? 0,
      row.debt ?? 0,
      row.shortfall ?? 0,
      row.firstUsedAtMs === undefined ? 1 : row.firstUsedAtMs,
      row.expiresAtMs ?? null,
    )
    .run();

const issued = async (tenant: Tenant, overrides: Record<string, unknown> = {}): Promise<number> => {
  const answer = await issue(tenant.key, order(tenant, overrides));
  expect(answer.status, answer.text).toBe(201);
  return answer.body.number;
};

describe("the report of a batch", () => {
  it("adds up what its touched cards say, and finds the rest by arithmetic", async () => {
    const tenant = await createTenant();
    const batch = await issued(tenant, { quantity: 100, label: "Spring" });
    await project(batch, 1, {
      available: 3 * UNIT,
      held: 2 * UNIT,
      spent: 4 * UNIT + 1,
      expired: UNIT - 1,
      credits: 10 * UNIT,
      shortfall: 250_000,
    });
    await project(batch, 2, { spent: 10 * UNIT, reversed: 3 * UNIT, credits: 10 * UNIT, debt: 3 * UNIT });
    // Blocked before its first use: touched, and its face value can still be spent once it is unblocked.
    await project(batch, 3, { status: "blocked", firstUsedAtMs: null });
    await project(batch, 4, { status: "closed", firstUsedAtMs: null });
    const { items, totals } = await report(tenant.key);
    expect(items).toEqual([
      {
        batch,
        label: "Spring",
        kind: "card",
        mode: "live",
        status: "active",
        partner: tenant.partner,
        currency: "EUR",
        issued: { cards: 100, value: eur("1000.00") },
        untouched: 96,
        redeemed: 2,
        unredeemed: { cards: 97, value: eur("970.00") },
        available: eur("3.00"),
        held: eur("2.00"),
        spent: eur("14.000001"),
        reversed: eur("3.00"),
        expired: eur("0.999999"),
        credits: eur("20.00"),
        debt: eur("3.00"),
        shortfall: eur("0.25"),
        liability: eur("975.00"),
        asOf: "1970-01-01T00:00:02Z",
      },
    ]);
    const [first] = items;
    const { batch: _batch, label: _label, kind: _kind, mode: _mode, status: _status, asOf: _asOf, ...figures } = first!;
    expect(totals).toEqual([figures]);
  });

  it("leaves out of the unredeemed what was recalled or has ended", async () => {
    const tenant = await createTenant();
    const change = (batch: number, body: object) => call("PATCH", `/v1/batches/${batch}`, { key: tenant.key, body });
    const ranged = await issued(tenant);
    await project(ranged, 15, { status: "blocked", firstUsedAtMs: null });
    await project(ranged, 16, { available: 10 * UNIT, credits: 10 * UNIT });
    await project(ranged, 50, { status: "issued", firstUsedAtMs: null });
    await change(ranged, { status: "recalled", from: 11, to: 20 });
    await change(ranged, { status: "recalled", from: 91, to: 100 });
    const whole = await issued(tenant);
    await project(whole, 1, { available: 4 * UNIT, spent: 6 * UNIT, credits: 10 * UNIT });
    await change(whole, { status: "recalled" });
    const leaked = await issued(tenant);
    await env.DB.prepare("UPDATE batches SET untouched_recalled = 1 WHERE number = ?").bind(leaked).run();
    const { items, totals } = await report(tenant.key);
    const of = (batch: number) => items.find((item) => item.batch === batch)!;
    // 20 recalled, one redeemed among them: the touched one that waits at 15 is recalled too.
    expect(of(ranged)).toMatchObject({
      untouched: 97,
      unredeemed: { cards: 80, value: eur("800.00") },
      liability: eur("810.00"),
    });
    expect(of(whole)).toMatchObject({ untouched: 99, unredeemed: { cards: 0 }, liability: eur("4.00") });
    expect(of(leaked)).toMatchObject({ unredeemed: { cards: 0 }, liability: eur("0.00") });
    expect(totals).toMatchObject([{ issued: { cards: 300 }, unredeemed: { cards: 80 }, liability: eur("814.00") }]);
  });

  it("ends a batch with the last moment of its day where its partner lives", async () => {
    const tenant = await createTenant({ timeZone: "Pacific/Kiritimati" });
    const batches = [
      await issued(tenant, { expiry: { daysAfterIssue: 2 } }),
      await issued(tenant, { expiry: { daysAfterIssue: 30 } }),
    ];
    const [near, far] = batches.map((batch) => async (atMs: number) => {
      vi.useFakeTimers({ toFake: ["Date"], now: atMs });
      try {
        const { items, totals } = await report(operatorKey(), `?batch=${batch}`);
        expect(totals?.[0]?.unredeemed).toEqual(items[0]?.unredeemed);
        return items[0]?.unredeemed.cards;
      } finally {
        vi.useRealTimers();
      }
    });
    // Kiritimati is 14 hours ahead all year.
    const localDay = Math.floor((Date.now() + 14 * 3_600_000) / 86_400_000);
    const endOf = (days: number) => (localDay + days + 1) * 86_400_000 - 14 * 3_600_000 - 1;
    expect(await near!(endOf(2))).toBe(100);
    expect(await near!(endOf(2) + 1)).toBe(0);
    expect(await far!(endOf(2) + 1)).toBe(100);
    expect(await far!(endOf(30) + 1)).toBe(0);
    expect(await far!(endOf(40))).toBe(0);
  });
});

describe("the totals", () => {
  it("are exact beyond 2^53 and 2^63 micros, per partner and currency, live batches only", async () => {
    const huge = { outstanding: "9000000000.00", creditPerDay: "0", maxFaceValue: "9000000000.00" };
    const tenant = await createTenant({ limits: { EUR: huge, JPY: huge } });
    const first = await issued(tenant, { quantity: 1, credit: { amount: "8999999999.999999", currency: "EUR" } });
    const test = await issued(tenant, { quantity: 7, mode: "test" });
    await issued(tenant, { quantity: 3, credit: { amount: "500", currency: "JPY" } });
    // As many such batches as no limit would allow: the sum must be right all the same.
    await env.DB.prepare(
      `INSERT INTO batches (owner, idempotency_key, fingerprint, partner, brand, profile, kind, mode, quantity, format, key_id,
        credit_micros, currency, expiry_days_after_first_use, time_zone, max_devices, activation, on_expired_top_up, grace_days, created_at_ms)
       SELECT 'test', 'huge-' || value, '', partner, brand, profile, kind, mode, quantity, format, key_id,
        credit_micros, currency, expiry_days_after_first_use, time_zone, max_devices, activation, on_expired_top_up, grace_days, created_at_ms
       FROM batches, json_each(?) WHERE number = ?`,
    )
      .bind(JSON.stringify(Array.from({ length: 1999 }, (_, index) => index)), first)
      .run();
    await project(first, 1, { credits: 8_999_999_999_999_999, spent: 8_999_999_999_999_999 });
    await project(test, 1, { credits: UNIT, available: UNIT });
    const { items, totals, nextCursor } = await report(tenant.key, "?limit=2");
    expect(items).toHaveLength(2);
    expect(totals).toMatchObject([
      {
        partner: tenant.partner,
        currency: "EUR",
        issued: { cards: 2000, value: eur("17999999999999.998") },
        redeemed: 1,
        spent: eur("8999999999.999999"),
        unredeemed: { cards: 1999, value: eur("17990999999999.998001") },
        liability: eur("17990999999999.998001"),
      },
      { currency: "JPY", issued: { cards: 3, value: { amount: "1500", currency: "JPY" } } },
    ]);
    expect(totals).toHaveLength(2);
    // They are of the whole filter, so they come once.
    const second = await report(tenant.key, `?limit=2&cursor=${encodeURIComponent(nextCursor ?? "")}`);
    expect(second.totals).toBeUndefined();
    expect(second.items).toHaveLength(2);
    const [marked] = (await report(tenant.key, `?batch=${test}`)).items;
    expect(marked).toMatchObject({ mode: "test", available: eur("1.00"), liability: eur("61.00") });
    expect((await report(tenant.key, `?batch=${test}`)).totals).toEqual([]);
    expect((await report(tenant.key, "?currency=JPY")).items).toHaveLength(1);
  });
});

describe("whose the report is", () => {
  let mine: Tenant;
  let other: Tenant;
  let theirs: number;
  beforeAll(async () => {
    [mine, other] = [await createTenant(), await createTenant()];
    await issued(mine);
    theirs = await issued(other);
    await project(theirs, 1, { available: UNIT, credits: UNIT });
  });

  it("a partner's own; another's are as absent as an unknown's", async () => {
    const get = async (query: string) =>
      comparable(await call("GET", `/v1/reports/batches${query}`, { key: mine.key }));
    expect((await report(mine.key)).items.map(({ partner }) => partner)).toEqual([mine.partner]);
    expect(await get(`?partner=${other.partner}`)).toEqual(await get("?partner=nobody"));
    expect(await get(`?batch=${theirs}`)).toEqual(await get("?batch=33000000"));
    const foreign = await report(mine.key, `?batch=${theirs}`);
    expect(foreign).toMatchObject({ items: [], totals: [] });
    const all = await report(mine.key);
    expect(JSON.stringify(all)).not.toContain(other.partner);
  });

  it("an operator's all, or one partner's", async () => {
    const { items, totals } = await report(operatorKey(), `?partner=${other.partner}`);
    expect(items.map(({ batch }) => batch)).toEqual([theirs]);
    expect(totals).toHaveLength(1);
    const everybody = new Set((await report(operatorKey(), "?limit=200")).totals?.map(({ partner }) => partner));
    expect([...everybody]).toEqual(expect.arrayContaining([mine.partner, other.partner]));
  });

  it("nobody's without reports:read, and its cursors are bound to it", async () => {
    const { key } = await createKey(mine.partner, ["cards:read"]);
    expect((await call("GET", "/v1/reports/batches", { key })).status).toBe(403);
    await issued(mine);
    const { nextCursor } = await report(mine.key, "?limit=1");
    const stolen = await call("GET", `/v1/reports/batches?limit=1&cursor=${encodeURIComponent(nextCursor ?? "")}`, {
      key: other.key,
    });
    expect(stolen).toMatchObject({ status: 422, body: { code: "invalid_input" } });
    for (const query of ["?batch=0", "?currency=eur", "?limit=201", "?mode=test"])
      expect((await call("GET", `/v1/reports/batches${query}`, { key: mine.key })).status, query).toBe(422);
  });
});

describe("from a call to the report", () => {
  it("what was used too late shows as shortfall, and the answers say how old they are", async () => {
    const deck = await createDeck({ batch: { quantity: 5 } });
    const key = await createPartnerKey(deck.partner);
    expect((await report(key)).projection).toEqual({ asOf: null, lagSeconds: null });
    const switchKey = (await createKey(null, ["switch"], { trunks: [deck.trunk] })).key;
    const { card } = await redeemed((await codesOf(deck.batch))[0]);
    const path = `/v1/cards/${card.serial}/holds`;
    const send = (method: string, at: string, body: object) => call(method, `${path}/${at}`, { key: switchKey, body });
    await send("PUT", "late", { amount: "10.00", currency: "EUR", ttlSeconds: 60 });
    const started = Date.now();
    vi.useFakeTimers({ toFake: ["Date"], now: started + 61_000 });
    // The hold's time is over; another call takes most of the credit before the first one's bill comes.
    await send("PUT", "next", { amount: "7.00", currency: "EUR", ttlSeconds: 600 });
    const late = await send("POST", "late/commit", { amount: "10.00" });
    expect(late.body).toMatchObject({ state: "late", charged: "3.00", shortfall: "7.00" });
    vi.useRealTimers();
    await vi.waitFor(
      async () => expect((await report(key)).items[0]).toMatchObject({ shortfall: eur("7.00"), spent: eur("3.00") }),
      { timeout: 10_000, interval: 250 },
    );
    const { items, projection } = await report(key);
    expect(items[0]).toMatchObject({ redeemed: 1, untouched: 4, held: eur("7.00"), liability: eur("47.00") });
    expect(Date.parse(projection.asOf ?? "")).toBeGreaterThanOrEqual(started - 1000);
    expect(projection.lagSeconds).toBeGreaterThanOrEqual(0);
    const list = await call<{ projection: Report["projection"]; items: unknown[] }>("GET", "/v1/cards", { key });
    expect(list.body).toMatchObject({ projection, items: [{ serial: card.serial }] });
  }, 20_000);
});
