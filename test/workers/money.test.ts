import { runDurableObjectAlarm } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { operatorKey, call } from "../support/api.ts";
import { createDeck, redeem, redeemed, type Deck, type Problem, type Redeemed } from "../support/cards.ts";
import { comparable, createKey, createPartner, createPartnerKey } from "../support/catalogue.ts";

type Money = Problem & {
  collected: string;
  shortfall: string;
  debtPaid: string;
  balance: { available: string; held: string; currency: string };
};

let deck: Deck;
let switchKey: string;
let next = 0;
beforeAll(async () => {
  deck = await createDeck();
  switchKey = (await createKey(null, ["switch"], { trunks: [deck.trunk] })).key;
});
afterEach(() => {
  vi.useRealTimers();
});

const freshCard = async (): Promise<Redeemed> => redeemed(deck.codes[next++]);
const serialAt = (index: number) => `${String(deck.batch).padStart(6, "0")}-${String(index).padStart(7, "0")}`;

const credit = (serial: string, id: string, amount: string, extra: object = {}) =>
  call<Money>("PUT", `/v1/cards/${serial}/credits/${id}`, {
    key: operatorKey(),
    body: { amount, currency: "EUR", source: "top_up", ...extra },
  });
const debit = (serial: string, id: string, amount: string, extra: object = {}) =>
  call<Money>("PUT", `/v1/cards/${serial}/debits/${id}`, {
    key: switchKey,
    body: { amount, currency: "EUR", ...extra },
  });
const card = async (serial: string) =>
  (
    await call<{ status: string; balance: Record<string, string> }>("GET", `/v1/cards/${serial}`, {
      key: operatorKey(),
    })
  ).body;

describe("debits", () => {
  it("take exactly what there is, never more, whatever runs at once", async () => {
    const { card: held } = await freshCard();
    const answers = await Promise.all(
      Array.from({ length: 30 }, (_, index) => debit(held.serial, `d${index}`, "1.00")),
    );
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(10);
    expect(answers.filter(({ status, body }) => status === 402 && body.code === "insufficient_credit")).toHaveLength(
      20,
    );
    expect((await card(held.serial)).balance).toMatchObject({ available: "0.00", spent: "10.00", credits: "10.00" });
  });

  it("have one effect and one answer for an id, fifty times at once", async () => {
    const { card: held } = await freshCard();
    const answers = await Promise.all(Array.from({ length: 50 }, () => debit(held.serial, "same", "2.50")));
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    expect(answers.filter(({ headers }) => headers.get("Idempotency-Replayed") === "true")).toHaveLength(49);
    expect((await card(held.serial)).balance).toMatchObject({ available: "7.50", spent: "2.50" });
    const other = await debit(held.serial, "same", "2.51");
    expect([other.status, other.body.code]).toEqual([422, "id_reused"]);
  });

  it("keep a refusal too: topping up does not turn the old id into a charge", async () => {
    const { card: held } = await freshCard();
    expect((await debit(held.serial, "big", "11.00")).status).toBe(402);
    await credit(held.serial, "c", "5.00");
    const again = await debit(held.serial, "big", "11.00");
    expect([again.status, again.headers.get("Idempotency-Replayed")]).toEqual([402, "true"]);
    expect((await debit(held.serial, "big2", "11.00")).body).toMatchObject({ collected: "11.00", shortfall: "0.00" });
  });

  it("collect down to the minimum and say what was missing", async () => {
    const { card: held } = await freshCard();
    expect((await debit(held.serial, "part", "12.50", { minimum: "10.01" })).status).toBe(402);
    const answer = await debit(held.serial, "part2", "12.50", { minimum: "0.01" });
    expect(answer.body).toMatchObject({ collected: "10.00", shortfall: "2.50", balance: { available: "0.00" } });
  });

  it("check the device that called", async () => {
    const { card: held, tokens } = await freshCard();
    expect((await debit(held.serial, "s1", "1.00", { subject: `${held.serial}.1` })).status).toBe(200);
    expect((await debit(held.serial, "s2", "1.00", { subject: `${serialAt(20)}.1` })).status).toBe(422);
    expect((await debit(held.serial, "s3", "1.00", { subject: `${held.serial}.2` })).body.code).toBe(
      "credential_revoked",
    );
    await call("DELETE", "/v1/me/device", { key: tokens.accessToken });
    expect((await debit(held.serial, "s4", "1.00", { subject: `${held.serial}.1` })).body.code).toBe(
      "credential_revoked",
    );
  });

  it("need a key bound to the card's trunk", async () => {
    const { card: held } = await freshCard();
    const other = await createDeck();
    const foreign = (await createKey(null, ["switch"], { trunks: [other.trunk] })).key;
    const path = `/v1/cards/${held.serial}/debits/x`;
    const body = { amount: "1.00", currency: "EUR" };
    const absent = await call("PUT", `/v1/cards/000999-0000001/debits/x`, { key: foreign, body });
    expect(comparable(await call("PUT", path, { key: foreign, body }))).toEqual(comparable(absent));
    expect((await call("PUT", path, { key: operatorKey(), body })).status).toBe(404);
  });
});

