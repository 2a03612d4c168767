/** A partner's limits in use: what it may credit in a day and have outstanding, whatever runs at once or breaks half-way. */
import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import { call, operatorKey } from "../support/api.ts";
import { countOf, createTenant, issue, limits, order, project, type Tenant, UNIT } from "../support/batches.ts";
import { createKey, createPartner } from "../support/catalogue.ts";
import { createDeck, type Deck, redeemed } from "../support/cards.ts";

const BERLIN = "Europe/Berlin";
const refused = { status: 402, body: { code: "limit_exceeded" } };

type Used = { used: string; left: string; day?: string };
type Usage = Record<string, { outstanding: Used; creditPerDay: Used }>;

const usageOf = async (partner: string): Promise<Usage> =>
  (await call<{ usage: Usage }>("GET", `/v1/partners/${partner}`, { key: operatorKey() })).body.usage;
const limited = (creditPerDay: string, outstanding = "1000000.00") => ({
  limits: { EUR: { outstanding, creditPerDay, maxFaceValue: "1000.00" } },
});
const deckWith = (creditPerDay: string, outstanding?: string) =>
  createDeck({ partner: limited(creditPerDay, outstanding) });

let next = 0;
const newId = () => `credit-${(next += 1)}`;
const credit = (serial: string, amount: string, id = newId(), key = operatorKey()) =>
  call("PUT", `/v1/cards/${serial}/credits/${id}`, { key, body: { amount, currency: "EUR", source: "goodwill" } });

const serialsOf = (deck: Deck, count: number) =>
  Promise.all(deck.codes.slice(0, count).map(async (code) => (await redeemed(code)).card.serial));
const available = async (serial: string) =>
  (await call<{ balance: { available: string } }>("GET", `/v1/cards/${serial}`, { key: operatorKey() })).body.balance
    .available;
const rows = async (partner: string) =>
  (
    await env.DB.prepare(
      "SELECT id, amount_micros, attempts, applied_at_ms, day FROM credit_reservations WHERE partner = ?",
    )
      .bind(partner)
      .all<{ id: string; amount_micros: number; attempts: number; applied_at_ms: number | null; day: string }>()
  ).results;

const failNext = (statement: string) => env.DB.prepare(statement).run();

afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

