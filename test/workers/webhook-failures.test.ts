/** Receivers that refuse, hang up, move away or are gone; owners who switch off, change secrets and read the log. */
import { env } from "cloudflare:workers";
import { describe, expect, it, vi } from "vitest";
import { call, operatorKey } from "../support/api.ts";
import { audit } from "../support/audit.ts";
import { createDeck } from "../support/cards.ts";
import { createPartner } from "../support/catalogue.ts";
import { bring, verify } from "../support/receivers.ts";
import {
  ALL,
  DAY,
  eventful,
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
  status,
  versionOf,
  wakes,
  setUpNetwork,
} from "../support/webhooks.ts";

setUpNetwork();

describe("an event that cannot be delivered", () => {
  it("holds back the later ones of its card, and nobody else's", async () => {
    const deck = await createDeck();
    let isStuck = true;
    const { host, path, secret } = await hook(deck.partner);
    const [stuck, free] = [await eventful(deck, 0, 2), await eventful(deck, 1, 2)];
    const poison = stuck[0]?.events[0]?.id;
    internet.at(host, ({ id }) => (id === poison && isStuck ? status(500)() : good()));
    await bring([...stuck, ...free]);
    await wakes.run();
    expect(new Set(internet.of(host).map(({ id }) => id))).toEqual(new Set([poison, ...idsOf(free)]));
    const waiting = await log({ host, path, secret }, "?status=pending");
    expect(waiting.map(({ nextAttemptAt, error }) => [nextAttemptAt === null, error])).toEqual([
      [true, null],
      [true, null],
      [false, "status"],
    ]);
    isStuck = false;
    await later(MINUTE);
    expect(internet.of(host).slice(-3).map(versionOf)).toEqual([1, 2, 4]);
  });

  it("is tried over hours with growing delays under one id, then given up, and the next one goes", async () => {
    const deck = await createDeck();
    const { host, path, secret } = await hook(deck.partner);
    const [messages, others] = [await eventful(deck, 0, 1), await eventful(deck, 1, 0)];
    const poison = messages[0]?.events[0]?.id ?? "";
    internet.at(host, ({ id }) => (id === poison ? status(400)() : good()));
    await bring(messages);
    // Something else arrives now and then, so that the webhook as such works.
    for (let hour = 0; hour < 80; hour += 1) {
      const [event] = others[0]?.events ?? [];
      await bring([{ type: "events", events: [{ ...event, id: `evt_other_${hour}`, card: 2 }] }]);
      await later(HOUR);
    }
    const times = internet
      .of(host)
      .filter(({ id }) => id === poison)
      .map(({ atMs }) => atMs);
    const gaps = times.slice(1).map((atMs, index) => atMs - (times[index] ?? 0));
    expect(times.length).toBeGreaterThan(8);
    expect((times.at(-1) ?? 0) - (times[0] ?? 0)).toBeGreaterThan(2 * DAY);
    expect(gaps.at(-1)).toBeGreaterThan(4 * HOUR);
    expect(internet.of(host).map(({ id }) => id)).toContain(messages.at(-1)?.events.at(-1)?.id);
    const failed = await log({ host, path, secret }, "?status=failed");
    expect(failed).toMatchObject([{ id: poison, error: "status", responseStatus: 400, nextAttemptAt: null }]);
    expect((await read({ host, path, secret }))["enabled"]).toBe(true);
  });
});

