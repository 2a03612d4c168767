/** One act for many cards: once per id and card whatever is lost or doubled, nothing in a dry run, nothing of anybody else's. */
import { createScheduledController } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import worker from "../../src/index.ts";
import { configOf } from "../../src/config.ts";
import { cardActionSlice } from "../../src/services/card-actions.ts";
import { servicesOf } from "../../src/services/services.ts";
import { Unavailable } from "../../src/storage/unavailable.ts";
import { formatSerial } from "../../src/domain/serial.ts";
import { operatorKey, call, fresh } from "../support/api.ts";
import { codesOf, createDeck, issue, redeemed, type Deck, type Problem } from "../support/cards.ts";
import { comparable, createKey, createPartnerKey } from "../support/catalogue.ts";

type Bulk = {
  id: string;
  status: string;
  total: number;
  done: number;
  failed: number;
  dryRun: boolean;
} & Problem;
type Result = { serial: string; outcome: string; status?: string; code?: string; detail?: string };
type Page<T> = { items: T[]; nextCursor: string | null };

const PATIENT = { timeout: 30_000, interval: 50 };

let deck: Deck;
let key: string;
let other: Deck;
let otherKey: string;
beforeAll(async () => {
  deck = await createDeck();
  key = await createPartnerKey(deck.partner);
  other = await createDeck();
  otherKey = await createPartnerKey(other.partner);
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const series = (quantity: number, overrides = {}) =>
  issue({ partner: deck.partner, brand: deck.brand, profile: deck.profile, quantity, ...overrides });
const serialsOf = (batch: number, from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, index) => formatSerial({ batch, card: from + index }));
const order = (body: object, as = key) =>
  call<Bulk>("POST", "/v1/cards/actions", { key: as, body: { reason: "test", ...body } });
const read = (id: string, as = key) => call<Bulk>("GET", `/v1/cards/actions/${id}`, { key: as });
const resultsOf = async (id: string, query = "?limit=200", as = key) =>
  (await call<Page<Result>>("GET", `/v1/cards/actions/${id}/results${query}`, { key: as })).body.items;
const statusOf = async (serial: string | undefined) =>
  (await call("GET", `/v1/cards/${serial}`, { key: operatorKey() })).body["status"];
const act = (serial: string | undefined, body: object) =>
  call("PATCH", `/v1/cards/${serial}`, { key: operatorKey(), body: { reason: "test", ...body } });

async function finished(id: string, as = key): Promise<Bulk> {
  await vi.waitFor(async () => expect((await read(id, as)).body.status).toBe("finished"), PATIENT);
  return (await read(id, as)).body;
}
async function done(body: object, as = key): Promise<{ bulk: Bulk; results: Result[] }> {
  const id = fresh("bulk-");
  const answer = await order({ id, ...body }, as);
  expect(answer.status, answer.text).toBe(202);
  return { bulk: await finished(id, as), results: await resultsOf(id, "?limit=200", as) };
}

describe("an act on many cards", () => {
  it("answers at once, is done in the background, and has a result for every card", async () => {
    const [foreign] = serialsOf(other.batch, 1, 1);
    const batch = await series(5);
    const serials = [...serialsOf(batch, 1, 3), "000099-0000001", foreign, formatSerial({ batch, card: 6 })];
    const answer = await order({ id: "b1", action: "block", serials });
    expect(answer).toMatchObject({ status: 202, body: { id: "b1", status: "queued", total: 6, done: 0, failed: 0 } });
    expect(await finished("b1")).toMatchObject({ total: 6, done: 3, failed: 3 });
    const results = await resultsOf("b1");
    expect(results.map(({ serial }) => serial)).toEqual(serials);
    expect(results.slice(0, 3)).toEqual(
      serials.slice(0, 3).map((serial) => ({ serial, outcome: "done", status: "blocked" })),
    );
    const absent = results.slice(3).map((result) => ({ ...result, serial: "" }));
    expect(absent[0]).toMatchObject({ outcome: "failed", code: "not_found" });
    expect(absent).toEqual([absent[0], absent[0], absent[0]]);
    expect(await statusOf(foreign)).toBe("issued");
    expect((await resultsOf("b1", "?outcome=failed")).map(({ serial }) => serial)).toEqual(serials.slice(3));
    expect((await resultsOf("b1", "?outcome=done&limit=2")).map(({ serial }) => serial)).toEqual(serials.slice(0, 2));
  });

  it("happens once per id: equal orders answer the first, others 422, and owners share nothing", async () => {
    const batch = await series(4);
    const [one, two] = serialsOf(batch, 1, 2);
    const body = { id: "once", action: "block", serials: [one] };
    const answers = await Promise.all(Array.from({ length: 8 }, () => order(body)));
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 202));
    expect(answers.filter(({ headers }) => headers.get("Idempotency-Replayed") !== "true")).toHaveLength(1);
    await finished("once");
    for (const change of [{ serials: [two] }, { action: "unblock" }, { dryRun: true }, { reason: "other" }])
      expect(await order({ ...body, ...change })).toMatchObject({ status: 422, body: { code: "id_reused" } });
    expect((await order(body, operatorKey())).headers.get("Idempotency-Replayed")).toBeNull();
    expect(comparable(await read("once", otherKey))).toEqual(comparable(await read("never", otherKey)));
    const theirs = `/v1/cards/actions/once/results`;
    expect((await call("GET", theirs, { key: otherKey })).status).toBe(404);
    const listed = await call<Page<Bulk>>("GET", "/v1/cards/actions?limit=1", { key });
    expect(listed.body.items.map(({ id }) => id)).toEqual(["once"]);
    expect((await call<Page<Bulk>>("GET", "/v1/cards/actions", { key: otherKey })).body.items).toEqual([]);
  });

  it("does nothing in a dry run but say what would happen", async () => {
    const batch = await series(4);
    const [untouched, used, closed] = serialsOf(batch, 1, 3);
    const codes = await codesOf(batch);
    await redeemed(codes[1]);
    await act(closed, { action: "close" });
    const before = await Promise.all([untouched, used, closed].map(statusOf));
    const dry = await done({ action: "block", serials: [untouched, used, closed], dryRun: true });
    expect(dry.bulk).toMatchObject({ dryRun: true, done: 2, failed: 1 });
    expect(dry.results.map(({ status, code }) => status ?? code)).toEqual(["blocked", "blocked", "card_closed"]);
    expect(await Promise.all([untouched, used, closed].map(statusOf))).toEqual(before);
    expect(await redeemed(codes[0])).toMatchObject({ balance: { available: "10.00" } });
  });

  it("activates what was sold, by list and by range, with a till's key too, and takes it back while untouched", async () => {
    const batch = await series(8, { activation: "on_sale" });
    const till = (await createKey(deck.partner, ["cards:activate"])).key;
    const serials = serialsOf(batch, 1, 8);
    const [first] = await codesOf(batch);
    expect((await done({ action: "activate", serials: serials.slice(0, 3) }, till)).bulk).toMatchObject({ done: 3 });
    expect((await done({ action: "activate", from: serials[3], to: serials[5] }, till)).bulk).toMatchObject({
      done: 3,
    });
    expect(await Promise.all(serials.map(statusOf))).toEqual([
      ...Array.from({ length: 6 }, () => "issued"),
      "not_activated",
      "not_activated",
    ]);
    expect(await order({ id: "x", action: "deactivate", serials }, till)).toMatchObject({
      status: 403,
      body: { code: "insufficient_scope" },
    });
    await redeemed(first);
    const undone = await done({ action: "deactivate", from: serials[0], to: serials[7] });
    expect(undone.results.map(({ status, code }) => status ?? code)).toEqual([
      "invalid_input",
      ...Array.from({ length: 5 }, () => "not_activated"),
      "invalid_input",
      "invalid_input",
    ]);
  });

  it("cannot take an activation back after fifteen minutes", async () => {
    const batch = await series(1, { activation: "on_sale" });
    const serials = serialsOf(batch, 1, 1);
    await done({ action: "activate", serials });
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 15 * 60_000 + 1000 });
    expect((await done({ action: "deactivate", serials })).results).toMatchObject([{ code: "invalid_input" }]);
  });

  it("extends, signs devices out and closes", async () => {
    const batch = await series(3);
    const codes = await codesOf(batch);
    const serials = serialsOf(batch, 1, 3);
    await redeemed(codes[0]);
    await redeemed(codes[1]);
    const expiresAt = "2090-01-01T00:00:00Z";
    expect((await done({ action: "extend", serials: serials.slice(0, 2), expiresAt })).bulk.done).toBe(2);
    expect((await call("GET", `/v1/cards/${serials[0]}`, { key })).body).toMatchObject({ expiresAt });
    const released = await done({ action: "release_device", serials });
    expect(released.results.map(({ outcome }) => outcome)).toEqual(["done", "done", "failed"]);
    expect((await call("GET", `/v1/cards/${serials[1]}`, { key })).body).toMatchObject({
      devices: [{ status: "signed_out" }],
    });
    expect((await done({ action: "close", from: serials[0], to: serials[2] })).bulk.done).toBe(3);
    expect(await Promise.all(serials.map(statusOf))).toEqual(["closed", "closed", "closed"]);
  });

  it("takes hundreds of cards, in slices", async () => {
    const batch = await series(450);
    const dry = await done({ action: "block", serials: serialsOf(batch, 1, 450), dryRun: true });
    expect(dry.bulk).toMatchObject({ total: 450, done: 450, failed: 0 });
    const pages = await call<Page<Result>>("GET", `/v1/cards/actions/${dry.bulk.id}/results?limit=200`, { key });
    const cursor = encodeURIComponent(pages.body.nextCursor ?? "");
    const next = await resultsOf(dry.bulk.id, `?limit=200&cursor=${cursor}`);
    expect([...pages.body.items, ...next].map(({ serial }) => serial)).toEqual(serialsOf(batch, 1, 400));
  });
});

