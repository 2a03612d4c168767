/** Recalls: one decision whatever the quantity, a sweep that shows how far it is, and no copy from before undoes it. */
import { createScheduledController } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { createApp } from "../../src/app.ts";
import worker from "../../src/index.ts";
import { MAX_RECALLED_RANGES } from "../../src/domain/terms.ts";
import { cardCall } from "../../src/services/redeem.ts";
import type { CardObject } from "../../src/domain/card-calls.ts";
import { formatSerial } from "../../src/domain/serial.ts";
import { createDatabase } from "../../src/storage/database.ts";
import { readTerms } from "../../src/storage/terms.ts";
import { operatorKey, call } from "../support/api.ts";
import { codesOf, createDeck, issue, type Deck } from "../support/cards.ts";
import { createKey } from "../support/catalogue.ts";
import { phone } from "../support/card-object.ts";
import { runs } from "../support/model-runs.ts";

type Sweep = { total: number; done: number; updatedAt: string };
type BatchAnswer = { status: string; sweep?: Sweep };

/** Two thousand when there is time (`npm run test:soak`): making and asking them takes minutes on two cores. */
const IN_USE = Math.min(runs(400), 2000);
const PATIENT = { timeout: 60_000, interval: 100 };
const db = createDatabase(env.DB);

let deck: Deck;
let switchKey: string;
beforeAll(async () => {
  deck = await createDeck();
  switchKey = (await createKey(null, ["switch"], { trunks: [deck.trunk] })).key;
});
afterEach(() => void vi.useRealTimers());

const series = (quantity: number, overrides = {}) =>
  issue({ partner: deck.partner, brand: deck.brand, profile: deck.profile, quantity, ...overrides });
const recall = (batch: number, range: object = {}) =>
  call<BatchAnswer>("PATCH", `/v1/batches/${batch}`, { key: operatorKey(), body: { status: "recalled", ...range } });
const sweepOf = async (batch: number) =>
  (await call<BatchAnswer>("GET", `/v1/batches/${batch}`, { key: operatorKey() })).body.sweep;
const touchedIn = async (batch: number) =>
  (await env.DB.prepare("SELECT count(*) AS n FROM cards WHERE batch = ?").bind(batch).first<{ n: number }>())?.n;
const serialsOf = (batch: number, from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, index) => formatSerial({ batch, card: from + index }));

/** Redeems at the objects themselves, forty at a time, and waits until the projection knows. */
async function redeemAll(batch: number, from: number, to: number): Promise<void> {
  const terms = await readTerms(db, batch);
  if (!terms) throw new Error("no such batch");
  for (let first = from; first <= to; first += 40) {
    const cards = Array.from({ length: Math.min(40, to - first + 1) }, (_, index) => first + index);
    const answers = await Promise.all(
      cards.map((card) => {
        const at = cardCall(terms, card);
        return (env.CARDS.getByName(formatSerial({ batch, card })) as unknown as CardObject).redeem(at, phone);
      }),
    );
    expect(answers.every(({ ok }) => ok)).toBe(true);
  }
  await vi.waitFor(async () => expect(await touchedIn(batch)).toBeGreaterThanOrEqual(to - from + 1), PATIENT);
}

/** A Worker far away: its KV answers what it had copied before, for ever, and what it writes is lost. */
async function staleWorker(batch: number) {
  const copy = JSON.stringify(await readTerms(db, batch));
  const kv = {
    get: async (key: string) => (key.endsWith(`/${batch}`) ? JSON.parse(copy) : null),
    put: async () => undefined,
  };
  const app = createApp();
  const far: Env = { ...env, BRANDING: kv as unknown as KVNamespace };
  return async (method: string, path: string, body: object, key?: string) => {
    const headers = { "Content-Type": "application/json", ...(key && { Authorization: `Bearer ${key}` }) };
    const request = new Request(`${env.PUBLIC_ORIGIN}${path}`, { method, headers, body: JSON.stringify(body) });
    const answer = await app.fetch(request, far);
    return { status: answer.status, body: await answer.json<{ code?: string }>() };
  };
}

const hold = { amount: "1.00", currency: "EUR", ttlSeconds: 60 };

