/** A code key that others may know: what nobody has touched under it is refused, what is in use goes on. */
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { BATCHES_A_CALL } from "../../src/services/compromise-code-key.ts";
import { formatSerial } from "../../src/domain/serial.ts";
import { operatorKey, call } from "../support/api.ts";
import { rowsOf } from "../support/audit.ts";
import { recordUnder } from "../support/batches.ts";
import { codesOf, createDeck, issue, redeem, redeemed, type Deck } from "../support/cards.ts";
import { createKey, createPartnerKey } from "../support/catalogue.ts";

type Compromised = { key: string; batches: number; done: boolean; code?: string };
type CodeKey = {
  key: string;
  live: boolean;
  issuing: boolean;
  batches: number;
  cards: number;
  openBatches: number;
};

/** The keys of the tests: the older one, and the one that issues. */
const OLDER = "1";
const ISSUING = "2";
const reason = "Found in a log";

let deck: Deck;
beforeAll(async () => void (deck = await createDeck()));

const series = (quantity = 5, overrides = {}) =>
  issue({ partner: deck.partner, brand: deck.brand, profile: deck.profile, quantity, ...overrides });
const compromise = (key: string, options = {}) =>
  call<Compromised>("POST", `/v1/code-keys/${key}/compromise`, { key: operatorKey(), body: { reason }, ...options });
const keysOf = async () =>
  (await call<{ items: CodeKey[] }>("GET", "/v1/code-keys", { key: operatorKey() })).body.items;
const rowOf = (number: number) =>
  env.DB.prepare("SELECT standing_version, untouched_recalled FROM batches WHERE number = ?").bind(number).first();
const untouched = { standing_version: 1, untouched_recalled: 0 };
const recalled = { standing_version: 2, untouched_recalled: 1 };

describe("a compromised code key", () => {
  it("refuses untouched cards, lets touched ones go on, leaves other keys' batches, and twice is once", async () => {
    const other = await series();
    await recordUnder(OLDER, other, other);
    const batch = await series();
    const ended = await series();
    await call("PATCH", `/v1/batches/${ended}`, { key: operatorKey(), body: { status: "recalled" } });
    const endedRow = await rowOf(ended);
    const [first, second] = await codesOf(batch);
    const { card } = await redeemed(first);
    const before = await rowsOf();
    const open = (await keysOf()).find(({ key }) => key === ISSUING)?.openBatches;
    expect(open).toBeGreaterThanOrEqual(2);

    const answer = await compromise(ISSUING);
    expect(answer).toMatchObject({ status: 200, body: { key: ISSUING, batches: open, done: true } });
    expect([await rowOf(batch), await rowOf(other), await rowOf(ended)]).toEqual([recalled, untouched, endedRow]);
    expect(await rowsOf()).toBe(before + 1);
    expect(await redeem(second, "b")).toMatchObject({ status: 410, body: { code: "card_recalled" } });
    expect((await redeem(first, "a")).status).toBe(200);
    const read = await call("GET", `/v1/cards/${card.serial}`, { key: operatorKey() });
    expect(read.body["status"]).toBe("active");
    const next = await call("GET", `/v1/cards/${formatSerial({ batch, card: 2 })}`, { key: operatorKey() });
    expect(next.body["status"]).toBe("recalled");

    expect((await compromise(ISSUING)).body).toEqual({ key: ISSUING, batches: 0, done: true });
    expect([await rowOf(batch), await rowsOf()]).toEqual([recalled, before + 1]);
    await vi.waitFor(
      async () => {
        const found = await call("GET", `/v1/cards?codeKey=${ISSUING}&batch=${batch}`, { key: operatorKey() });
        expect(found.body["items"]).toMatchObject([{ serial: card.serial }]);
      },
      { timeout: 20_000, interval: 100 },
    );
    // What is issued under it afterwards is another decision.
    const later = await series();
    expect(await rowOf(later)).toEqual(untouched);
    expect((await compromise(ISSUING)).body).toMatchObject({ batches: 1, done: true });
  }, 60_000);

  it("goes on where it was when there are more batches than one call recalls", async () => {
    const from = await series(1);
    let to = from;
    for (let more = 0; more < BATCHES_A_CALL; more++) to = await series(1);
    await recordUnder("7", from, to);
    expect((await compromise("7")).body).toEqual({ key: "7", batches: BATCHES_A_CALL, done: false });
    expect([await rowOf(from), await rowOf(to)]).toEqual([recalled, untouched]);
    const uses = (await keysOf()).find(({ key }) => key === "7");
    expect(uses).toEqual({
      key: "7",
      live: false,
      issuing: false,
      batches: BATCHES_A_CALL + 1,
      cards: BATCHES_A_CALL + 1,
      openBatches: 1,
    });
    expect((await compromise("7")).body).toEqual({ key: "7", batches: 1, done: true });
    expect(await rowOf(to)).toEqual(recalled);
  }, 60_000);

  it("recalls once whoever else asks at the same time", async () => {
    const batch = await series();
    await recordUnder("8", batch, batch);
    const before = await rowsOf();
    const answers = await Promise.all([compromise("8"), compromise("8"), compromise("8")]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(answers.reduce((sum, { body }) => sum + body.batches, 0)).toBe(1);
    expect([await rowOf(batch), await rowsOf()]).toEqual([recalled, before + 1]);
  });
});

describe("code keys", () => {
  it("are listed newest first, with those that nothing was issued under", async () => {
    const items = await keysOf();
    const numbers = items.map(({ key }) => Number(key));
    expect(numbers).toEqual(numbers.toSorted((a, b) => b - a));
    expect(items.filter(({ issuing }) => issuing).map(({ key }) => key)).toEqual([ISSUING]);
    expect(items.filter(({ live }) => live).map(({ key }) => key)).toEqual([ISSUING, OLDER]);
  });

  it("are the operator's alone, with the scope, a reason, and a key that exists", async () => {
    const batch = await series();
    const partnerKey = await createPartnerKey(deck.partner);
    const reader = (await createKey(null, ["catalogue:read"])).key;
    for (const key of [partnerKey, reader])
      expect(await compromise(ISSUING, { key })).toMatchObject({ status: 403, body: { code: "insufficient_scope" } });
    expect((await call("GET", "/v1/code-keys", { key: partnerKey })).status).toBe(403);
    expect((await call("GET", "/v1/code-keys", { key: reader })).status).toBe(200);
    for (const unknown of ["99", "02", "x", "CODE_KEY_2"])
      expect(await compromise(unknown)).toMatchObject({ status: 404, body: { code: "not_found" } });
    for (const body of [{}, { reason: "" }, { reason, from: 1 }])
      expect((await compromise(ISSUING, { body })).status).toBe(422);
    expect(await rowOf(batch)).toEqual(untouched);
  });
});
