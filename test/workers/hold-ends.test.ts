import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { operatorKey, call } from "../support/api.ts";
import { createDeck, redeemed, type Deck, type Problem, type Redeemed } from "../support/cards.ts";
import { comparable, createKey } from "../support/catalogue.ts";
import { balanceOf, holdCalls } from "../support/holds.ts";

let deck: Deck;
let switchKey: string;
let next = 0;
beforeAll(async () => {
  deck = await createDeck({
    batch: { quantity: 60 },
    profile: { concurrentCalls: 50, destinations: { allow: ["+", "+4930"], deny: ["+49"] } },
  });
  switchKey = (await createKey(null, ["switch"], { trunks: [deck.trunk] })).key;
});
afterEach(() => {
  vi.useRealTimers();
});

const freshCard = async (): Promise<Redeemed> => redeemed(deck.codes[next++]);

const { place, commit, release } = holdCalls(() => switchKey);

describe("what a crashed switch left", () => {
  it("is listed and freed, by support with a reason", async () => {
    const { serial } = (await freshCard()).card;
    for (const id of ["c", "a", "b"]) await place(serial, id, "1.00");
    await release(serial, "b");
    type Page = { items: { id: string; state: string }[]; nextCursor: string | null };
    const first = await call<Page>("GET", `/v1/cards/${serial}/holds?state=open&limit=1`, { key: switchKey });
    expect(first.body.items).toMatchObject([{ id: "a", state: "open" }]);
    const rest = await call<Page>(
      "GET",
      `/v1/cards/${serial}/holds?state=open&limit=1&cursor=${first.body.nextCursor}`,
      { key: switchKey },
    );
    expect([rest.body.items.map(({ id }) => id), rest.body.nextCursor]).toEqual([["c"], null]);
    const all = await call<Page>("GET", `/v1/cards/${serial}/holds`, { key: operatorKey() });
    expect(all.body.items.map(({ id, state }) => `${id} ${state}`)).toEqual(["a open", "b released", "c open"]);
    const support = (await createKey(deck.partner, ["cards:read", "cards:write"])).key;
    const free = (body?: object) =>
      call("POST", `/v1/cards/${serial}/holds/a/release`, { key: support, ...(body && { body }) });
    expect((await free()).status).toBe(422);
    expect((await free({ reason: "switch crashed" })).body).toMatchObject({ state: "released", released: "1.00" });
    expect((await call("GET", `/v1/cards/${serial}/holds/a`, { key: support })).body).toMatchObject({
      state: "released",
    });
    expect((await call("GET", `/v1/cards/${serial}/holds/none`, { key: support })).body).toMatchObject({
      code: "hold_unknown",
    });
  });

  it("is absent to a switch of another trunk", async () => {
    const { serial } = (await freshCard()).card;
    await place(serial, "mine", "1.00");
    const other = await createDeck();
    const key = (await createKey(null, ["switch"], { trunks: [other.trunk] })).key;
    for (const [method, path, body] of [
      ["GET", "/holds/mine", undefined],
      ["GET", "/holds", undefined],
      ["POST", "/holds/mine/commit", { amount: "1" }],
      ["POST", "/holds/mine/release", undefined],
    ] as const) {
      const foreign = await call(method, `/v1/cards/${serial}${path}`, { key, ...(body && { body }) });
      expect(comparable(foreign)).toEqual(
        comparable(await call(method, `/v1/cards/009999-0000001${path}`, { key, ...(body && { body }) })),
      );
    }
  });
});

