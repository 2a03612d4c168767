/** Notices from the change that causes them to the queue: in the same transaction, once, under the same id. */
import { createMessageBatch, evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import type { NoticeEvent } from "../../src/domain/card-calls.ts";
import { DAY_MS } from "../../src/domain/time.ts";
import { consumeCardEvents } from "../../src/queue/card-events.ts";
import { bootstrapKey, call } from "../support/api.ts";
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

const freshCard = (): Promise<Redeemed> => redeemed(deck.codes[next++]);
const objectOf = ({ card }: Redeemed) => env.CARDS.getByName(card.serial);
const debit = (card: Redeemed, id: string, amount: string) =>
  call("PUT", `/v1/cards/${card.card.serial}/debits/${id}`, { key: switchKey, body: { amount, currency: "EUR" } });
const extend = (card: Redeemed, toMs: number) =>
  call("PATCH", `/v1/cards/${card.card.serial}`, {
    key: bootstrapKey(),
    body: { action: "extend", reason: "test", expiresAt: new Date(toMs).toISOString() },
  });
const moveTo = (ms: number) => vi.useFakeTimers({ toFake: ["Date"], now: ms });

const waiting = (card: Redeemed) =>
  runInDurableObject(objectOf(card), (_, { storage }) =>
    storage.sql
      .exec("SELECT event FROM outbox ORDER BY version")
      .toArray()
      .map(({ event }) => event),
  );

/** Runs the alarm with a queue that keeps what it is sent, or fails. */
async function drained(card: Redeemed, fails = false): Promise<NoticeEvent[]> {
  const sent: NoticeEvent[] = [];
  await runInDurableObject(objectOf(card), async (instance) => {
    const queue = {
      send: async () => undefined,
      sendBatch: async (messages: { body: NoticeEvent }[]) => {
        sent.push(...messages.map(({ body }) => body));
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
    const [event, ...more] = await drained(card);
    const [batch = 0, number = 0] = card.card.serial.split("-").map(Number);
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
    expect(failed).toHaveLength(1);
    const alarm = await runInDurableObject(objectOf(card), (_, { storage }) => storage.getAlarm());
    expect(alarm).toBeGreaterThan(Date.now() + 20_000);
    await evictDurableObject(objectOf(card));
    expect(await drained(card)).toEqual(failed);
    expect(await drained(card)).toEqual([]);
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
    expect(await drained(card)).toMatchObject([
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
  it("acknowledges notices with one line each, and a damaged one harms no other", async () => {
    const card = await freshCard();
    await debit(card, "d1", "9.00");
    const [event] = await drained(card);
    const lines = vi.spyOn(console, "info").mockImplementation(() => undefined);
    const errors = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const bodies = [event, { ...event, event: "card.other" }, { type: "other" }, null];
    const messages = bodies.map((body, index) => ({ id: `m${index}`, timestamp: new Date(), attempts: 1, body }));
    await consumeCardEvents(createMessageBatch("ringfare-card-events", messages), env);
    expect(lines.mock.calls.map(([line]) => JSON.parse(line as string) as unknown)).toEqual([
      { event: "card_notice", notice: "card.low_balance", id: event?.id, card: card.card.serial },
    ]);
    expect(errors).toHaveBeenCalledTimes(3);
  });

  it("gets them through the queue itself", async () => {
    const card = await freshCard();
    await debit(card, "d1", "9.00");
    const lines = vi.spyOn(console, "info").mockImplementation(() => undefined);
    await runDurableObjectAlarm(objectOf(card));
    await vi.waitFor(
      () => expect(lines.mock.calls.flat().join("\n")).toContain(`evt_${card.card.serial}_2_card_low_balance`),
      5000,
    );
  });
});