describe("a recall", () => {
  it("of 100,000 untouched cards writes one row of the batch and one of its sweep, and answers at once", async () => {
    const batch = await series(100_000);
    const before = await env.DB.prepare("SELECT count(*) AS n FROM sweeps").first<{ n: number }>();
    const answer = await recall(batch);
    expect(answer.body).toMatchObject({ status: "recalled", sweep: { total: 0, done: 0 } });
    expect(await env.DB.prepare("SELECT count(*) AS n FROM sweeps").first()).toEqual({ n: (before?.n ?? 0) + 1 });
    expect(await touchedIn(batch)).toBe(0);
    for (const card of [1, 50_000, 100_000]) {
      const serial = formatSerial({ batch, card });
      expect((await call("GET", `/v1/cards/${serial}`, { key: operatorKey() })).body["status"]).toBe("recalled");
    }
  });

  it(`of ${IN_USE} cards in use shows its progress, and each of them refuses its next hold, wherever it comes from`, async () => {
    const batch = await series(IN_USE + 100);
    await redeemAll(batch, 1, IN_USE);
    const far = await staleWorker(batch);
    const answer = await recall(batch);
    expect(answer.body.sweep).toMatchObject({ total: IN_USE, done: 0 });
    const seen = new Set<number>();
    await vi.waitFor(async () => {
      const sweep = await sweepOf(batch);
      expect(sweep?.total).toBe(IN_USE);
      seen.add(sweep?.done ?? -1);
      expect(sweep?.done).toBe(IN_USE);
    }, PATIENT);
    expect(seen.size, "progress was visible").toBeGreaterThan(1);
    const serials = serialsOf(batch, 1, IN_USE);
    const codes = new Map<unknown, number>();
    for (let at = 0; at < serials.length; at += 40) {
      const answers = await Promise.all(
        serials.slice(at, at + 40).map((serial) => far("PUT", `/v1/cards/${serial}/holds/h1`, hold, switchKey)),
      );
      for (const { body } of answers) codes.set(body.code, (codes.get(body.code) ?? 0) + 1);
    }
    expect([...codes]).toEqual([["card_recalled", IN_USE]]);
  }, 240_000);

  it("reaches a card that a Worker with old terms made after it, in a later round", async () => {
    const batch = await series(10);
    const [code] = await codesOf(batch);
    const far = await staleWorker(batch);
    await recall(batch);
    const [serial] = serialsOf(batch, 1, 1);
    const device = { id: "device-far".padEnd(24, "x") };
    expect((await far("POST", "/v1/redeem", { code, device })).status).toBe(200);
    expect((await far("PUT", `/v1/cards/${serial}/holds/h1`, hold, switchKey)).status).toBe(200);
    await vi.waitFor(async () => expect(await touchedIn(batch)).toBe(1), PATIENT);
    // The message of the next round is lost: the schedule sends for it.
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 180_000 });
    await worker.scheduled(createScheduledController({ cron: "* * * * *" }), env);
    await vi.waitFor(async () => expect(await sweepOf(batch)).toMatchObject({ total: 1, done: 1 }), PATIENT);
    expect(await far("PUT", `/v1/cards/${serial}/holds/h2`, hold, switchKey)).toMatchObject({
      status: 410,
      body: { code: "card_recalled" },
    });
  }, 60_000);

  it("goes on until every copy has expired, then ends; its messages may come twice or early", async () => {
    const batch = await series(5);
    await redeemAll(batch, 1, 3);
    await recall(batch, { from: 2, to: 4 });
    await vi.waitFor(async () => expect(await sweepOf(batch)).toMatchObject({ total: 2, done: 2 }), PATIENT);
    const row = () => env.DB.prepare("SELECT * FROM sweeps WHERE batch = ?").bind(batch).first();
    const waiting = await row();
    expect(waiting?.["due_at_ms"]).toBeGreaterThan(Date.now());
    await Promise.all([1, 2, 3].map(() => env.CARD_EVENTS.send({ type: "sweep", batch })));
    await env.CARD_EVENTS.send({ type: "sweep", batch: 33_000_000 });
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 480_000 });
    for (let minutes = 0; minutes < 3; minutes += 1) {
      await env.CARD_EVENTS.send({ type: "sweep", batch });
      await vi.waitFor(async () => expect((await row())?.["due_at_ms"]).not.toBe(waiting?.["due_at_ms"]), PATIENT);
      vi.setSystemTime(Date.now() + 120_000);
    }
    await vi.waitFor(async () => expect(await row()).toMatchObject({ due_at_ms: null, total: 2, done: 2 }), PATIENT);
    const [first, second, third] = serialsOf(batch, 1, 3);
    const status = async (serial = "") =>
      (await call("GET", `/v1/cards/${serial}`, { key: operatorKey() })).body["status"];
    expect([await status(first), await status(second), await status(third)]).toEqual([
      "active",
      "recalled",
      "recalled",
    ]);
  }, 60_000);

  it("of one range more than a batch may have is 422, and of the whole batch still works", async () => {
    const batch = await series(5000);
    const ranges = Array.from({ length: MAX_RECALLED_RANGES }, (_, index) => [2 * index + 1, 2 * index + 1]);
    await env.DB.prepare("UPDATE batches SET recalled_ranges = ? WHERE number = ?")
      .bind(JSON.stringify(ranges), batch)
      .run();
    const more = await recall(batch, { from: 4000, to: 4000 });
    expect(more).toMatchObject({ status: 422, body: { code: "invalid_input", errors: [{ pointer: "/from" }] } });
    expect((await recall(batch, { from: 1, to: 3 })).status).toBe(200);
    expect((await recall(batch)).body.status).toBe("recalled");
  });
});