describe("credit in a day", () => {
  it("is never more than the limit: 20 credits at once, 60 % each", async () => {
    const deck = await deckWith("10.00");
    const serials = await serialsOf(deck, 20);
    const answers = await Promise.all(serials.map((serial) => credit(serial, "6.00")));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 402)).toHaveLength(19);
    const balances = await Promise.all(serials.map(available));
    expect(balances.filter((balance) => balance === "16.00")).toHaveLength(1);
    expect((await usageOf(deck.partner))["EUR"]?.creditPerDay).toMatchObject({ used: "6.00", left: "4.00" });
  });

  it("is reached exactly by many at once, on one card", async () => {
    const deck = await deckWith("10.00");
    const [serial = ""] = await serialsOf(deck, 1);
    const answers = await Promise.all(Array.from({ length: 20 }, () => credit(serial, "1.00")));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(10);
    expect(await available(serial)).toBe("20.00");
    expect(await credit(serial, "0.000001")).toMatchObject(refused);
  });

  it("counts an id once, however often and whenever it is sent", async () => {
    const deck = await deckWith("10.00");
    const [serial = ""] = await serialsOf(deck, 1);
    const answers = await Promise.all(Array.from({ length: 20 }, () => credit(serial, "10.00", "same")));
    expect(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size).toBe(1);
    expect(answers[0]?.status).toBe(200);
    expect(await available(serial)).toBe("20.00");
    expect((await usageOf(deck.partner))["EUR"]?.creditPerDay.used).toBe("10.00");
    // The limit is used up, and even gone: what was credited is answered all the same.
    await createPartner(deck.partner, { limits: {} });
    expect((await credit(serial, "10.00", "same")).text).toBe(answers[0]?.text);
    expect((await credit(serial, "9.00", "same")).body.code).toBe("id_reused");
    expect(await credit(serial, "1.00")).toMatchObject(refused);
  });

  it("is given back when the card refuses, and not before", async () => {
    const deck = await deckWith("10.00");
    const [serial = "", other = ""] = await serialsOf(deck, 2);
    await call("PATCH", `/v1/cards/${serial}`, { key: operatorKey(), body: { action: "close", reason: "test" } });
    expect((await credit(serial, "10.00", "closed")).body.code).toBe("card_closed");
    expect(await rows(deck.partner)).toEqual([]);
    const unredeemed = `${String(deck.batch).padStart(6, "0")}-0000020`;
    expect((await credit(unredeemed, "10.00", "early")).body.code).toBe("card_not_redeemed");
    expect((await credit(other, "10.00")).status).toBe(200);
    expect(await credit(unredeemed, "10.00", "early")).toMatchObject(refused);
  });

  it("ends at midnight of the partner's time zone", async () => {
    const deck = await createDeck({ partner: { ...limited("10.00"), timeZone: BERLIN } });
    const [serial = ""] = await serialsOf(deck, 1);
    // 22:30 UTC is 23:30 in Berlin in winter; a day far enough ahead that cards' clocks only go forward.
    const lateMs = Date.parse("2027-01-15T22:30:00Z");
    vi.useFakeTimers({ toFake: ["Date"], now: lateMs });
    expect((await credit(serial, "10.00")).status).toBe(200);
    expect(await credit(serial, "1.00")).toMatchObject(refused);
    vi.setSystemTime(lateMs + 29 * 60_000);
    expect(await credit(serial, "1.00")).toMatchObject(refused);
    vi.setSystemTime(lateMs + 30 * 60_000);
    expect((await usageOf(deck.partner))["EUR"]?.creditPerDay).toEqual({
      used: "0.00",
      left: "10.00",
      day: "2027-01-16",
    });
    expect((await credit(serial, "10.00")).status).toBe(200);
  });

  it("takes no account of test cards", async () => {
    const deck = await createDeck({ partner: limited("1.00"), batch: { mode: "test" } });
    const { card } = await redeemed(deck.codes[12]);
    expect((await credit(card.serial, "500.00")).status).toBe(200);
    expect((await usageOf(deck.partner))["EUR"]).toMatchObject({
      outstanding: { used: "0.00" },
      creditPerDay: { used: "0.00" },
    });
    expect(await rows(deck.partner)).toEqual([]);
  });
});

describe("a crash half-way", () => {
  it("before the card is asked leaves the amount set aside; the same id then credits it once", async () => {
    const deck = await deckWith("10.00");
    const [serial = ""] = await serialsOf(deck, 1);
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    vi.spyOn(Object.getPrototypeOf(env.CARDS) as DurableObjectNamespace, "getByName").mockImplementation(() => {
      throw new Error("gone");
    });
    expect((await credit(serial, "10.00", "once")).status).toBe(503);
    vi.restoreAllMocks();
    expect(await rows(deck.partner)).toMatchObject([{ id: "once", attempts: 1, applied_at_ms: null }]);
    expect(await credit(serial, "1.00")).toMatchObject(refused);
    expect((await credit(serial, "10.00", "once")).status).toBe(200);
    expect(await available(serial)).toBe("20.00");
    expect((await usageOf(deck.partner))["EUR"]?.creditPerDay.used).toBe("10.00");
    await expect.poll(async () => (await rows(deck.partner))[0]?.applied_at_ms).not.toBeNull();
  });

  it("after the card took it keeps it counted, and the retry gets the card's answer", async () => {
    const deck = await deckWith("10.00");
    const [serial = ""] = await serialsOf(deck, 1);
    await failNext(
      "CREATE TRIGGER lost BEFORE UPDATE OF applied_at_ms ON credit_reservations BEGIN SELECT RAISE(ABORT, 'lost'); END",
    );
    const first = await credit(serial, "10.00", "once");
    expect(first.status).toBe(200);
    await new Promise((resolve) => setTimeout(resolve, 50));
    await failNext("DROP TRIGGER lost");
    expect(await rows(deck.partner)).toMatchObject([{ attempts: 1, applied_at_ms: null }]);
    expect(await credit(serial, "1.00")).toMatchObject(refused);
    const again = await credit(serial, "10.00", "once");
    expect([again.text, again.headers.get("Idempotency-Replayed")]).toEqual([first.text, "true"]);
    expect(await available(serial)).toBe("20.00");
    await expect.poll(async () => (await rows(deck.partner))[0]?.applied_at_ms).not.toBeNull();
  });

  it("while giving back leaves the amount set aside, never less", async () => {
    const deck = await deckWith("10.00");
    const [serial = ""] = await serialsOf(deck, 1);
    await call("PATCH", `/v1/cards/${serial}`, { key: operatorKey(), body: { action: "close", reason: "test" } });
    await failNext("CREATE TRIGGER stuck BEFORE DELETE ON credit_reservations BEGIN SELECT RAISE(ABORT, 'no'); END");
    vi.spyOn(console, "warn").mockImplementation(() => undefined);
    expect((await credit(serial, "10.00", "closed")).body.code).toBe("card_closed");
    await failNext("DROP TRIGGER stuck");
    expect(await rows(deck.partner)).toMatchObject([{ id: "closed", attempts: 1 }]);
    expect((await usageOf(deck.partner))["EUR"]?.creditPerDay.used).toBe("10.00");
  });
});