describe("what counts as a failure", () => {
  it.each([
    [
      "a redirect",
      () => new Response(null, { status: 302, headers: { Location: "https://elsewhere.example/" } }),
      "redirect",
      302,
    ],
    ["400", status(400), "status", 400],
    ["429", status(429), "status", 429],
    ["500", status(500), "status", 500],
    ["304", () => new Response(null, { status: 304 }), "redirect", 304],
  ] as const)("%s", async (_, answering, error, responseStatus) => {
    const deck = await createDeck();
    const mine = await hook(deck.partner, ALL, answering);
    await bring(await eventful(deck, 0, 0));
    await wakes.run();
    expect(internet.received).toHaveLength(1);
    expect(await log(mine)).toMatchObject([{ status: "pending", attempts: 1, error, responseStatus }]);
    await later(10 * SECOND);
    expect(internet.received).toHaveLength(2);
  });

  it("no connection, or an address that may no longer be called", async () => {
    const deck = await createDeck();
    const mine = await hook(deck.partner);
    internet.at(mine.host, () => {
      throw new TypeError("certificate has expired");
    });
    await bring(await eventful(deck, 0, 0));
    await wakes.run();
    expect(await log(mine)).toMatchObject([{ error: "unreachable", responseStatus: null }]);
    await env.DB.prepare("UPDATE webhooks SET url = 'https://127.0.0.1/' WHERE url LIKE ?")
      .bind(`%${mine.host}%`)
      .run();
    await later(10 * SECOND);
    expect(internet.received).toHaveLength(1);
    expect(await log(mine)).toMatchObject([{ error: "address_not_allowed", attempts: 2 }]);
  });

  it("a deliverer that dies with the event in its hands: another one takes it up", async () => {
    const deck = await createDeck();
    const mine = await hook(deck.partner);
    await bring(await eventful(deck, 0, 1));
    await env.DB.prepare(
      "UPDATE webhook_deliveries SET attempts = 1, next_attempt_at_ms = ? WHERE next_attempt_at_ms IS NOT NULL",
    )
      .bind(Date.now() + MINUTE)
      .run();
    await wakes.run();
    expect(internet.received).toEqual([]);
    await later(MINUTE);
    expect(internet.of(mine.host).map(versionOf)).toEqual([1, 2]);
  });
});

describe("a webhook that is disabled", () => {
  it("by 410: at once, and the partner's others are alerted once", async () => {
    const deck = await createDeck();
    const gone = await hook(deck.partner, ALL, status(410));
    const quiet = await hook(deck.partner, ["card.blocked"]);
    const other = await hook(deck.partner, ["alert"]);
    const foreign = await hook(await createPartner());
    const lines = vi.spyOn(console, "error").mockImplementation(() => undefined);
    await bring([...(await eventful(deck, 0, 0)), ...(await eventful(deck, 1, 0))]);
    await later(HOUR);
    expect(internet.of(gone.host).length).toBeLessThanOrEqual(2);
    expect(await read(gone)).toMatchObject({ enabled: false, disabledReason: "gone" });
    const id = gone.path.split("/").at(-1);
    expect(internet.of(other.host)).toMatchObject([
      { type: "alert", data: { alert: "webhook_disabled", webhook: id, reason: "gone" } },
    ]);
    expect([...internet.of(quiet.host), ...internet.of(foreign.host)]).toEqual([]);
    expect(
      lines.mock.calls
        .flat()
        .map(String)
        .filter((line) => line.includes("webhook_disabled")),
    ).toHaveLength(1);
    await bring(await eventful(deck, 2, 0));
    expect(await log(gone)).toHaveLength(2);
    const acts = async () => (await audit(`?object=webhook:${id}`)).body.items.map(({ act, actor }) => [act, actor]);
    expect(await acts()).toEqual([
      ["webhook.disable", "service"],
      ["webhook.put", "operator"],
    ]);
    await call("PUT", gone.path, { key: operatorKey(), body: { url: `https://${gone.host}/in`, events: ALL } });
    expect((await acts())[0], "the same order enables it: an act").toEqual(["webhook.put", "operator"]);
  });

  it("by failing for three days; enabled again, it gets what is not too old", async () => {
    const deck = await createDeck();
    const down = await hook(deck.partner, ALL, status(503));
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    await bring(await eventful(deck, 0, 0));
    await later(3 * DAY - HOUR);
    expect(await read(down)).toMatchObject({ enabled: true });
    const fresh1 = await eventful(deck, 1, 0);
    await bring(fresh1);
    await later(2 * HOUR);
    expect(await read(down)).toMatchObject({ enabled: false, disabledReason: "failing" });
    await later(HOUR);
    internet.at(down.host, good);
    const before = internet.received.length;
    await call("PUT", down.path, { key: operatorKey(), body: { url: `https://${down.host}/in`, events: ALL } });
    await wakes.run();
    expect(internet.received.slice(before).map(({ id }) => id)).toEqual([...idsOf(fresh1)]);
    expect(await read(down)).toMatchObject({ enabled: true, disabledReason: null, failingSince: null });
  });

  it("by its owner: nothing is kept for it, and what waited goes once it is enabled", async () => {
    const deck = await createDeck();
    const mine = await hook(deck.partner);
    const put = (enabled: boolean) =>
      call("PUT", mine.path, { key: operatorKey(), body: { url: `https://${mine.host}/in`, events: ALL, enabled } });
    const first = await eventful(deck, 0, 0);
    await bring(first);
    await put(false);
    await bring(await eventful(deck, 1, 0));
    await later(HOUR);
    expect(internet.received).toEqual([]);
    await put(true);
    await wakes.run();
    expect(internet.received.map(({ id }) => id)).toEqual([...idsOf(first)]);
  });
});

