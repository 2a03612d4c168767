import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { operatorKey, call } from "../support/api.ts";
import { createDeck, redeemed, type Deck, type Redeemed } from "../support/cards.ts";
import { createKey, createPartnerKey } from "../support/catalogue.ts";
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

const { place, extend, commit, release } = holdCalls(() => switchKey);

describe("a call", () => {
  it("holds before, extends during, commits after, exact at the end", async () => {
    const { card } = await freshCard();
    const { serial } = card;
    const held = await place(serial, "call-1", "2.00", { destination: "+33123", reference: "leg" });
    expect(held.body).toMatchObject({
      id: "call-1",
      state: "open",
      granted: "2.00",
      final: false,
      sequence: 0,
      charged: "0.00",
      balance: { available: "8.00", held: "2.00" },
    });
    expect(held.body.profile).toEqual({
      routeGroup: "default",
      techPrefix: "77",
      callerId: { mode: "anonymous", number: null },
      concurrentCalls: 50,
    });
    const step = await extend(serial, "call-1", 1, "1.50", "2.00");
    expect(step.body).toMatchObject({
      granted: "2.00",
      sequence: 1,
      charged: "1.50",
      released: "0.50",
      balance: { available: "6.50", held: "2.00" },
    });
    const details = { callId: "a@b", destination: "+331234567", durationSeconds: 95, ratePerMinute: "1.00" };
    const done = await commit(serial, "call-1", "0.25", { call: details });
    expect(done.body).toMatchObject({
      state: "committed",
      charged: "0.25",
      released: "1.75",
      shortfall: "0.00",
      balance: { available: "8.25", held: "0.00" },
    });
    expect((await balanceOf(serial)).balance).toMatchObject({
      available: "8.25",
      held: "0.00",
      spent: "1.75",
      credits: "10.00",
    });
    type Page = { items: { type: string; amount: string; call?: Record<string, unknown> }[] };
    const mine = await call<Page>("GET", `/v1/cards/${serial}/postings`, { key: operatorKey() });
    expect(mine.body.items.map(({ type, amount }) => [type, amount])).toEqual([
      ["commit", "1.75"],
      ["extend", "-1.50"],
      ["hold", "-2.00"],
      ["first", "10.00"],
    ]);
    expect(mine.body.items[0]?.call).toEqual(details);
    const partners = await call<Page>("GET", `/v1/cards/${serial}/postings`, {
      key: await createPartnerKey(deck.partner),
    });
    expect(partners.body.items[0]?.call).toMatchObject({ destination: "+33123****" });
  });

  it("may repeat every step, in any order of arrival, with one effect", async () => {
    const { serial } = (await freshCard()).card;
    expect((await commit(serial, "h", "1.00")).body.code).toBe("hold_unknown");
    const first = await place(serial, "h", "3.00");
    const again = await place(serial, "h", "3.00");
    expect(again.headers.get("Idempotency-Replayed")).toBe("true");
    expect({ ...again.body, serverTime: 0 }).toEqual({ ...first.body, serverTime: 0 });
    expect((await place(serial, "h", "3.01")).body.code).toBe("id_reused");
    const gap = await extend(serial, "h", 2, "1.00", "3.00");
    expect([gap.status, gap.body.code, gap.body.expected]).toEqual([409, "sequence_gap", 1]);
    const step = await extend(serial, "h", 1, "1.00", "3.00");
    expect((await extend(serial, "h", 1, "1.00", "3.00")).body.charged).toBe(step.body.charged);
    expect((await extend(serial, "h", 1, "2.00", "3.00")).body.code).toBe("id_reused");
    expect((await extend(serial, "h", 2, "0.00", "3.00")).status).toBe(200);
    expect((await commit(serial, "h", "2.00")).body.charged).toBe("2.00");
    expect((await commit(serial, "h", "2.00")).headers.get("Idempotency-Replayed")).toBe("true");
    expect((await commit(serial, "h", "2.01")).body.code).toBe("id_reused");
    const late = await release(serial, "h");
    expect([late.status, late.body.code, late.body.hold?.state]).toEqual([409, "hold_settled", "committed"]);
    expect((await place(serial, "h", "3.00")).body.state).toBe("committed");
    expect((await balanceOf(serial)).balance).toMatchObject({ available: "7.00", spent: "3.00", held: "0.00" });
  });
});

