import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { DAY_MS } from "../../src/domain/time.ts";
import { operatorKey, call } from "../support/api.ts";
import { codesOf, createDeck, issue, redeem, type Deck } from "../support/cards.ts";
import { createBrand } from "../support/catalogue.ts";
import { act, cardOf, holderOf, isReplayed, postingsOf, topUp, vouchersOf, type Holder } from "../support/vouchers.ts";

let deck: Deck;
let vouchers: { batch: number; codes: string[] };
let nextCard = 0;
let nextVoucher = 0;

beforeAll(async () => {
  deck = await createDeck({ batch: { quantity: 60 } });
  vouchers = await vouchersOf(deck, { quantity: 100 });
});
afterEach(() => {
  vi.useRealTimers();
});

/** A holder of a card of 10.00 that nobody else uses. */
const holder = (): Promise<Holder> => holderOf(deck.codes[nextCard++]);
const voucher = () => {
  const index = nextVoucher++;
  return { code: vouchers.codes[index], serial: serialOf(vouchers.batch, index) };
};
const serialOf = (batch: number, index: number): string =>
  `${String(batch).padStart(6, "0")}-${String(index + 1).padStart(7, "0")}`;
const patchBatch = (batch: number, body: object) => call("PATCH", `/v1/batches/${batch}`, { key: operatorKey(), body });

describe("a voucher", () => {
  it("pays its face value into the card, and is closed with books of its own", async () => {
    const card = await holder();
    const { code, serial } = voucher();
    const answer = await topUp(card, "t1", code);
    expect(answer).toMatchObject({
      status: 200,
      body: {
        id: "t1",
        credited: "5.00",
        voucher: serial,
        balance: { available: "15.00", held: "0.00", currency: "EUR" },
      },
    });
    expect(isReplayed(answer)).toBe(false);
    expect(await cardOf(card.serial)).toMatchObject({ balance: { available: "15.00", credits: "15.00" } });
    expect(await cardOf(serial)).toMatchObject({
      status: "closed",
      balance: { available: "0.00", credits: "5.00", reversed: "5.00" },
    });
    expect((await postingsOf(card.serial))[0]).toMatchObject({
      type: "credit",
      id: "t1",
      amount: "5.00",
      reason: `voucher ${serial}`,
    });
    expect((await postingsOf(serial)).map(({ type }) => type)).toEqual(["transfer_out", "first"]);
  });

  it("answers the same request as the first time, and the same voucher under any other id", async () => {
    const card = await holder();
    const { code } = voucher();
    const first = await topUp(card, "t1", code);
    for (const id of ["t1", "t2", "t3"]) {
      const again = await topUp(card, id, code?.toLowerCase());
      expect(again).toMatchObject({ status: 200, body: first.body });
      expect(isReplayed(again)).toBe(true);
    }
    expect(await cardOf(card.serial)).toMatchObject({ balance: { available: "15.00" } });
  });

  it("is refused under an id that another voucher had", async () => {
    const card = await holder();
    await topUp(card, "t1", voucher().code);
    const other = voucher();
    expect(await topUp(card, "t1", other.code)).toMatchObject({ status: 422, body: { code: "id_reused" } });
    expect(await cardOf(other.serial)).toMatchObject({ status: "issued" });
  });

  it("is used once: another card is told so, by the same answer every time", async () => {
    const [first, second] = [await holder(), await holder()];
    const { code } = voucher();
    await topUp(first, "t1", code);
    const refused = await topUp(second, "t1", code);
    expect(refused).toMatchObject({ status: 409, body: { code: "voucher_used" } });
    expect(isReplayed(refused)).toBe(false);
    const again = await topUp(second, "t1", code);
    expect(again).toMatchObject({ status: 409, body: { code: "voucher_used" } });
    expect(isReplayed(again)).toBe(true);
    expect(await cardOf(second.serial)).toMatchObject({ balance: { available: "10.00" } });
  });

  it("typed into two phones at once pays into exactly one card", async () => {
    for (let round = 0; round < 3; round += 1) {
      const cards = [await holder(), await holder()];
      const { code } = voucher();
      const answers = await Promise.all(cards.map((card) => topUp(card, "t1", code)));
      expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 409]);
      const balances = await Promise.all(cards.map(({ serial }) => cardOf(serial)));
      expect(balances.map(({ balance }) => balance.available).toSorted()).toEqual(["10.00", "15.00"]);
    }
  });

  it("sent twenty times at once, under one id and under twenty, pays once", async () => {
    for (const idOf of [() => "t", (index: number) => `t${index}`]) {
      const card = await holder();
      const { code } = voucher();
      const answers = await Promise.all(Array.from({ length: 20 }, (_, index) => topUp(card, idOf(index), code)));
      expect(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size).toBe(1);
      expect(answers.filter((answer) => !isReplayed(answer))).toHaveLength(1);
      expect(await cardOf(card.serial)).toMatchObject({ balance: { available: "15.00", credits: "15.00" } });
    }
  });

  it("pays beside others that are paid in at the same time", async () => {
    const card = await holder();
    const codes = Array.from({ length: 8 }, () => voucher().code);
    const answers = await Promise.all(codes.map((code, index) => topUp(card, `t${index}`, code)));
    expect(answers.every(({ status }) => status === 200)).toBe(true);
    expect(await cardOf(card.serial)).toMatchObject({ balance: { available: "50.00", credits: "50.00" } });
  });

  it.each([
    [{ minimumPayment: "0.00", multiplier: "1.10" }, "5.50"],
    [{ minimumPayment: "0.00", addition: "1.00" }, "6.00"],
    [{ minimumPayment: "0.00", multiplier: "2", addition: "0.25" }, "10.25"],
    [{ minimumPayment: "0.00" }, "5.00"],
  ])("with the bonus %j pays %s", async (bonus, credited) => {
    const { codes } = await vouchersOf(deck, { quantity: 1, bonus });
    expect(await topUp(await holder(), "t1", codes[0])).toMatchObject({ status: 200, body: { credited } });
  });

  it("whose bonus belongs to a payment pays nothing by itself", async () => {
    const { codes, batch } = await vouchersOf(deck, {
      quantity: 1,
      bonus: { minimumPayment: "10.00", addition: "1.00" },
    });
    expect(await topUp(await holder(), "t1", codes[0])).toMatchObject({
      status: 422,
      body: { code: "invalid_input", errors: [{ pointer: "/code" }] },
    });
    expect(await cardOf(serialOf(batch, 0))).toMatchObject({ status: "issued" });
  });
});

