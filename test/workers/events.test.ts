import { evictDurableObject, runDurableObjectAlarm } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { operatorKey, call } from "../support/api.ts";
import { createDeck, redeemed, refresh, type Deck, type Redeemed } from "../support/cards.ts";
import { createKey } from "../support/catalogue.ts";
import { listen, upgrade, type Listening } from "../support/sockets.ts";

let deck: Deck;
let switchKey: string;
let next = 0;
beforeAll(async () => {
  deck = await createDeck({ batch: { maxDevices: 2, expiry: { daysAfterFirstUse: 30 } } });
  switchKey = (await createKey(null, ["switch"], { trunks: [deck.trunk] })).key;
});
afterEach(() => {
  vi.useRealTimers();
});

const freshCard = (): Promise<Redeemed> => redeemed(deck.codes[next++]);
const objectOf = ({ card }: Redeemed) => env.CARDS.getByName(card.serial);
const money = (card: Redeemed, path: string, amount: string, more: Record<string, unknown> = {}) =>
  call("PUT", `/v1/cards/${card.card.serial}/${path}`, {
    key: path.startsWith("credits") ? operatorKey() : switchKey,
    body: { amount, currency: "EUR", ...more },
  });
const act = (card: Redeemed, action: string, more: Record<string, unknown> = {}) =>
  call("PATCH", `/v1/cards/${card.card.serial}`, { key: operatorKey(), body: { action, reason: "test", ...more } });
const available = async (listening: Listening) => (await listening.next()).data["balance"];
const moveTo = (ms: number) => vi.useFakeTimers({ toFake: ["Date"], now: ms });

describe("connecting", () => {
  it("says the card first, as GET /v1/me does, and answers the subprotocol", async () => {
    const card = await freshCard();
    const live = await listen(card.tokens.accessToken);
    expect(live.subprotocol).toBe("bearer");
    const me = await call("GET", "/v1/me", { key: card.tokens.accessToken });
    const { card: shown, balance, devices } = me.body;
    expect(await live.next()).toEqual({ type: "card", version: 1, data: { card: shown, balance, devices } });
  });

  it("takes the token in a header from clients that can set one", async () => {
    const { tokens } = await freshCard();
    const live = await listen(tokens.accessToken, { Authorization: `Bearer ${tokens.accessToken}` });
    expect(live.subprotocol).toBeNull();
    expect((await live.next()).type).toBe("card");
  });

  it("is refused without a token of ours, before any card's object is touched", async () => {
    const { tokens } = await freshCard();
    const good = tokens.accessToken;
    const spy = vi.spyOn(env.CARDS, "getByName");
    for (const headers of [
      {},
      { "Sec-WebSocket-Protocol": "bearer" },
      { "Sec-WebSocket-Protocol": good },
      { "Sec-WebSocket-Protocol": `token, ${good}` },
      { "Sec-WebSocket-Protocol": `${good}, bearer` },
      { "Sec-WebSocket-Protocol": `bearer, ${good}, more` },
      { "Sec-WebSocket-Protocol": `bearer, ${good.slice(0, -3)}AAA` },
      { "Sec-WebSocket-Protocol": `bearer, ${"x".repeat(8000)}` },
      { "Sec-WebSocket-Protocol": `bearer, ${tokens.refreshToken}` },
      { "Sec-WebSocket-Protocol": "chat", Authorization: `Bearer ${good}` },
      { Authorization: `Bearer ${operatorKey()}` },
    ]) {
      const answer = await upgrade(headers);
      expect([answer.status, (await answer.json<{ code: string }>()).code]).toEqual([401, "unauthenticated"]);
    }
    const plain = await call("GET", "/v1/me/events", { key: good });
    expect([plain.status, plain.body["code"]]).toEqual([400, "bad_request"]);
    moveTo(Date.now() + 610_000);
    expect((await upgrade({ Authorization: `Bearer ${good}` })).status).toBe(401);
    expect(spy).not.toHaveBeenCalled();
    spy.mockRestore();
  });

  it("is refused to a signed-out device and on a blocked card", async () => {
    const card = await freshCard();
    const headers = { Authorization: `Bearer ${card.tokens.accessToken}` };
    const codeOf = async () => (await (await upgrade(headers)).json<{ code: string }>()).code;
    await act(card, "block");
    expect(await codeOf()).toBe("card_blocked");
    await act(card, "unblock");
    await call("DELETE", "/v1/me/device", { key: card.tokens.accessToken });
    expect(await codeOf()).toBe("device_signed_out");
  });

  it("lets a device have eight sockets; a closed one makes room", async () => {
    const card = await freshCard();
    const all = await Promise.all(Array.from({ length: 8 }, () => listen(card.tokens.accessToken)));
    const headers = { Authorization: `Bearer ${card.tokens.accessToken}` };
    const ninth = await upgrade(headers);
    expect([ninth.status, ninth.headers.get("Retry-After")]).toEqual([429, "60"]);
    expect(await ninth.json()).toMatchObject({ code: "too_many_attempts" });
    const other = await redeemed(deck.codes[next - 1], "b");
    expect((await listen(other.tokens.accessToken)).socket).toBeDefined();
    all[0]?.socket.close(1000);
    await vi.waitFor(async () => expect((await upgrade(headers)).status).toBe(101));
  });
});

