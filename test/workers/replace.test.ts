/** Replacing a card: the balance moves once, whole, and instead of the new card's face value. */
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { type Answer, operatorKey, call } from "../support/api.ts";
import { createKey, createPartnerKey } from "../support/catalogue.ts";
import { codesOf, createDeck, issue, redeem, redeemed, type Deck, type Problem } from "../support/cards.ts";
import { act, cardOf, holderOf, isReplayed, postingsOf, topUp, vouchersOf } from "../support/vouchers.ts";

const DAY_MS = 86_400_000;

type Replaced = {
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly moved: string;
  readonly balance: { readonly available: string };
};

let deck: Deck;
let switchKey: string;
let next = 0;

beforeAll(async () => {
  deck = await createDeck({ batch: { quantity: 80 } });
  switchKey = (await createKey(null, ["switch"], { trunks: [deck.trunk] })).key;
});
afterEach(() => {
  vi.useRealTimers();
});

const serialOf = (index: number, batch = deck.batch): string =>
  `${String(batch).padStart(6, "0")}-${String(index + 1).padStart(7, "0")}`;
const untouched = () => {
  const index = next++;
  return { code: deck.codes[index], serial: serialOf(index) };
};
/** A card in use with 7.00 of its 10.00 left. */
async function used() {
  const card = untouched();
  const holder = await holderOf(card.code);
  await debit(card.serial, "d1", "3.00");
  return { ...card, holder };
}
const debit = (serial: string, id: string, amount: string) =>
  call("PUT", `/v1/cards/${serial}/debits/${id}`, { key: switchKey, body: { amount, currency: "EUR" } });
const hold = (serial: string, id: string) =>
  call("PUT", `/v1/cards/${serial}/holds/${id}`, {
    key: switchKey,
    body: { amount: "1.00", currency: "EUR", ttlSeconds: 60 },
  });
const replace = (
  from: string,
  to: unknown,
  id = "r1",
  key = operatorKey(),
): Promise<Answer<Replaced & Problem & { holds?: { id: string }[] }>> =>
  call("POST", `/v1/cards/${from}/replace`, { key, body: { id, to } });

const notReplaceable = { status: 422, body: { code: "invalid_input", errors: [{ pointer: "/to" }] } };