describe("a voucher that is not good", () => {
  it("is paused: refused now, good again under a new id", async () => {
    const { codes, batch } = await vouchersOf(deck, { quantity: 1 });
    const card = await holder();
    await patchBatch(batch, { status: "paused" });
    expect(await topUp(card, "t1", codes[0])).toMatchObject({ status: 409, body: { code: "batch_paused" } });
    await patchBatch(batch, { status: "active" });
    expect(await topUp(card, "t2", codes[0])).toMatchObject({ status: 200 });
  });

  it("is recalled", async () => {
    const { codes, batch } = await vouchersOf(deck, { quantity: 1 });
    await patchBatch(batch, { status: "recalled" });
    expect(await topUp(await holder(), "t1", codes[0])).toMatchObject({ status: 410, body: { code: "card_recalled" } });
  });

  it("has expired", async () => {
    const { codes } = await vouchersOf(deck, { quantity: 1, expiry: { daysAfterIssue: 1 } });
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 3 * DAY_MS });
    const card = await holderOf(deck.codes[nextCard++]);
    expect(await topUp(card, "t1", codes[0])).toMatchObject({ status: 410, body: { code: "voucher_expired" } });
  });

  it("is not activated by the till yet", async () => {
    const { codes } = await vouchersOf(deck, { quantity: 1, activation: "on_sale" });
    expect(await topUp(await holder(), "t1", codes[0])).toMatchObject({
      status: 409,
      body: { code: "card_not_activated" },
    });
  });

  it("is blocked, or closed by support", async () => {
    const [blocked, closed] = [voucher(), voucher()];
    await act(blocked.serial, "block");
    await act(closed.serial, "close");
    const card = await holder();
    expect(await topUp(card, "t1", blocked.code)).toMatchObject({ status: 403, body: { code: "card_blocked" } });
    expect(await topUp(card, "t2", closed.code)).toMatchObject({ status: 410, body: { code: "card_closed" } });
  });

  it("has another currency", async () => {
    const limit = { outstanding: "1000000.00", creditPerDay: "1000.00", maxFaceValue: "100.00" };
    const abroad = await createDeck({ batch: { quantity: 1 }, partner: { limits: { EUR: limit, USD: limit } } });
    const { codes } = await vouchersOf(abroad, { quantity: 1, credit: { amount: "5.00", currency: "USD" } });
    expect(await topUp(await holderOf(abroad.codes[0]), "t1", codes[0])).toMatchObject({
      status: 422,
      body: { code: "currency_mismatch" },
    });
  });

  it("is another partner's: as unknown as one never issued", async () => {
    const stranger = await createDeck({ batch: { quantity: 1 } });
    const { codes } = await vouchersOf(stranger, { quantity: 1 });
    expect(await topUp(await holder(), "t1", codes[0])).toMatchObject({ status: 404, body: { code: "code_unknown" } });
    expect(await topUp(await holderOf(stranger.codes[0]), "t1", codes[0])).toMatchObject({ status: 200 });
  });

  it("is of another brand of the same partner: that is no hindrance", async () => {
    const brand = await createBrand(deck.partner);
    const { codes } = await vouchersOf({ partner: deck.partner, brand }, { quantity: 1 });
    expect(await topUp(await holder(), "t1", codes[0])).toMatchObject({ status: 200 });
  });

  it("is a test one for a live card, or the reverse", async () => {
    const test = await vouchersOf(deck, { quantity: 1, mode: "test" });
    expect(await topUp(await holder(), "t1", test.codes[0])).toMatchObject({
      status: 404,
      body: { code: "code_unknown" },
    });
    const { partner, brand, profile } = deck;
    const testCards = await codesOf(await issue({ partner, brand, profile, mode: "test" }));
    const tester = await holderOf(testCards[11]);
    expect(await topUp(tester, "t1", voucher().code)).toMatchObject({ status: 404, body: { code: "code_unknown" } });
    expect(await topUp(tester, "t1", test.codes[0])).toMatchObject({ status: 200, body: { credited: "5.00" } });
  });

  it("is a card; and a voucher cannot be redeemed", async () => {
    const card = await holder();
    expect(await topUp(card, "t1", deck.codes[59])).toMatchObject({ status: 422, body: { code: "wrong_kind" } });
    expect(await redeem(voucher().code)).toMatchObject({ status: 422, body: { code: "wrong_kind" } });
  });

  it("is mistyped", async () => {
    const card = await holder();
    expect(await topUp(card, "t1", "not a code!")).toMatchObject({ status: 422, body: { code: "code_malformed" } });
    for (const body of [{ id: "t1" }, { id: "", code: "x" }, { id: "t1", code: 1 }, { id: "t1", code: "x", more: 1 }])
      expect(await call("POST", "/v1/me/top-ups", { key: card.token, body })).toMatchObject({ status: 422 });
  });
});