describe("thirty holds at once on credit for one", () => {
  it("grant one and refuse the others, exact", async () => {
    const { serial } = (await freshCard()).card;
    const answers = await Promise.all(Array.from({ length: 30 }, (_, index) => place(serial, `h${index}`, "10.00")));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(answers.filter(({ status, body }) => status === 402 && body.code === "insufficient_credit")).toHaveLength(
      29,
    );
    expect((await balanceOf(serial)).balance).toMatchObject({ available: "0.00", held: "10.00" });
  });

  it("and fifty times the same hold have one effect and equal answers", async () => {
    const { serial } = (await freshCard()).card;
    const answers = await Promise.all(Array.from({ length: 50 }, () => place(serial, "same", "4.00")));
    const bodies = answers.map(({ body }) => JSON.stringify({ ...body, serverTime: 0 }));
    expect(new Set(bodies).size).toBe(1);
    expect((await balanceOf(serial)).balance).toMatchObject({ available: "6.00", held: "4.00" });
  });
});

describe("more than the hold", () => {
  it("is refused by default and settles nothing, collected on request with the shortfall recorded", async () => {
    const { serial } = (await freshCard()).card;
    await place(serial, "a", "9.00");
    const over = await commit(serial, "a", "9.50");
    expect([over.status, over.body.code]).toEqual([422, "commit_exceeds_hold"]);
    expect((await balanceOf(serial)).balance).toMatchObject({ held: "9.00" });
    const collected = await commit(serial, "a", "12.00", { overrun: "collect" });
    expect(collected.body).toMatchObject({
      state: "committed",
      charged: "10.00",
      shortfall: "2.00",
      balance: { available: "0.00", held: "0.00" },
    });
  });

  it("is granted in part when the caller can live with it, and says when it is the last", async () => {
    const { serial } = (await freshCard()).card;
    expect((await place(serial, "big", "15.00", { minimum: "11.00" })).status).toBe(402);
    expect((await place(serial, "part", "15.00", { minimum: "5.00" })).body).toMatchObject({
      granted: "10.00",
      final: true,
    });
    const empty = await extend(serial, "part", 1, "10.00", "5.00");
    expect(empty.body).toMatchObject({
      state: "open",
      granted: "0.00",
      final: true,
      charged: "10.00",
      balance: { available: "0.00", held: "0.00" },
    });
    expect((await place(serial, "x", "1.00", { minimum: "2.00" })).status).toBe(422);
  });
});

describe("a hold that runs out", () => {
  it("frees its credit at its end; a late commit collects what is there and no more", async () => {
    const { serial } = (await freshCard()).card;
    const start = Date.now();
    await place(serial, "late", "8.00");
    vi.useFakeTimers({ toFake: ["Date"], now: start + 59_000 });
    expect((await balanceOf(serial)).balance["held"]).toBe("8.00");
    vi.setSystemTime(start + 62_000);
    expect(await balanceOf(serial)).toMatchObject({ balance: { available: "10.00", held: "0.00" }, openHolds: 0 });
    expect((await extend(serial, "late", 1, "1.00", "8.00")).body).toMatchObject({
      code: "hold_settled",
      hold: { state: "expired" },
    });
    expect((await place(serial, "other", "7.00")).status).toBe(200);
    const late = await commit(serial, "late", "9.00");
    expect(late.body).toMatchObject({
      state: "late",
      charged: "3.00",
      shortfall: "5.00",
      balance: { available: "0.00", held: "7.00" },
    });
    expect((await commit(serial, "late", "9.00")).body.charged).toBe("3.00");
    expect((await release(serial, "late")).body.code).toBe("hold_settled");
  });

  it("may be released as a success, and a commit a day later only records", async () => {
    const { serial } = (await freshCard()).card;
    const start = Date.now();
    await place(serial, "r", "2.00");
    await place(serial, "c", "2.00");
    vi.useFakeTimers({ toFake: ["Date"], now: start + 61_000 });
    expect((await release(serial, "r")).body).toMatchObject({
      state: "expired",
      released: "0.00",
      balance: { available: "10.00" },
    });
    vi.setSystemTime(start + 60_000 + 25 * 3_600_000);
    expect((await commit(serial, "c", "1.50")).body).toMatchObject({
      state: "expired",
      charged: "0.00",
      shortfall: "1.50",
      balance: { available: "10.00" },
    });
  });
});