describe("every change", () => {
  it("of money, status and devices reaches every listener", async () => {
    const card = await freshCard();
    const both = [await listen(card.tokens.accessToken), await listen(card.tokens.accessToken)];
    const told = async () => {
      const [one, two] = await Promise.all(both.map((live) => live.next()));
      expect(two).toEqual(one);
      return one?.data;
    };
    await told();
    await money(card, "debits/d1", "1.00");
    expect(await told()).toMatchObject({ balance: { available: "9.00", held: "0.00" } });
    await money(card, "holds/h1", "2.00", { ttlSeconds: 60 });
    expect(await told()).toMatchObject({ balance: { available: "7.00", held: "2.00" } });
    await money(card, "credits/c1", "5.00", { source: "goodwill" });
    expect(await told()).toMatchObject({ balance: { available: "12.00" } });
    await act(card, "block");
    expect(await told()).toMatchObject({ card: { status: "blocked" } });
    await act(card, "unblock");
    expect(await told()).toMatchObject({ card: { status: "active" } });
    await redeemed(deck.codes[next - 1], "b");
    expect(await told()).toMatchObject({
      devices: [
        { number: 1, current: true },
        { number: 2, current: false },
      ],
    });
  });

  it("is said once: reads, refusals and repeated requests say nothing", async () => {
    const card = await freshCard();
    const live = await listen(card.tokens.accessToken);
    await live.next();
    await money(card, "debits/d1", "1.00");
    await money(card, "debits/d1", "1.00");
    await money(card, "debits/d2", "100.00");
    await call("GET", "/v1/me", { key: card.tokens.accessToken });
    await refresh(card.tokens.refreshToken);
    await runDurableObjectAlarm(objectOf(card));
    expect(await available(live)).toMatchObject({ available: "9.00" });
    await scheduler.wait(50);
    expect(live.rest()).toEqual([]);
  });

  it("reaches a listener whose card slept meanwhile", async () => {
    const card = await freshCard();
    const live = await listen(card.tokens.accessToken);
    await live.next();
    for (const amount of ["9.00", "8.00"]) {
      await evictDurableObject(objectOf(card));
      await money(card, `debits/to-${amount}`, "1.00");
      expect(await available(live)).toMatchObject({ available: amount });
    }
    live.socket.send("ping");
    expect(await live.pong()).toBe(1);
  });

  it("that time makes is said by the alarm: the end of a hold, and of the card with nothing left", async () => {
    const card = await freshCard();
    const endMs = Date.parse(card.card.expiresAt ?? "");
    await money(card, "debits/all", "9.00");
    await money(card, "holds/h1", "1.00", { ttlSeconds: 60 });
    moveTo(Date.now() + 61_000);
    const live = await listen(card.tokens.accessToken);
    expect((await live.next()).data).toMatchObject({ balance: { available: "1.00", held: "0.00" } });
    await money(card, "debits/rest", "1.00");
    await live.next();
    moveTo(endMs - 100_000);
    const fresh = (await refresh(card.tokens.refreshToken)).body.access_token;
    const late = await listen(fresh);
    expect((await late.next()).data).toMatchObject({ card: { status: "active" } });
    moveTo(endMs + 2000);
    expect(await runDurableObjectAlarm(objectOf(card))).toBe(true);
    expect((await late.next()).data).toMatchObject({ card: { status: "expired" } });
  });
});