describe("replacing a card", () => {
  it("moves what is left instead of the face value, and closes the old card", async () => {
    const [old, fresh] = [await used(), untouched()];
    const answer = await replace(old.serial, fresh.serial);
    expect(answer).toMatchObject({
      status: 200,
      body: { id: "r1", from: old.serial, to: fresh.serial, moved: "7.00", balance: { available: "7.00" } },
    });
    expect(await cardOf(old.serial)).toMatchObject({
      status: "closed",
      balance: { available: "0.00", credits: "10.00", spent: "3.00", reversed: "7.00" },
    });
    expect(await cardOf(fresh.serial)).toMatchObject({
      status: "active",
      balance: { available: "7.00", credits: "7.00", reversed: "0.00" },
    });
    expect((await postingsOf(old.serial))[0]).toMatchObject({
      type: "transfer_out",
      id: "r1",
      amount: "-7.00",
      reason: `to ${fresh.serial}`,
    });
    expect(await postingsOf(fresh.serial)).toMatchObject([
      { type: "transfer_in", id: "r1", amount: "7.00", reason: `from ${old.serial}` },
    ]);
  });

  it("leaves the old code dead and makes the new one redeemable without its face value", async () => {
    const [old, fresh] = [await used(), untouched()];
    await replace(old.serial, fresh.serial);
    expect(await redeem(old.code)).toMatchObject({ status: 410, body: { code: "card_closed" } });
    expect(await debit(old.serial, "d2", "1.00")).toMatchObject({ status: 410 });
    expect(await call("GET", "/v1/me", { key: old.holder.token })).toMatchObject({ status: 410 });
    const { balance, card } = await redeemed(fresh.code, "b");
    expect({ balance, card }).toMatchObject({ balance: { available: "7.00" }, card: { status: "active", device: 1 } });
    expect(card.expiresAt).not.toBeNull();
    expect(await debit(fresh.serial, "d1", "7.00")).toMatchObject({ status: 200, body: { collected: "7.00" } });
  });

  it("answers the same request as the first time; the id is taken for another card", async () => {
    const [old, fresh] = [await used(), untouched()];
    const first = await replace(old.serial, fresh.serial);
    await debit(fresh.serial, "d1", "7.00");
    const again = await replace(old.serial, fresh.serial);
    expect(again).toMatchObject({ status: 200, body: first.body });
    expect(isReplayed(again)).toBe(true);
    expect(await replace(old.serial, untouched().serial)).toMatchObject({ status: 422, body: { code: "id_reused" } });
    expect(await replace(old.serial, untouched().serial, "r2")).toMatchObject({
      status: 410,
      body: { code: "card_closed" },
    });
  });

  it("sent twenty times at once moves once, under one id and under twenty", async () => {
    for (const idOf of [() => "r", (index: number) => `r${index}`]) {
      const [old, fresh] = [await used(), untouched()];
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, index) => replace(old.serial, fresh.serial, idOf(index))),
      );
      expect(answers.some(({ status }) => status === 200)).toBe(true);
      expect(answers.every(({ status }) => [200, 410, 503].includes(status))).toBe(true);
      expect(await cardOf(fresh.serial)).toMatchObject({ balance: { available: "7.00", credits: "7.00" } });
      expect(await cardOf(old.serial)).toMatchObject({ status: "closed", balance: { reversed: "7.00" } });
    }
  });

  it("of two cards by the same one works for one of them; the other goes on", async () => {
    const [one, other, fresh] = [await used(), await used(), untouched()];
    const answers = await Promise.all([replace(one.serial, fresh.serial), replace(other.serial, fresh.serial)]);
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 422]);
    const loser = answers[0].status === 422 ? one : other;
    expect(await cardOf(loser.serial)).toMatchObject({ status: "active", balance: { available: "7.00" } });
    expect(await debit(loser.serial, "d2", "1.00")).toMatchObject({ status: 200 });
    expect(await replace(loser.serial, untouched().serial)).toMatchObject({ status: 200, body: { moved: "6.00" } });
  });

  it("works again for the card that replaced one, and with nothing left", async () => {
    const [old, middle, last] = [await used(), untouched(), untouched()];
    await replace(old.serial, middle.serial);
    await debit(middle.serial, "d1", "7.00");
    expect(await replace(middle.serial, last.serial)).toMatchObject({ status: 200, body: { moved: "0.00" } });
    const holder = await holderOf(last.code);
    const { codes } = await vouchersOf(deck, { quantity: 1 });
    expect(await topUp(holder, "t", codes[0])).toMatchObject({ status: 200, body: { balance: { available: "5.00" } } });
  });

  it("is what blocked and recalled cards are replaced for", async () => {
    const [lost, leaked] = [await used(), await used()];
    await act(lost.serial, "block");
    expect(await replace(lost.serial, untouched().serial)).toMatchObject({ status: 200, body: { moved: "7.00" } });
    const index = Number(leaked.serial.slice(7));
    await call("PATCH", `/v1/batches/${deck.batch}`, {
      key: operatorKey(),
      body: { status: "recalled", from: index, to: index },
    });
    expect(await replace(leaked.serial, untouched().serial)).toMatchObject({ status: 200, body: { moved: "7.00" } });
  });

  it("makes a card in use of one that waits for the till", async () => {
    const { partner, brand, profile } = deck;
    const batch = await issue({ partner, brand, profile, quantity: 1, activation: "on_sale" });
    const [code] = await codesOf(batch);
    expect(await replace((await used()).serial, serialOf(0, batch))).toMatchObject({ status: 200 });
    expect(await redeem(code)).toMatchObject({ status: 200, body: { balance: { available: "7.00" } } });
  });
});