describe("a suspended partner", () => {
  it("is sent nothing until it is active again", async () => {
    const deck = await createDeck();
    const mine = await hook(deck.partner);
    const messages = await eventful(deck, 0, 0);
    await createPartner(deck.partner, { status: "suspended" });
    await bring(messages);
    await later(HOUR);
    await onTheClock();
    await wakes.run();
    expect(internet.of(mine.host)).toEqual([]);
    await createPartner(deck.partner);
    await onTheClock();
    await wakes.run();
    expect(internet.of(mine.host)).toHaveLength(1);
  });
});

describe("secrets", () => {
  it("overlap: both sign until the overlap ends, then the new one alone", async () => {
    const deck = await createDeck();
    const mine = await hook(deck.partner);
    const rotate = (overlapSeconds: number) =>
      call<{ secret: string }>("POST", `${mine.path}/rotate-secret`, { key: operatorKey(), body: { overlapSeconds } });
    const second = (await rotate(3600)).body.secret;
    let index = 0;
    const next = async () => {
      await bring(await eventful(deck, index++, 0));
      await wakes.run();
      return internet.of(mine.host).at(-1)!;
    };
    const during = await next();
    expect(during.signatures).toHaveLength(2);
    for (const secret of [mine.secret, second]) expect(verify(secret, during)).toBeTruthy();
    await later(HOUR);
    const after = await next();
    expect(after.signatures).toHaveLength(1);
    expect(verify(second, after)).toBeTruthy();
    expect(() => verify(mine.secret, after)).toThrow("No matching signature");
    const third = (await rotate(0)).body.secret;
    const last = await next();
    expect(last.signatures).toHaveLength(1);
    expect(verify(third, last)).toBeTruthy();
  });
});

describe("the log", () => {
  it("forgets entries after thirty days, and gives up what a disabled webhook never sent", async () => {
    const deck = await createDeck();
    const mine = await hook(deck.partner);
    await bring(await eventful(deck, 0, 0));
    await wakes.run();
    await bring(await eventful(deck, 1, 1));
    await call("PUT", mine.path, {
      key: operatorKey(),
      body: { url: `https://${mine.host}/in`, events: ALL, enabled: false },
    });
    await later(3 * DAY + MINUTE);
    await onTheClock();
    expect((await log(mine)).map((entry) => [entry.status, entry.error])).toEqual([
      ["failed", "expired"],
      ["failed", "expired"],
      ["delivered", null],
    ]);
    await later(28 * DAY);
    await onTheClock();
    expect(await log(mine)).toEqual([]);
  });
});