describe("a card that takes no voucher", () => {
  it("is blocked, or closed; the voucher stays good", async () => {
    for (const [action, status, code] of [
      ["block", 403, "card_blocked"],
      ["close", 410, "card_closed"],
    ] as const) {
      const card = await holder();
      const good = voucher();
      await act(card.serial, action);
      expect(await topUp(card, "t1", good.code)).toMatchObject({ status, body: { code } });
      expect(await cardOf(good.serial)).toMatchObject({ status: "issued" });
    }
  });

  it("has a device that was signed out", async () => {
    const card = await holder();
    await call("DELETE", "/v1/me/device", { key: card.token });
    for (const code of [voucher().code, deck.codes[58]])
      expect(await topUp(card, "t1", code)).toMatchObject({ status: 403, body: { code: "device_signed_out" } });
    expect(await call("POST", "/v1/me/top-ups", { body: { id: "t", code: "x" } })).toMatchObject({ status: 401 });
  });

  it("has expired, unless its batch revives: then the breakage comes back too", async () => {
    const { partner, brand, profile } = deck;
    const expiry = { daysAfterFirstUse: 2 };
    const dead = await codesOf(await issue({ partner, brand, profile, quantity: 1, expiry }));
    const revives = { onExpiredTopUp: "revive", graceDays: 10, expiry };
    const undead = await codesOf(await issue({ partner, brand, profile, quantity: 1, ...revives }));
    await Promise.all([holderOf(dead[0]), holderOf(undead[0])]);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 5 * DAY_MS });
    // The own device may still redeem, to see and to top up.
    expect(await topUp(await holderOf(dead[0]), "t1", voucher().code)).toMatchObject({
      status: 410,
      body: { code: "card_expired" },
    });
    expect(await topUp(await holderOf(undead[0]), "t1", voucher().code)).toMatchObject({
      status: 200,
      body: { balance: { available: "15.00" } },
    });
  });
});

describe("a holder who guesses", () => {
  it("has twenty failures a day; then nothing is looked at, but what was answered is answered again", async () => {
    const card = await holder();
    const [paid, good] = [voucher(), voucher()];
    const first = await topUp(card, "paid", paid.code);
    const other = await holder();
    const used = voucher();
    await topUp(other, "t", used.code);
    for (let index = 0; index < 20; index += 1)
      expect(await topUp(card, `g${index}`, index % 2 === 0 ? used.code : deck.codes[59])).toMatchObject({
        body: { code: index % 2 === 0 ? "voucher_used" : "wrong_kind" },
      });
    const refused = await topUp(card, "good", good.code);
    expect(refused).toMatchObject({ status: 429, body: { code: "too_many_attempts" } });
    expect(Number(refused.headers.get("Retry-After"))).toBeGreaterThan(80_000);
    expect(await topUp(card, "paid", paid.code)).toMatchObject({ status: 200, body: first.body });
    expect(await topUp(other, "t2", voucher().code)).toMatchObject({ status: 200 });
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + DAY_MS + 1000 });
    const later = await holderOf(deck.codes[Number(card.serial.slice(7)) - 1]);
    expect(await topUp(later, "good", good.code)).toMatchObject({ status: 200 });
  });
});
