import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { CardFacts } from "../../../src/web/answers.ts";
import { cardOf, openLive, waitMs, type LiveDeps } from "../../../src/web/live.ts";

const message = (available: string) =>
  JSON.stringify({
    type: "card",
    version: 3,
    data: {
      card: { serial: "000012-0000345", status: "active", expiresAt: null, mode: "live", device: 1 },
      balance: { available, held: "0.00", currency: "EUR" },
      devices: [],
    },
  });

/** A page whose sockets, clock and tokens the test moves by hand. */
function page(tokens: (string | null)[] = []) {
  const sockets: { protocols: string[]; heard: Parameters<LiveDeps["open"]>[2] }[] = [];
  const timers: { ms: number; task: () => void; cancelled: boolean }[] = [];
  const cards: CardFacts[] = [];
  let signedOut = 0;
  const live = openLive({
    open: (path, protocols, heard) => {
      expect(path).toBe("/v1/me/events");
      sockets.push({ protocols, heard });
      return { close: () => undefined };
    },
    token: async () => (tokens.length > 0 ? (tokens.shift() ?? null) : "token"),
    later: (task, ms) => {
      const timer = { ms, task, cancelled: false };
      timers.push(timer);
      return () => (timer.cancelled = true);
    },
    random: () => 1,
    onCard: (card) => cards.push(card),
    onSignedOut: () => (signedOut += 1),
  });
  const settle = () => new Promise((resolve) => setTimeout(resolve, 0));
  return {
    live,
    sockets,
    timers,
    cards,
    settle,
    signedOut: () => signedOut,
    says: (data: unknown) => sockets.at(-1)?.heard.said(data),
    breaks: async (code: number) => {
      sockets.at(-1)?.heard.ended(code);
      await settle();
    },
    waits: async () => {
      const timer = timers.at(-1);
      if (timer && !timer.cancelled) timer.task();
      await settle();
    },
  };
}

describe("the live channel", () => {
  it("offers the token as a subprotocol and shows what it is told", async () => {
    const { sockets, settle, says, cards } = page();
    await settle();
    expect(sockets[0]?.protocols).toEqual(["bearer", "token"]);
    says(message("9.00"));
    says('{"type":"token"}');
    says("pong");
    says(new ArrayBuffer(2));
    expect(cards.map(({ balance }) => balance.available)).toEqual(["9.00"]);
  });

  it("comes back after longer and longer waits, and quickly once it was told something", async () => {
    const { settle, breaks, waits, timers, says } = page();
    await settle();
    for (let turn = 0; turn < 8; turn++) {
      await breaks(1006);
      await waits();
    }
    expect(timers.map(({ ms }) => ms)).toEqual([1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
    says(message("1.00"));
    await breaks(1006);
    expect(timers.at(-1)?.ms).toBe(1000);
  });

  it("takes a new token at once when the old one ended, but not in a circle", async () => {
    const { settle, says, breaks, sockets, timers } = page(["one", "two"]);
    await settle();
    says(message("1.00"));
    await breaks(4408);
    expect(sockets.map(({ protocols }) => protocols[1])).toEqual(["one", "two"]);
    await breaks(1006);
    await breaks(4408);
    expect(timers).toHaveLength(2);
  });

  it("waits while there is no token, and stops when signed out", async () => {
    const { settle, waits, breaks, sockets, timers, signedOut } = page([null]);
    await settle();
    expect([sockets.length, timers.length]).toEqual([0, 1]);
    await waits();
    await breaks(4401);
    expect([sockets.length, timers.length, signedOut()]).toEqual([1, 1, 1]);
  });

  it("is silent once closed, even while a token or a wait is under way", async () => {
    const early = page();
    early.live.close();
    await early.settle();
    expect(early.sockets).toEqual([]);
    const { live, settle, breaks, timers, says, cards, sockets } = page();
    await settle();
    await breaks(1006);
    live.close();
    expect(timers.at(-1)?.cancelled).toBe(true);
    says(message("1.00"));
    await breaks(1006);
    expect([cards, sockets.length, timers.length]).toEqual([[], 1, 1]);
  });

  it("reads hostile messages as nothing, and never throws", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json(), fc.anything()), (text) => {
        expect(cardOf(text)).toBeNull();
      }),
    );
  });

  it("never waits less than half a second or more than a minute", () => {
    fc.assert(
      fc.property(fc.nat(), fc.double({ min: 0, max: 1, noNaN: true }), (failures, random) => {
        expect(waitMs(failures, random)).toBeGreaterThanOrEqual(500);
        expect(waitMs(failures, random)).toBeLessThanOrEqual(60_000);
      }),
    );
  });
});