describe("the rules at the door of a hold", () => {
  it("let the longest prefix of the destination decide", async () => {
    const { serial } = (await freshCard()).card;
    const to = async (id: string, destination: string) => (await place(serial, id, "0.10", { destination })).status;
    expect([await to("a", "+331"), await to("b", "+4989"), await to("c", "+49301"), await to("d", "112")]).toEqual([
      200, 403, 200, 403,
    ]);
    expect((await place(serial, "b", "0.10", { destination: "+4989" })).body.code).toBe("destination_not_allowed");
  });

  it("refuse a signed-out device and one call too many, naming what is open", async () => {
    const one = await createDeck();
    switchKey = (await createKey(null, ["switch"], { trunks: [deck.trunk, one.trunk] })).key;
    const { card, tokens } = await redeemed(one.codes[0]);
    expect((await place(card.serial, "a", "1.00", { subject: `${card.serial}.1` })).status).toBe(200);
    const second = await place(card.serial, "b", "1.00");
    expect([second.status, second.body.code, second.body.holds?.map(({ id }) => id)]).toEqual([
      409,
      "too_many_calls",
      ["a"],
    ]);
    await call("DELETE", "/v1/me/device", { key: tokens.accessToken });
    expect((await extend(card.serial, "a", 1, "0.50", "1.00")).status).toBe(200);
    await release(card.serial, "a");
    expect((await place(card.serial, "c", "1.00", { subject: `${card.serial}.1` })).body.code).toBe(
      "credential_revoked",
    );
    expect((await place(card.serial, "d", "1.00", { subject: `${card.serial}.9` })).body.code).toBe(
      "credential_revoked",
    );
  });

  it("let a blocked card's open holds settle and no new one start", async () => {
    const { serial } = (await freshCard()).card;
    await place(serial, "open", "2.00");
    await call("PATCH", `/v1/cards/${serial}`, { key: operatorKey(), body: { action: "block", reason: "stolen" } });
    expect((await place(serial, "new", "1.00")).body.code).toBe("card_blocked");
    expect((await extend(serial, "open", 1, "1.00", "2.00")).body.code).toBe("card_blocked");
    expect((await commit(serial, "open", "1.50")).body).toMatchObject({ state: "committed", charged: "1.50" });
  });

  it.each([
    ["zero", { amount: "0" }],
    ["negative", { amount: "-1" }],
    ["a number", { amount: 1 }],
    ["too precise", { amount: "0.0000001" }],
    ["no time", { ttlSeconds: 0 }],
    ["negative time", { ttlSeconds: -1 }],
    ["too much time", { ttlSeconds: 1e9 }],
    ["a fraction of a second", { ttlSeconds: 1.5 }],
    ["lower-case currency", { currency: "eur" }],
    ["unknown currency", { currency: "XXX" }],
    ["an unknown field", { force: true }],
    ["another card's subject", { subject: "000001-0000001.1" }],
  ])("refuse %s", async (_, extra) => {
    const { serial } = (await freshCard()).card;
    const answer = await place(serial, "bad", "1.00", extra);
    expect([answer.status, answer.body.code]).toEqual([422, "invalid_input"]);
    expect((await balanceOf(serial)).balance).toMatchObject({ available: "10.00", held: "0.00" });
  });
});