describe("a socket ends", () => {
  it("with 4401 when its device is signed out, its tokens revoked or its seat released; others stay", async () => {
    const ways = [
      (card: Redeemed) => call("DELETE", "/v1/me/device", { key: card.tokens.accessToken }),
      (card: Redeemed) => call("POST", "/v1/revoke", { body: { token: card.tokens.accessToken } }),
      (card: Redeemed) => act(card, "release_device", { device: 1 }),
    ];
    for (const end of ways) {
      const card = await freshCard();
      const other = await redeemed(deck.codes[next - 1], "b");
      const [live, staying] = [await listen(card.tokens.accessToken), await listen(other.tokens.accessToken)];
      await live.next();
      await end(card);
      expect(await live.closed()).toBe(4401);
      expect((await staying.next()).type).toBe("card");
      await money(card, "debits/d1", "1.00");
      await vi.waitFor(() => expect(staying.rest().at(-1)?.data).toMatchObject({ balance: { available: "9.00" } }));
    }
  });

  it("with 4401 when an old refresh token was used: the whole family is over", async () => {
    const card = await freshCard();
    const live = await listen(card.tokens.accessToken);
    let newest = card.tokens.refreshToken;
    for (let step = 0; step < 3; step++) newest = (await refresh(newest)).body.refresh_token;
    await refresh(card.tokens.refreshToken);
    expect(await live.closed()).toBe(4401);
  });

  it("with 4408 when its token does, by the alarm or the next change, also after sleep", async () => {
    for (const wake of [
      (card: Redeemed) => runDurableObjectAlarm(objectOf(card)),
      (card: Redeemed) => money(card, "debits/d1", "1.00"),
    ]) {
      const card = await freshCard();
      const live = await listen(card.tokens.accessToken);
      await live.next();
      await evictDurableObject(objectOf(card));
      moveTo(Date.now() + 601_000);
      await wake(card);
      expect(await live.closed()).toBe(4408);
      expect(live.rest()).toEqual([]);
      vi.useRealTimers();
    }
  });

  it("is put off by a new token of the same device", async () => {
    const card = await freshCard();
    const live = await listen(card.tokens.accessToken);
    await live.next();
    const startMs = Date.now();
    moveTo(startMs + 500_000);
    const renewed = (await refresh(card.tokens.refreshToken)).body.access_token;
    live.socket.send(JSON.stringify({ type: "token", token: renewed }));
    const confirmed = await live.next();
    expect(confirmed.type).toBe("token");
    expect(Date.parse(confirmed.data["expiresAt"] as string)).toBeGreaterThan(startMs + 1_050_000);
    moveTo(startMs + 700_000);
    await runDurableObjectAlarm(objectOf(card));
    await money(card, "debits/d1", "1.00");
    expect(await available(live)).toMatchObject({ available: "9.00" });
    moveTo(startMs + 1_110_000);
    expect(await runDurableObjectAlarm(objectOf(card))).toBe(true);
    expect(await live.closed()).toBe(4408);
  });

  it("with 4401 when what is sent is no token of this device, and lives through everything else", async () => {
    const card = await freshCard();
    const other = await redeemed(deck.codes[next - 1], "b");
    const stranger = await freshCard();
    for (const token of ["x", "", card.tokens.refreshToken, other.tokens.accessToken, stranger.tokens.accessToken]) {
      const live = await listen(card.tokens.accessToken);
      live.socket.send(JSON.stringify({ type: "token", token }));
      expect(await live.closed()).toBe(4401);
    }
    const live = await listen(card.tokens.accessToken);
    await live.next();
    for (const garbage of [
      "",
      "{",
      "null",
      "[]",
      '{"type":"token"}',
      '{"type":"debit","amount":"1"}',
      "é".repeat(8192),
    ])
      live.socket.send(garbage);
    live.socket.send(new Uint8Array(8192));
    await money(card, "debits/d1", "1.00");
    expect(await available(live)).toMatchObject({ available: "9.00" });
    live.socket.send("x".repeat(8193));
    expect(await live.closed()).toBe(1009);
  });
});