describe("outstanding", () => {
  const used = async (partner: string) => (await usageOf(partner))["EUR"]?.outstanding.used;

  it("lets exactly one of twenty batches through that need 60 % each", async () => {
    const tenant = await createTenant(limits("1000"));
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => issue(tenant.key, order(tenant, { quantity: 60 }))),
    );
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
    expect(answers.filter((answer) => answer.status === 402)).toHaveLength(19);
    expect(await countOf(tenant.partner)).toBe(1);
    expect((await usageOf(tenant.partner))["EUR"]?.outstanding).toEqual({ used: "600.00", left: "400.00" });
  });

  it("holds credit and issuing together to one limit, before the projection knows", async () => {
    const deck = await deckWith("1000.00", "210.00");
    const [serial = ""] = await serialsOf(deck, 1);
    expect(await used(deck.partner)).toBe("200.00");
    const both = await Promise.all([
      credit(serial, "6.00"),
      credit(serial, "6.00"),
      issue(operatorKey(), {
        partner: deck.partner,
        brand: deck.brand,
        profile: deck.profile,
        kind: "card",
        quantity: 6,
        credit: { amount: "1.00", currency: "EUR" },
        expiry: { daysAfterFirstUse: 1 },
      }),
    ]);
    expect(both.filter(({ status }) => status < 300)).toHaveLength(1);
    expect(both.filter(({ status }) => status === 402)).toHaveLength(2);
    expect(await used(deck.partner)).toBe("206.00");
    expect(await credit(serial, "4.000001")).toMatchObject(refused);
    expect((await credit(serial, "4.00")).status).toBe(200);
    expect((await usageOf(deck.partner))["EUR"]?.outstanding).toEqual({ used: "210.00", left: "0.00" });
  });

  it("counts credit once, before and after the projection shows it", async () => {
    const deck = await deckWith("1000.00");
    const [serial = ""] = await serialsOf(deck, 1);
    expect((await credit(serial, "50.00")).status).toBe(200);
    expect(await used(deck.partner)).toBe("250.00");
    const known = () =>
      env.DB.prepare("SELECT credits_micros AS n FROM cards WHERE batch = ? AND card = 1")
        .bind(deck.batch)
        .first<number>("n");
    await expect.poll(known, { timeout: 20_000, interval: 200 }).toBe(60 * UNIT);
    expect(await used(deck.partner)).toBe("250.00");
  });

  it("counts a card that was touched and not redeemed at its face value", async () => {
    const tenant = await createTenant(limits("1000"));
    const { body } = await issue(tenant.key, order(tenant));
    await project(body.number, 1, { credits: 0 });
    await env.DB.prepare("UPDATE cards SET first_used_at_ms = NULL WHERE batch = ?").bind(body.number).run();
    expect(await used(tenant.partner)).toBe("1000.00");
    await env.DB.prepare("UPDATE cards SET status = 'closed' WHERE batch = ?").bind(body.number).run();
    expect(await used(tenant.partner)).toBe("990.00");
  });

  it("is freed by recalled ranges, and by a batch that has ended", async () => {
    const tenant = await createTenant(limits("1000"));
    const { body } = await issue(tenant.key, order(tenant));
    await project(body.number, 10, { credits: 10 * UNIT, spent: 4 * UNIT });
    expect(await used(tenant.partner)).toBe("996.00");
    const range = { status: "recalled", from: 6, to: 15 };
    expect((await call("PATCH", `/v1/batches/${body.number}`, { key: tenant.key, body: range })).status).toBe(200);
    // Nine cards nobody had redeemed; the tenth goes on owing what it holds.
    expect(await used(tenant.partner)).toBe("906.00");
    const ending = await createTenant(limits("1000"));
    await issue(ending.key, order(ending, { expiry: { daysAfterIssue: 10 } }));
    const nowMs = Date.now();
    vi.useFakeTimers({ toFake: ["Date"], now: nowMs + 10 * 86_400_000 });
    expect(await used(ending.partner)).toBe("1000.00");
    vi.setSystemTime(nowMs + 14 * 86_400_000);
    expect(await used(ending.partner)).toBe("0.00");
  });

  it("shows zero left, never less, when a limit was lowered", async () => {
    const tenant = await createTenant(limits("1000"));
    await issue(tenant.key, order(tenant));
    await createPartner(tenant.partner, limits("5"));
    expect((await usageOf(tenant.partner))["EUR"]).toEqual({
      outstanding: { used: "1000.00", left: "0.00" },
      creditPerDay: { used: "0.00", left: "0.00", day: expect.stringMatching(/^\d{4}-\d\d-\d\d$/) },
    });
  });
});