describe("credits", () => {
  it("add up, once each", async () => {
    const { card: held } = await freshCard();
    const first = await credit(held.serial, "pay-1", "0.000001");
    expect(first.body).toMatchObject({
      id: "pay-1",
      amount: "0.000001",
      currency: "EUR",
      debtPaid: "0.00",
      balance: { available: "10.000001", held: "0.00", currency: "EUR" },
    });
    expect((await credit(held.serial, "pay-1", "0.000001")).text).toBe(first.text);
    expect((await card(held.serial)).balance["available"]).toBe("10.000001");
    expect((await credit(held.serial, "pay-2", "1.00", { currency: "USD" })).body.code).toBe("currency_mismatch");
    expect(await credit(held.serial, "pay-3", "9000000000.00")).toMatchObject({
      status: 402,
      body: { code: "limit_exceeded" },
    });
    const { codes } = await createDeck({ batch: { mode: "test" } });
    const { card: test } = await redeemed(codes[12]);
    expect((await credit(test.serial, "pay-4", "9000000000.00")).status).toBe(422);
  });

  it("wait for the first redemption, and then the same id works", async () => {
    const serial = serialAt(19);
    expect((await credit(serial, "early", "1.00")).body.code).toBe("card_not_redeemed");
    expect((await debit(serial, "early", "1.00")).body.code).toBe("card_not_redeemed");
    await redeemed(deck.codes[18]);
    expect((await credit(serial, "early", "1.00")).body.balance).toMatchObject({ available: "11.00" });
  });

  it("are allowed by an operator on a blocked card, where spending is not", async () => {
    const { card: held } = await freshCard();
    await call("PATCH", `/v1/cards/${held.serial}`, { key: operatorKey(), body: { action: "block", reason: "lost" } });
    expect((await credit(held.serial, "c", "1.00")).status).toBe(200);
    expect((await debit(held.serial, "d", "1.00")).body.code).toBe("card_blocked");
  });
});

describe("one card for its operator and partner", () => {
  it("reads an untouched card from the terms and creates nothing", async () => {
    const answer = await call("GET", `/v1/cards/${serialAt(20)}`, { key: operatorKey() });
    expect(answer.body).toMatchObject({
      status: "issued",
      kind: "card",
      mode: "live",
      devices: [],
      openHolds: 0,
      firstUsedAt: null,
    });
    expect(answer.body["balance"]).toMatchObject({ available: "10.00", credits: "10.00", spent: "0.00" });
    expect((await call("GET", `/v1/cards/${serialAt(21)}`, { key: operatorKey() })).status).toBe(404);
  });

  it("is absent to another partner in every way", async () => {
    const { card: held } = await freshCard();
    const stranger = await createPartnerKey(await createPartner());
    const act = { action: "block", reason: "x" };
    for (const [method, suffix, body] of [
      ["GET", "", undefined],
      ["GET", "/postings", undefined],
      ["PATCH", "", act],
      ["PUT", "/credits/c1", { amount: "1", currency: "EUR", source: "goodwill" }],
    ] as const) {
      const options = { key: stranger, ...(body && { body }) };
      const foreign = await call(method, `/v1/cards/${held.serial}${suffix}`, options);
      expect(comparable(foreign)).toEqual(comparable(await call(method, `/v1/cards/009999-0000001${suffix}`, options)));
      expect(foreign.status).toBe(404);
    }
    const list = await call<{ items: unknown[] }>("GET", `/v1/cards?batch=${deck.batch}`, { key: stranger });
    expect(list.body.items).toEqual([]);
  });

  it("can be blocked before anybody redeems it", async () => {
    const serial = serialAt(17);
    const act = (action: string, extra = {}) =>
      call("PATCH", `/v1/cards/${serial}`, { key: operatorKey(), body: { action, reason: "r", ...extra } });
    expect((await act("block")).body).toMatchObject({ status: "blocked", balance: { available: "10.00" } });
    expect((await redeem(deck.codes[16])).body.code).toBe("card_blocked");
    expect((await act("unblock")).body).toMatchObject({ status: "issued" });
    expect((await redeemed(deck.codes[16])).balance.available).toBe("10.00");
    expect((await act("extend")).status).toBe(422);
    expect((await act("extend", { expiresAt: "2020-01-01T00:00:00Z" })).status).toBe(422);
    expect((await act("extend", { expiresAt: "2040-01-01T00:00:00Z" })).body).toMatchObject({
      expiresAt: "2040-01-01T00:00:00Z",
    });
    expect((await act("close")).body).toMatchObject({ status: "closed" });
    expect((await redeem(deck.codes[16])).body.code).toBe("card_closed");
    expect((await act("unblock")).status).toBe(410);
  });

  it("a till's key activates and nothing else", async () => {
    const till = (await createKey(deck.partner, ["cards:activate"])).key;
    const act = (action: string) =>
      call("PATCH", `/v1/cards/${serialAt(18)}`, { key: till, body: { action, reason: "sold" } });
    expect((await act("activate")).status).toBe(200);
    expect((await act("block")).body).toMatchObject({ code: "insufficient_scope" });
  });
});

describe("the projection", () => {
  it("learns of touched cards, newest version wins, and expiry shows without a write", async () => {
    const { card: held } = await freshCard();
    await debit(held.serial, "p1", "4.00");
    const stub = env.CARDS.getByName(held.serial);
    await runDurableObjectAlarm(stub);
    const find = async () => {
      const list = await call<{
        items: { serial: string; status: string; balance: Record<string, string>; asOf: string }[];
      }>("GET", `/v1/cards?batch=${deck.batch}&limit=200`, { key: operatorKey() });
      return list.body.items.find(({ serial }) => serial === held.serial);
    };
    await vi.waitFor(
      async () =>
        expect(await find()).toMatchObject({ status: "active", balance: { available: "6.00", spent: "4.00" } }),
      { timeout: 10_000 },
    );
    vi.useFakeTimers({ toFake: ["Date"], now: Date.parse(held.expiresAt ?? "") + 5000 });
    expect((await find())?.status).toBe("expired");
  });
});