describe("reversals", () => {
  const reverse = (serial: string, of: string, id: string, rid: string, body: object) =>
    call<Problem & { amount: string; debt: string; balance: { available: string } }>(
      "POST",
      `/v1/cards/${serial}/${of}/${id}/reversals/${rid}`,
      { key: operatorKey(), body },
    );

  it("take back what is there, the rest becomes debt that blocks until it is paid", async () => {
    const { serial } = (await freshCard()).card;
    await call("PUT", `/v1/cards/${serial}/credits/pay`, {
      key: operatorKey(),
      body: { amount: "5.00", currency: "EUR", source: "payment" },
    });
    await call("PUT", `/v1/cards/${serial}/debits/d`, { key: switchKey, body: { amount: "13.00", currency: "EUR" } });
    const back = await reverse(serial, "credits", "pay", "r1", { reason: "dispute" });
    expect(back.body).toMatchObject({ amount: "5.00", debt: "3.00", balance: { available: "0.00" } });
    expect(await balanceOf(serial)).toMatchObject({ status: "blocked", balance: { debt: "3.00", reversed: "5.00" } });
    expect((await reverse(serial, "credits", "pay", "r1", { reason: "dispute" })).text).toBe(back.text);
    expect((await reverse(serial, "credits", "pay", "r2", { reason: "again" })).status).toBe(422);
    const paid = await call("PUT", `/v1/cards/${serial}/credits/pay2`, {
      key: operatorKey(),
      body: { amount: "4.00", currency: "EUR", source: "top_up" },
    });
    expect(paid.body).toMatchObject({ debtPaid: "3.00", balance: { available: "1.00" } });
    expect((await balanceOf(serial)).status).toBe("active");
  });

  it("give a debit back in parts, never more than it took", async () => {
    const { serial } = (await freshCard()).card;
    await call("PUT", `/v1/cards/${serial}/debits/d`, { key: switchKey, body: { amount: "6.00", currency: "EUR" } });
    expect(
      (await reverse(serial, "debits", "d", "r1", { amount: "2.00", reason: "bad line" })).body.balance.available,
    ).toBe("6.00");
    expect((await reverse(serial, "debits", "d", "r2", { amount: "4.01", reason: "x" })).status).toBe(422);
    expect((await reverse(serial, "debits", "d", "r3", { reason: "the rest" })).body).toMatchObject({
      amount: "4.00",
      balance: { available: "10.00" },
    });
    expect((await reverse(serial, "debits", "none", "r1", { reason: "x" })).body.code).toBe("not_found");
    expect((await balanceOf(serial)).balance).toMatchObject({ spent: "0.00", available: "10.00" });
  });
});

describe("the end of a card", () => {
  it("makes what is available breakage; open holds settle and their rest follows", async () => {
    const { card } = await freshCard();
    const end = Date.parse(card.expiresAt ?? "");
    vi.useFakeTimers({ toFake: ["Date"], now: end - 10_000 });
    await place(card.serial, "h", "4.00");
    vi.setSystemTime(end + 2000);
    expect(await balanceOf(card.serial)).toMatchObject({
      status: "expired",
      balance: { available: "0.00", held: "4.00", expired: "6.00" },
    });
    expect((await commit(card.serial, "h", "1.00")).body).toMatchObject({ state: "committed", charged: "1.00" });
    expect((await balanceOf(card.serial)).balance).toMatchObject({
      available: "0.00",
      held: "0.00",
      spent: "1.00",
      expired: "9.00",
    });
    expect((await place(card.serial, "n", "1.00")).body.code).toBe("card_expired");
    expect(
      (
        await call("PUT", `/v1/cards/${card.serial}/credits/c`, {
          key: operatorKey(),
          body: { amount: "1.00", currency: "EUR", source: "goodwill" },
        })
      ).status,
    ).toBe(410);
  });

  it("is undone by a top-up within the grace time, where the batch says so", async () => {
    const reviving = await createDeck({
      batch: { onExpiredTopUp: "revive", graceDays: 10, expiry: { daysAfterFirstUse: 30 } },
    });
    const { card } = await redeemed(reviving.codes[0]);
    const late = (await redeemed(reviving.codes[1])).card;
    const end = Date.parse(card.expiresAt ?? "");
    const top = (serial: string) =>
      call("PUT", `/v1/cards/${serial}/credits/t`, {
        key: operatorKey(),
        body: { amount: "5.00", currency: "EUR", source: "top_up" },
      });
    vi.useFakeTimers({ toFake: ["Date"], now: end + 5 * 86_400_000 });
    expect((await balanceOf(card.serial)).balance).toMatchObject({ expired: "10.00", available: "0.00" });
    expect((await top(card.serial)).body).toMatchObject({ balance: { available: "15.00" } });
    const revived = await call<{ status: string; expiresAt: string }>("GET", `/v1/cards/${card.serial}`, {
      key: operatorKey(),
    });
    expect(revived.body.status).toBe("active");
    expect(Math.round((Date.parse(revived.body.expiresAt) - Date.now()) / 86_400_000)).toBeGreaterThanOrEqual(29);
    vi.setSystemTime(end + 11 * 86_400_000);
    expect((await top(late.serial)).status).toBe(410);
  });
});