describe("what is lost or doubled", () => {
  /** Ordered, with its message lost. */
  async function lost(body: object): Promise<{ id: string; number: number }> {
    const id = fresh("lost-");
    const send = vi.spyOn(env.CARD_EVENTS, "send").mockRejectedValue(new Error("the queue is away"));
    expect((await order({ id, ...body })).status).toBe(202);
    send.mockRestore();
    const row = await env.DB.prepare("SELECT number FROM card_actions WHERE id = ?")
      .bind(id)
      .first<{ number: number }>();
    return { id, number: row?.number ?? 0 };
  }

  it("a lost message is sent for by the schedule", async () => {
    const serials = serialsOf(await series(2), 1, 2);
    const { id } = await lost({ action: "block", serials });
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 120_000 });
    await worker.scheduled(createScheduledController({ cron: "* * * * *" }), env);
    expect(await finished(id)).toMatchObject({ done: 2 });
  });

  it("a slice that comes again does not undo what was decided meanwhile", async () => {
    const serials = serialsOf(await series(2), 1, 2);
    const { id, number } = await lost({ action: "block", serials });
    const services = servicesOf(env, configOf(env));
    const deps = { ...services, callCard: services.cards.call.bind(services.cards) };
    // The slice acts, and the Worker dies before anything is noted.
    const write = vi.spyOn(services.db, "write").mockRejectedValue(new Unavailable("gone"));
    await expect(cardActionSlice(deps, number)).rejects.toThrow("gone");
    write.mockRestore();
    expect(await Promise.all(serials.map(statusOf))).toEqual(["blocked", "blocked"]);
    await act(serials[0], { action: "unblock" });
    await Promise.all([1, 2, 3].map(() => cardActionSlice(deps, number)));
    expect(await finished(id)).toMatchObject({ total: 2, done: 2, failed: 0 });
    expect(await Promise.all(serials.map(statusOf))).toEqual(["issued", "blocked"]);
    expect(await resultsOf(id)).toHaveLength(2);
  });

  it("a card that does not answer is asked again, and fails by itself in the end", async () => {
    const serials = serialsOf(await series(3), 1, 3);
    const { id, number } = await lost({ action: "block", serials });
    const services = servicesOf(env, configOf(env));
    const quiet = { ...services.jobs, cardAction: async () => undefined };
    const deps = {
      ...services,
      jobs: quiet,
      callCard: ((at, use) =>
        at.card === 2
          ? Promise.reject(new Unavailable("away"))
          : services.cards.call(at, use)) as typeof services.cards.call,
    };
    await cardActionSlice(deps, number);
    expect((await read(id)).body).toMatchObject({ status: "running", done: 2, failed: 0 });
    for (let tries = 0; tries < 5; tries += 1) {
      await cardActionSlice(deps, number);
      vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 3_600_000 });
      await cardActionSlice(deps, number);
    }
    expect((await read(id)).body).toMatchObject({ status: "finished", done: 2, failed: 1 });
    expect((await resultsOf(id))[1]).toMatchObject({ outcome: "failed", code: "try_again" });
  });
});

