/** Notices from the change that causes them to the queue: in the same transaction, once, under the same id. */
import { createMessageBatch, evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import type { NoticeEvent, NoticesEvent } from "../../src/domain/card-calls.ts";
import { DAY_MS } from "../../src/domain/time.ts";
import { consumeCardEvents } from "../../src/queue/card-events.ts";
import { operatorKey, call } from "../support/api.ts";
import { createDeck, redeemed, type Deck, type Redeemed } from "../support/cards.ts";
import { createKey } from "../support/catalogue.ts";

let deck: Deck;
let switchKey: string;
let next = 0;
beforeAll(async () => {
  deck = await createDeck({ batch: { expiry: { daysAfterFirstUse: 30 } } });
  switchKey = (await createKey(null, ["switch"], { trunks: [deck.trunk] })).key;
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** Its first redemption was told of. */
async function freshCard(): Promise<Redeemed> {
  const card = await redeemed(deck.codes[next++]);
  await drained(card);
  return card;
}
/** Those of the message that are not repeated from one before. */
const last = (events: readonly NoticeEvent[], count = 1) => events.slice(-count);
const objectOf = ({ card }: Redeemed) => env.CARDS.getByName(card.serial);
const debit = (card: Redeemed, id: string, amount: string) =>
  call("PUT", `/v1/cards/${card.card.serial}/debits/${id}`, { key: switchKey, body: { amount, currency: "EUR" } });
const extend = (card: Redeemed, toMs: number) =>
  call("PATCH", `/v1/cards/${card.card.serial}`, {
    key: operatorKey(),
    body: { action: "extend", reason: "test", expiresAt: new Date(toMs).toISOString() },
  });
const moveTo = (ms: number) => vi.useFakeTimers({ toFake: ["Date"], now: ms });

const waiting = (card: Redeemed) =>
  runInDurableObject(objectOf(card), (_, { storage }) =>
    storage.sql
      .exec("SELECT event FROM outbox WHERE sent_at_ms IS NULL ORDER BY version")
      .toArray()
      .map(({ event }) => event),
  );

/** Runs the alarm with a queue that keeps the notices it is sent, or fails with them. */
async function drained(card: Redeemed, fails = false): Promise<NoticeEvent[]> {
  const sent: NoticeEvent[] = [];
  await runInDurableObject(objectOf(card), async (instance) => {
    const queue = {
      send: async (message: NoticesEvent | { type: "card" }) => {
        if (message.type === "card") return;
        sent.push(...message.events);
        if (fails) throw new Error("queue down");
      },
    };
    Object.defineProperty(instance, "env", { value: { ...env, CARD_EVENTS: queue }, configurable: true });
    await (instance as unknown as { alarm(): Promise<void> }).alarm();
  });
  return sent;
}

describe("low balance", () => {
  it("costs one row, only when due, and is sent once", async () => {
    const card = await freshCard();
    await debit(card, "d1", "5.00");
    expect(await waiting(card)).toEqual([]);
    await debit(card, "d2", "4.00");
    await debit(card, "d2", "4.00");
    await debit(card, "d3", "0.50");
    expect(await waiting(card)).toEqual(["card.low_balance"]);
    const [first, event, ...more] = await drained(card);
    const [batch = 0, number = 0] = card.card.serial.split("-").map(Number);
    expect(first).toMatchObject({ event: "card.redeemed", data: { balance: { available: "10.00" } } });
    expect(more).toEqual([]);
    expect(event).toEqual({
      type: "event",
      event: "card.low_balance",
      id: `evt_${card.card.serial}_3_card_low_balance`,
      at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
      batch,
      card: number,
      data: { expiresAt: card.card.expiresAt, balance: { available: "1.00", held: "0.00", currency: "EUR" } },
    });
    expect(await waiting(card)).toEqual([]);
    expect(await drained(card)).toEqual([]);
  });

  it("waits for the queue under the same id, through evictions", async () => {
    const card = await freshCard();
    await debit(card, "d1", "9.00");
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    const failed = await drained(card, true);
    expect(failed.map(({ event }) => event)).toEqual(["card.redeemed", "card.low_balance"]);
    const alarm = await runInDurableObject(objectOf(card), (_, { storage }) => storage.getAlarm());
    expect(alarm).toBeGreaterThan(Date.now() + 20_000);
    await evictDurableObject(objectOf(card));
    expect(await drained(card)).toEqual(failed);
    expect(await drained(card)).toEqual([]);
  });
});

describe("what else is told", () => {
  const act = (card: Redeemed, action: string) =>
    call("PATCH", `/v1/cards/${card.card.serial}`, { key: operatorKey(), body: { action, reason: "test" } });

  it("is a block, once", async () => {
    const card = await freshCard();
    for (const action of ["block", "block", "unblock", "block"]) expect((await act(card, action)).status).toBe(200);
    expect(await waiting(card)).toEqual(["card.blocked", "card.blocked"]);
  });

  it("is a hold that is committed after its end, once", async () => {
    const card = await freshCard();
    const hold = `/v1/cards/${card.card.serial}/holds/h1`;
    await call("PUT", hold, { key: switchKey, body: { amount: "4.00", currency: "EUR", ttlSeconds: 60 } });
    moveTo(Date.now() + 61_000);
    for (let time = 0; time < 2; time += 1)
      await call("POST", `${hold}/commit`, { key: switchKey, body: { amount: "3.00" } });
    expect(await waiting(card)).toEqual(["hold.late"]);
    expect(last(await drained(card))).toMatchObject([
      { event: "hold.late", data: { hold: { id: "h1", charged: "3.00", shortfall: "0.00" } } },
    ]);
  });

  it("never arrives without what was told before it, for four days", async () => {
    const card = await freshCard();
    await act(card, "block");
    await act(card, "unblock");
    await debit(card, "d1", "9.00");
    const names = (events: NoticeEvent[]) => events.map(({ event }) => event);
    expect(names(await drained(card))).toEqual(["card.redeemed", "card.blocked", "card.low_balance"]);
    moveTo(Date.now() + 4 * DAY_MS + 1000);
    await act(card, "block");
    expect(names(await drained(card))).toEqual(["card.blocked"]);
    const kept = await runInDurableObject(objectOf(card), (_, { storage }) =>
      storage.sql.exec("SELECT count(*) AS n FROM outbox").one(),
    );
    expect(kept).toEqual({ n: 1 });
  });
});

describe("a card about to end", () => {
  it("wakes itself seven days before, tells once, and again only for a later end", async () => {
    const card = await freshCard();
    const endMs = Date.parse(card.card.expiresAt ?? "") + 999;
    expect(await drained(card)).toEqual([]);
    const alarm = await runInDurableObject(objectOf(card), (_, { storage }) => storage.getAlarm());
    expect(alarm).toBe(endMs - 7 * DAY_MS);
    moveTo(endMs - 7 * DAY_MS);
    expect(last(await drained(card))).toMatchObject([
      { event: "card.expiring", data: { expiresAt: card.card.expiresAt, balance: { available: "10.00" } } },
    ]);
    expect(await drained(card)).toEqual([]);
    await extend(card, endMs - DAY_MS);
    expect(await drained(card)).toEqual([]);
    await extend(card, endMs + 60 * DAY_MS);
    expect(await drained(card)).toEqual([]);
    moveTo(endMs + 55 * DAY_MS);
    expect(await drained(card)).toMatchObject([{ event: "card.expiring" }]);
  });
});

describe("the consumer", () => {
  const made: string[] = [];
  afterEach(async () => {
    for (const path of made.splice(0)) await call("DELETE", path, { key: operatorKey() });
  });
  const webhook = async (id: string) => {
    const path = `/v1/partners/${deck.partner}/webhooks/${id}`;
    made.push(path);
    const body = { url: "https://hooks.example/", events: ["card.low_balance"] };
    await call("PUT", path, { key: operatorKey(), body });
    return async () =>
      (await call<{ items: { id: string }[] }>("GET", `${path}/deliveries`, { key: operatorKey() })).body.items.map(
        (delivery) => delivery.id,
      );
  };
  beforeEach(() => {
    vi.spyOn(globalThis, "fetch").mockImplementation(async () => new Response());
  });

  it("takes every notice once, and a damaged one harms no other", async () => {
    const logged = await webhook("one");
    const card = await freshCard();
    await debit(card, "d1", "9.00");
    const [event] = last(await drained(card));
    const errors = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const message = { type: "events", events: [event, event] };
    const bodies = [message, message, event, { ...event, event: "card.other" }, { type: "other" }, null];
    const messages = bodies.map((body, index) => ({ id: `m${index}`, timestamp: new Date(), attempts: 1, body }));
    await consumeCardEvents(createMessageBatch("ringfare-card-events", messages), env);
    expect(await logged()).toEqual([event?.id]);
    expect(errors).toHaveBeenCalledTimes(3);
  });

  it("gets them through the queues themselves, from the card to the receiver", async () => {
    const logged = await webhook("two");
    const card = await redeemed(deck.codes[next++]);
    await debit(card, "d1", "9.00");
    await runDurableObjectAlarm(objectOf(card));
    const id = `evt_${card.card.serial}_2_card_low_balance`;
    await vi.waitFor(async () => expect(await logged()).toEqual([id]), 20_000);
    const headers = () => vi.mocked(fetch).mock.calls.map(([, init]) => new Headers(init?.headers as HeadersInit));
    await vi.waitFor(() => expect(headers().map((sent) => sent.get("webhook-id"))).toContain(id), 20_000);
  });
});
