/** Events on their way to partners: at least once, signed, in order per card, whatever receivers and queues do. */
import { env } from "cloudflare:workers";
import { describe, expect, it, vi } from "vitest";
import type { NoticesEvent } from "../../src/domain/card-calls.ts";
import { call, operatorKey } from "../support/api.ts";
import { createDeck, redeemed } from "../support/cards.ts";
import { bring, verify, wake, type Received } from "../support/receivers.ts";
import {
  act,
  eventful,
  expectInOrder,
  good,
  hook,
  HOUR,
  idsOf,
  internet,
  later,
  log,
  MINUTE,
  onTheClock,
  read,
  SECOND,
  told,
  versionOf,
  wakes,
  setUpNetwork,
} from "../support/webhooks.ts";

setUpNetwork();

describe("an event", () => {
  it("arrives signed, with everything the standard asks for and nothing else", async () => {
    const deck = await createDeck();
    const { host, secret, path } = await hook(deck.partner);
    internet.at(host, (received) => {
      verify(secret, received);
      return good();
    });
    const messages = await eventful(deck, 0, 0);
    await bring(messages);
    await wakes.run();
    const [event, ...more] = internet.of(host);
    expect(more).toEqual([]);
    const serial = event?.data.card ?? "";
    expect(event).toMatchObject({ url: `https://${host}/in`, id: `evt_${serial}_1_card_redeemed` });
    expect(event?.headers.get("Content-Type")).toBe("application/json");
    expect(JSON.parse(event?.text ?? "")).toEqual({
      type: "card.redeemed",
      timestamp: messages[0]?.events[0]?.at,
      data: {
        card: serial,
        batch: deck.batch,
        kind: "card",
        mode: "live",
        expiresAt: expect.any(String),
        balance: { available: "10.00", held: "0.00", currency: "EUR" },
      },
    });
    expect((await log({ host, secret, path }))[0]).toEqual({
      id: event?.id,
      type: "card.redeemed",
      card: serial,
      status: "delivered",
      attempts: 1,
      responseStatus: 204,
      error: null,
      createdAt: expect.any(String),
      lastAttemptAt: expect.any(String),
      nextAttemptAt: null,
      endedAt: expect.any(String),
    });
  });

  it("of a test card says so", async () => {
    const deck = await createDeck({ batch: { mode: "test" } });
    const { host } = await hook(deck.partner);
    await bring(await eventful(deck, 15, 0));
    await wakes.run();
    expect(internet.of(host)).toMatchObject([{ type: "card.redeemed", data: { mode: "test" } }]);
  });

  it("goes to the webhooks of its partner that want it, and to nobody else", async () => {
    const [deck, other] = [await createDeck(), await createDeck()];
    const mine = await hook(deck.partner, ["card.blocked"]);
    const unwanted = await hook(deck.partner, ["hold.late"]);
    const foreign = await hook(other.partner);
    await bring(await eventful(deck, 0, 1));
    await wakes.run();
    expect(internet.received.map(({ url, type }) => [new URL(url).host, type])).toEqual([[mine.host, "card.blocked"]]);
    expect([await log(unwanted), await log(foreign)]).toEqual([[], []]);
  });

  it("from before a webhook, or before it wanted such events, does not come later", async () => {
    const deck = await createDeck();
    const card = await redeemed(deck.codes[0]);
    await bring(await told(card));
    await later(10 * SECOND);
    const { host, path } = await hook(deck.partner, ["card.low_balance"]);
    await act(card, "block");
    await bring(await told(card));
    await later(10 * SECOND);
    const body = { url: `https://${host}/in`, events: ["card.low_balance", "card.blocked"] };
    await call("PUT", path, { key: operatorKey(), body });
    await act(card, "unblock");
    await act(card, "block");
    // The message repeats what was told before.
    const messages = await told(card);
    expect(messages[0]?.events.map(({ event }) => event)).toEqual(["card.redeemed", "card.blocked", "card.blocked"]);
    await bring(messages);
    await wakes.run();
    expect(internet.of(host).map(versionOf)).toEqual([4]);
  });
});