describe("orders that cannot be", () => {
  const serial = (card: number) => formatSerial({ batch: deck.batch, card });
  it.each<[string, object, string]>([
    ["no cards", {}, "/serials"],
    ["both ways", { serials: ["000001-0000001"], from: "000001-0000001", to: "000001-0000001" }, "/serials"],
    ["half a range", { from: "000001-0000001" }, "/serials"],
    ["an empty list", { serials: [] }, "/serials"],
    ["a card twice", { serials: ["000001-0000001", "000001-0000001"] }, "/serials/1"],
    ["a code for a serial", { serials: ["7K3M-Q9TX-2WHD-PC4V"] }, "/serials/0"],
    ["two batches", { from: "000001-0000001", to: "000002-0000001" }, "/to"],
    ["backwards", { from: "000001-0000002", to: "000001-0000001" }, "/from"],
    ["an end for a block", { serials: ["000001-0000001"], expiresAt: "2090-01-01T00:00:00Z" }, "/expiresAt"],
    ["a device for a block", { serials: ["000001-0000001"], device: 1 }, "/device"],
    ["an unknown field", { serials: ["000001-0000001"], partner: "x" }, "/partner"],
  ])("%s", async (_, body, pointer) => {
    const answer = await order({ id: "bad", action: "block", ...body });
    expect(answer).toMatchObject({ status: 422, body: { code: "invalid_input", errors: [{ pointer }] } });
    expect((await read("bad")).status).toBe(404);
  });

  it("1001 serials, a range of 10,001, a range beyond the batch", async () => {
    const serials = Array.from({ length: 1001 }, (_, index) => serial(index + 1));
    expect((await order({ id: "bad", action: "block", serials })).status).toBe(422);
    const batch = await series(10_001);
    const [from, to] = [formatSerial({ batch, card: 1 }), formatSerial({ batch, card: 10_001 })];
    expect((await order({ id: "bad", action: "block", from, to })).body.errors?.[0]).toMatchObject({ pointer: "/to" });
    expect((await order({ id: "bad", action: "block", from: serial(1), to: serial(21) })).body.errors).toEqual([
      { pointer: "/to", detail: "The batch has 20 cards." },
    ]);
  });

  it("a foreign range is as absent as one that was never issued", async () => {
    const ask = (batch: number) =>
      order({
        id: "bad",
        action: "block",
        from: formatSerial({ batch, card: 1 }),
        to: formatSerial({ batch, card: 2 }),
      });
    expect(comparable(await ask(other.batch))).toEqual(comparable(await ask(33_000_000)));
    expect((await ask(other.batch)).status).toBe(422);
  });
});