describe("a card that cannot be replaced", () => {
  it("has open holds, which are listed; once they are settled, another id works", async () => {
    const [old, fresh] = [await used(), untouched()];
    await hold(old.serial, "h1");
    const refused = await replace(old.serial, fresh.serial);
    expect(refused).toMatchObject({ status: 409, body: { code: "too_many_calls", holds: [{ id: "h1" }] } });
    expect(isReplayed(await replace(old.serial, fresh.serial))).toBe(true);
    await call("POST", `/v1/cards/${old.serial}/holds/h1/commit`, { key: switchKey, body: { amount: "0.50" } });
    expect(await replace(old.serial, fresh.serial, "r2")).toMatchObject({ status: 200, body: { moved: "6.50" } });
  });

  it("owes", async () => {
    const old = await used();
    const credit = { amount: "5.00", currency: "EUR", source: "payment" };
    await call("PUT", `/v1/cards/${old.serial}/credits/c`, { key: operatorKey(), body: credit });
    await debit(old.serial, "d2", "12.00");
    await call("POST", `/v1/cards/${old.serial}/credits/c/reversals/x`, { key: operatorKey(), body: { reason: "r" } });
    const fresh = untouched();
    expect(await replace(old.serial, fresh.serial)).toMatchObject({ status: 403, body: { code: "card_blocked" } });
    expect(await cardOf(fresh.serial)).toMatchObject({ status: "issued" });
  });

  it("was never redeemed, is closed, or has expired", async () => {
    expect(await replace(untouched().serial, untouched().serial)).toMatchObject({
      status: 409,
      body: { code: "card_not_redeemed" },
    });
    const closed = await used();
    await act(closed.serial, "close");
    expect(await replace(closed.serial, untouched().serial)).toMatchObject({
      status: 410,
      body: { code: "card_closed" },
    });
    const old = await used();
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 400 * DAY_MS });
    expect(await replace(old.serial, untouched().serial)).toMatchObject({
      status: 410,
      body: { code: "card_expired" },
    });
  });
});

describe("a card that cannot take another's place", () => {
  it("is in use, blocked, closed, or recalled; the old card goes on", async () => {
    const old = await used();
    const [blocked, closed, redeemedOne] = [untouched(), untouched(), await used()];
    await act(blocked.serial, "block");
    await act(closed.serial, "close");
    for (const to of [blocked.serial, closed.serial, redeemedOne.serial])
      expect(await replace(old.serial, to), to).toMatchObject(notReplaceable);
    expect(await cardOf(old.serial)).toMatchObject({ status: "active", balance: { available: "7.00" } });
    expect(await debit(old.serial, "d2", "1.00")).toMatchObject({ status: 200 });
    // Nothing was kept of the refusals: the id is free.
    expect(await replace(old.serial, untouched().serial)).toMatchObject({ status: 200, body: { moved: "6.00" } });
  });

  it("is itself, a voucher, of another partner, of another mode, or does not exist", async () => {
    const old = await used();
    const { partner, brand, profile } = deck;
    const [vouchers, stranger] = [
      await vouchersOf(deck, { quantity: 1 }),
      await createDeck({ batch: { quantity: 1 } }),
    ];
    const test = await issue({ partner, brand, profile, mode: "test" });
    const key = await createPartnerKey(deck.partner);
    const texts = new Set<string>();
    for (const to of [old.serial, serialOf(0, vouchers.batch), serialOf(0, stranger.batch), serialOf(11, test), "x"])
      for (const each of [key, operatorKey()]) {
        const answer = await replace(old.serial, to, "r1", each);
        expect(answer, to).toMatchObject(notReplaceable);
        texts.add(JSON.stringify(answer.body.errors));
      }
    expect(texts.size).toBe(1);
  });
});

describe("the key", () => {
  it("needs cards:write, and reaches its own partner's cards only", async () => {
    const [old, fresh] = [await used(), untouched()];
    const reader = await createKey(deck.partner, ["cards:read", "credit:write"]);
    expect(await replace(old.serial, fresh.serial, "r1", reader.key)).toMatchObject({ status: 403 });
    const stranger = await createDeck({ batch: { quantity: 1 } });
    const foreign = await createPartnerKey(stranger.partner);
    expect(await replace(old.serial, fresh.serial, "r1", foreign)).toMatchObject({ status: 404 });
    const own = await createPartnerKey(deck.partner);
    expect(await replace(old.serial, fresh.serial, "r1", own)).toMatchObject({ status: 200 });
  });

  it("sends a well-formed request", async () => {
    const [old, fresh] = [await used(), untouched()];
    for (const body of [{ to: fresh.serial }, { id: "", to: fresh.serial }, { id: "r" }, { id: "r", to: 1 }])
      expect(await call("POST", `/v1/cards/${old.serial}/replace`, { key: operatorKey(), body })).toMatchObject({
        status: 422,
      });
  });
});