describe("messages that come twice, or in any order", () => {
  it("add one entry a webhook and event, and keep each card's order", async () => {
    const deck = await createDeck();
    const one = await hook(deck.partner);
    const two = await hook(deck.partner);
    const messages = [...(await eventful(deck, 0, 3)), ...(await eventful(deck, 1, 3))];
    for (const message of [...messages.toReversed(), ...messages]) await bring([message]);
    await bring([...messages, ...messages]);
    await wakes.run();
    for (const { host } of [one, two]) {
      expect(internet.of(host)).toHaveLength(8);
      expect(new Set(internet.of(host).map(({ id }) => id))).toEqual(idsOf(messages));
      expectInOrder(internet.of(host));
    }
    for (const message of messages) await bring([message]);
    await later(HOUR);
    expect(internet.received).toHaveLength(16);
  });

  it("are not lost while the database is down: they come again later and later", async () => {
    const deck = await createDeck();
    const { host } = await hook(deck.partner);
    const messages = await eventful(deck, 0, 0);
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    const d1 = vi.spyOn(env.DB, "withSession").mockImplementation(() => {
      throw new Error("D1 is down");
    });
    const delays = [];
    for (const attempts of [1, 2, 5, 90]) delays.push(await bring(messages, attempts));
    expect(delays).toEqual([5, 10, 80, 900]);
    d1.mockRestore();
    expect(await bring(messages, 91)).toBeNull();
    await wakes.run();
    expect(internet.of(host)).toHaveLength(1);
  });

  it("wake the deliverer even when the wake could not be sent the first time", async () => {
    const deck = await createDeck();
    const { host } = await hook(deck.partner);
    const messages = await eventful(deck, 0, 0);
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    vi.spyOn(env.WEBHOOK_WAKES, "sendBatch").mockRejectedValueOnce(new Error("queue down"));
    expect(await bring(messages)).toBe(5);
    expect(await bring(messages, 2)).toBeNull();
    await wakes.run();
    expect(internet.of(host)).toHaveLength(1);
  });

  it("are found by the clock when their wake was lost", async () => {
    const deck = await createDeck();
    const { host } = await hook(deck.partner);
    await bring(await eventful(deck, 0, 0));
    wakes.lose();
    await onTheClock();
    expect(wakes.waiting, "it may be on its way still").toEqual([]);
    await later(2 * MINUTE);
    await onTheClock();
    await wakes.run();
    expect(internet.of(host)).toHaveLength(1);
  });
});

describe("a receiver that is down for an hour", () => {
  it("gets every event once it is back: signed, at least once, in order per card", async () => {
    const deck = await createDeck();
    const { host, secret, path } = await hook(deck.partner);
    const startMs = Date.now();
    let isUp = false;
    const accepted: Received[] = [];
    internet.at(host, (received) => {
      verify(secret, received);
      if (!isUp) {
        if (received.atMs % 2 === 0) throw new TypeError("connection refused");
        return new Response("down", { status: 503 });
      }
      accepted.push(received);
      return good();
    });
    const all: NoticesEvent[] = [];
    for (let index = 0; index < 6; index += 1) {
      const messages = await eventful(deck, index, index);
      all.push(...messages);
      await bring(messages.toReversed());
      await later(9 * MINUTE + index);
    }
    await wakes.runUntil(startMs + HOUR);
    expect(accepted).toEqual([]);
    const tries = internet.of(host).length;
    expect(tries, "it is looked for, not hammered").toBeLessThan(30);
    expect((await read({ host, secret, path }))["failingSince"]).not.toBeNull();
    isUp = true;
    await later(15 * MINUTE);
    expect(new Set(accepted.map(({ id }) => id))).toEqual(idsOf(all));
    expect(accepted.length).toBeGreaterThanOrEqual(idsOf(all).size);
    expectInOrder(accepted);
    expect((await read({ host, secret, path }))["failingSince"]).toBeNull();
    expect((await log({ host, secret, path })).map((entry) => entry.status)).toEqual(
      Array.from(idsOf(all), () => "delivered"),
    );
  });
});

describe("several deliverers at once", () => {
  it("deliver every event once and in order", async () => {
    const deck = await createDeck();
    const { host, path } = await hook(deck.partner);
    internet.at(host, async () => {
      await scheduler.wait(5);
      return good();
    });
    const messages = [];
    for (let index = 0; index < 8; index += 1) messages.push(...(await eventful(deck, index, 2)));
    await bring(messages);
    const [, , , partner = "", , id = ""] = path.split("/");
    await Promise.all(Array.from({ length: 6 }, () => wake({ type: "deliver", partner, id })));
    expect(internet.of(host)).toHaveLength(24);
    expectInOrder(internet.of(host));
  });
});