describe("a stolen issuer's key", () => {
  const face = (tenant: Tenant, amount: string) => order(tenant, { quantity: 1, credit: { amount, currency: "EUR" } });

  it("does no more than its limits, and nothing within 60 s of its revocation, in every isolate", async () => {
    const tenant = await createTenant(limits("1000", "20"));
    const stolen = await createKey(tenant.partner, [], { scopes: undefined, preset: "issuer" });
    const spree = await Promise.all(
      Array.from({ length: 15 }, () => issue(stolen.key, order(tenant, { quantity: 10 }))),
    );
    expect(spree.filter(({ status }) => status === 201)).toHaveLength(10);
    expect(spree.filter(({ status }) => status === 402)).toHaveLength(5);
    expect(await issue(stolen.key, face(tenant, "20.01"))).toMatchObject(refused);
    expect((await usageOf(tenant.partner))["EUR"]?.outstanding).toEqual({ used: "1000.00", left: "0.00" });
    const serial = `${String(spree[0]?.body.number).padStart(6, "0")}-0000001`;
    for (const [method, path, body] of [
      ["PUT", `/v1/cards/${serial}/credits/x`, { amount: "1.00", currency: "EUR", source: "goodwill" }],
      ["PATCH", `/v1/cards/${serial}`, { action: "unblock", reason: "x" }],
      ["GET", `/v1/cards/${serial}`, undefined],
      ["POST", `/v1/partners/${tenant.partner}/keys`, { name: "x", preset: "issuer" }],
      ["PUT", `/v1/partners/${tenant.partner}`, {}],
    ] as const)
      expect((await call(method, path, { key: stolen.key, body })).body.code, path).toBe("insufficient_scope");
    // Revoked where another isolate serves: this one still remembers the key.
    const startMs = Date.now();
    vi.useFakeTimers({ toFake: ["Date"], now: startMs });
    await env.DB.prepare("UPDATE api_keys SET revoked_at_ms = ? WHERE id = ?").bind(startMs, stolen.id).run();
    vi.setSystemTime(startMs + 59_999);
    expect((await issue(stolen.key, order(tenant, { mode: "test" }))).status).toBe(401);
    expect(await countOf(tenant.partner)).toBe(10);
  });
});
