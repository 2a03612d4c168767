/** Reconciliation: what is sound passes, and whatever was altered past the rules of the database is found and named. */
import { createScheduledController, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import worker from "../../src/index.ts";
import { operatorKey, call } from "../support/api.ts";
import { createDeck, type Deck, redeemed } from "../support/cards.ts";
import { createKey, createPartnerKey } from "../support/catalogue.ts";

type Answer = {
  checked: number;
  mismatches: { serial: string; what: string }[];
  unreachable: string[];
  nextCursor: string | null;
};

let deck: Deck;
let switchKey: string;
let next = 0;
beforeAll(async () => {
  deck = await createDeck({ batch: { quantity: 100 } });
  switchKey = (await createKey(null, ["switch"], { trunks: [deck.trunk] })).key;
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

const reconcile = (body: object, key = operatorKey()) =>
  call<Answer>("POST", "/v1/reports/reconciliations", { key, body });

const stubOf = (serial: string) => env.CARDS.getByName(serial);
const send = async (method: string, serial: string, path: string, body: object) => {
  const answer = await call(method, `/v1/cards/${serial}/${path}`, { key: switchKey, body });
  expect(answer.status, answer.text).toBe(200);
};

/** Tells the projection now, and waits until it is there. */
async function projected(serial: string): Promise<void> {
  const [batch, card] = serial.split("-").map(Number);
  await runDurableObjectAlarm(stubOf(serial));
  const version = await runInDurableObject(stubOf(serial), (_, { storage }) =>
    Number(storage.sql.exec("SELECT version FROM card").one()["version"]),
  );
  await vi.waitFor(
    async () => {
      const row = await env.DB.prepare("SELECT version FROM cards WHERE batch = ? AND card = ?")
        .bind(batch, card)
        .first();
      expect(row).toEqual({ version });
    },
    { timeout: 10_000, interval: 100 },
  );
}

/** A redeemed card with a book of seven postings and an open hold. */
async function usedCard(): Promise<string> {
  const { serial } = (await redeemed(deck.codes[next++])).card;
  const money = (amount: string) => ({ amount, currency: "EUR" });
  await send("PUT", serial, "debits/d1", money("1.00"));
  await send("PUT", serial, "holds/h1", { ...money("3.00"), ttlSeconds: 600 });
  await send("POST", serial, "holds/h1/extend", { sequence: 1, used: "1.00", amount: "2.00", ttlSeconds: 600 });
  await send("POST", serial, "holds/h1/commit", { amount: "0.50" });
  await send("PUT", serial, "holds/h2", { ...money("2.00"), ttlSeconds: 600 });
  await send("PUT", serial, "debits/d2", money("0.25"));
  await projected(serial);
  return serial;
}

/** Past every trigger, as a fault of the storage would. */
const corrupt = (serial: string, ...statements: string[]) =>
  runInDurableObject(stubOf(serial), (_, { storage }) => {
    for (const { name } of storage.sql
      .exec<{ name: string }>("SELECT name FROM sqlite_master WHERE type = 'trigger'")
      .toArray())
      storage.sql.exec(`DROP TRIGGER ${name}`);
    for (const statement of statements) storage.sql.exec(statement);
  });

const findings = async (serial: string): Promise<string[]> => {
  const { body, status, text } = await reconcile({ batch: deck.batch, limit: 200 });
  expect(status, text).toBe(200);
  return body.mismatches.filter((mismatch) => mismatch.serial === serial).map(({ what }) => what);
};

describe("a sound card", () => {
  it("passes, whatever happened to it, and nothing is written for it", async () => {
    const serial = await usedCard();
    const stored = () =>
      runInDurableObject(stubOf(serial), (_, { storage }) => storage.sql.exec("SELECT * FROM card").one());
    const before = await stored();
    expect(await findings(serial)).toEqual([]);
    expect(await stored()).toEqual(before);
  }, 20_000);

  it("passes with debt, and with the projection behind for a while, not for long", async () => {
    const serial = await usedCard();
    const key = operatorKey();
    const paid = { amount: "5.00", currency: "EUR", source: "payment" };
    await call("PUT", `/v1/cards/${serial}/credits/c1`, { key, body: paid });
    await send("PUT", serial, "debits/d3", { amount: "8.00", currency: "EUR" });
    const body = { reason: "chargeback" };
    const reversed = await call("POST", `/v1/cards/${serial}/credits/c1/reversals/r1`, { key, body });
    expect(reversed.status, reversed.text).toBe(200);
    await send("POST", serial, "holds/h2/commit", { amount: "0.50" });
    // Not yet told; the alarm is a second away.
    await runInDurableObject(stubOf(serial), (_, { storage }) => storage.deleteAlarm());
    expect(await findings(serial)).toEqual([]);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 3_700_000 });
    expect(await findings(serial)).toEqual([expect.stringMatching(/^the projection is behind for more than an hour/)]);
    vi.useRealTimers();
    await runInDurableObject(stubOf(serial), (_, { storage }) => storage.setAlarm(Date.now()));
    await projected(serial);
    expect(await findings(serial)).toEqual([]);
  }, 30_000);

  it("passes when its book is longer than a page", async () => {
    const { serial } = (await redeemed(deck.codes[next++])).card;
    await runInDurableObject(stubOf(serial), (_, { storage }) => {
      storage.sql.exec(
        `WITH RECURSIVE n(seq) AS (SELECT 2 UNION ALL SELECT seq + 1 FROM n WHERE seq < 2500)
         INSERT INTO postings (seq, at_ms, type, id, amount_micros, available_micros, held_micros, reason)
         SELECT seq, (SELECT at_ms FROM postings), 'debit', 'd' || seq, -1, 10000000 - seq + 1, 0, NULL FROM n`,
      );
      storage.sql.exec(
        "UPDATE card SET version = version + 1, available = available - 2499, spent = 2499, last_seq = 2500",
      );
    });
    await projected(serial);
    expect(await findings(serial)).toEqual([]);
    await corrupt(serial, "UPDATE postings SET amount_micros = -2 WHERE seq = 2400");
    expect(await findings(serial)).toEqual([
      "posting 2400 (debit) of -2 on 9997602 leaves 9997601 available",
      "spent is 2499, the postings say 2500",
    ]);
  }, 20_000);
});

describe("what was altered", () => {
  it.each<[name: string, statements: string[], finding: RegExp]>([
    [
      "a wrong amount",
      ["UPDATE postings SET amount_micros = amount_micros - 1 WHERE id = 'd1'"],
      /^posting 2 \(debit\) of -1000001 on 10000000 leaves 9000000 available$/,
    ],
    ["a missing posting", ["DELETE FROM postings WHERE id = 'd1'"], /^posting 2 is missing before 3$/],
    [
      "a missing last posting",
      ["DELETE FROM postings WHERE id = 'd2'"],
      /^the last posting's number is 7, the postings say 6$/,
    ],
    ["no posting at all", ["DELETE FROM postings"], /^available is 5250000, the postings say 0$/],
    [
      "a balance that moved alone",
      ["UPDATE card SET available = available + 1, spent = spent - 1"],
      /^available is 5250001/,
    ],
    ["credit from nowhere", ["UPDATE card SET credits = credits + 5, spent = spent + 5"], /^credits is 10000005/],
    ["a shortfall nobody used", ["UPDATE card SET shortfall = 7"], /^shortfall is 7, the postings say 0$/],
    [
      "another face value",
      ["UPDATE card SET face_value_micros = 1"],
      /^the face value is 1, the postings say 10000000$/,
    ],
    [
      "held that is not the sum of the open holds",
      ["UPDATE holds SET amount = amount + 1 WHERE id = 'h2'"],
      /^held is 2000000, the open holds come to 2000001$/,
    ],
    [
      "an open hold that is not at hand",
      ["UPDATE holds SET state = 'open', amount = 0 WHERE id = 'h1'"],
      /^the holds at hand are not the open ones$/,
    ],
    ["another card's record", ["UPDATE card SET card = card + 1"], /^the stored card is /],
  ])(
    "%s is found",
    async (_name, statements, finding) => {
      const serial = await usedCard();
      await corrupt(serial, ...statements);
      expect(await findings(serial)).toEqual(expect.arrayContaining([expect.stringMatching(finding)]));
    },
    20_000,
  );

  it("in the projection is found: ahead, or other figures of the same version", async () => {
    const serial = await usedCard();
    const [batch, card] = serial.split("-").map(Number);
    const update = (what: string) =>
      env.DB.prepare(`UPDATE cards SET ${what} WHERE batch = ? AND card = ?`).bind(batch, card).run();
    await update("spent_micros = spent_micros + 1, shortfall_micros = 3");
    expect(await findings(serial)).toEqual([
      "spent: the card has 2750000, the projection 2750001",
      "shortfall: the card has 0, the projection 3",
    ]);
    await update("version = version + 1");
    expect(await findings(serial)).toEqual(["the projection is ahead: version 8, the card has 7"]);
  }, 20_000);

  it("in a card that is halted is named all the same", async () => {
    const serial = await usedCard();
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    await corrupt(serial, "UPDATE card SET held = held - 1, spent = spent + 1");
    expect(await call("GET", `/v1/cards/${serial}`, { key: operatorKey() })).toMatchObject({
      status: 503,
      body: { code: "card_halted" },
    });
    expect(await findings(serial)).toEqual(
      expect.arrayContaining([
        "held is 1999999, the open holds come to 2000000",
        "held is 1999999, the postings say 2000000",
      ]),
    );
  }, 20_000);

  it("as a row for a card nobody touched, or that was never issued, is found", async () => {
    const insert = (card: number) =>
      env.DB.prepare(
        `INSERT INTO cards (batch, card, version, status, available_micros, held_micros, spent_micros, reversed_micros,
          expired_micros, credits_micros, debt_micros, devices, open_holds, changed_at_ms, projected_at_ms)
         VALUES (?, ?, 1, 'active', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)`,
      )
        .bind(deck.batch, card)
        .run();
    await insert(99);
    await insert(101);
    const serial = (card: number) => `${String(deck.batch).padStart(6, "0")}-${String(card).padStart(7, "0")}`;
    expect(await findings(serial(99))).toEqual(["the projection has it, but nobody has touched the card"]);
    expect(await findings(serial(101))).toEqual(["the projection has it, but it was never issued"]);
    await env.DB.prepare("DELETE FROM cards WHERE card IN (99, 101)").run();
  });
});

describe("a card that cannot be read", () => {
  it("is named as not proven, and the others are", async () => {
    const serial = await usedCard();
    await corrupt(serial, "ALTER TABLE postings RENAME TO gone");
    const { body } = await reconcile({ batch: deck.batch, limit: 200 });
    expect(body.unreachable).toEqual([serial]);
    expect(body.checked).toBeGreaterThan(5);
    await corrupt(serial, "ALTER TABLE gone RENAME TO postings");
    expect((await reconcile({ batch: deck.batch, limit: 200 })).body.unreachable).toEqual([]);
  }, 20_000);
});

describe("the call", () => {
  it("goes through the cards in pages", async () => {
    for (let card = 0; card < 3; card += 1) await projected((await redeemed(deck.codes[next++])).card.serial);
    const all = (await reconcile({ batch: deck.batch, limit: 200 })).body;
    expect(all.checked).toBeGreaterThanOrEqual(3);
    let [checked, cursor, calls] = [0, undefined as string | undefined, 0];
    do {
      const { body } = await reconcile({ batch: deck.batch, limit: 2, ...(cursor !== undefined && { cursor }) });
      checked += body.checked;
      calls += 1;
      cursor = body.nextCursor ?? undefined;
    } while (cursor !== undefined);
    expect(checked).toBe(all.checked);
    expect(calls).toBe(Math.ceil(all.checked / 2));
    const none = { checked: 0, mismatches: [], unreachable: [], nextCursor: null };
    expect((await reconcile({ batch: 33_000_000 })).body).toEqual(none);
  }, 20_000);

  it("is the operator's alone", async () => {
    const partners = await reconcile({}, await createPartnerKey(deck.partner));
    expect(partners).toMatchObject({ status: 403, body: { code: "insufficient_scope" } });
    for (const body of [{ limit: 201 }, { limit: 0 }, { batch: 0 }, { cursor: "x" }, { partner: "a" }])
      expect((await reconcile(body)).status, JSON.stringify(body)).toBe(422);
  });
});

describe("the schedule", () => {
  it("walks on from where it stopped, logs counts, and alerts for each mismatch", async () => {
    const serial = await usedCard();
    await corrupt(serial, "UPDATE card SET face_value_micros = 1");
    const lines: Record<string, unknown>[] = [];
    const keep = (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>);
    vi.spyOn(console, "info").mockImplementation(keep);
    vi.spyOn(console, "error").mockImplementation(keep);
    await worker.scheduled(createScheduledController(), env);
    expect(lines.filter(({ card }) => card === serial)).toEqual([
      {
        event: "alert",
        alert: "reconcile_mismatch",
        card: serial,
        what: "the face value is 1, the postings say 10000000",
      },
    ]);
    const [counts] = lines.filter(({ event }) => event === "reconciled");
    expect(counts).toMatchObject({ unreachable: 0, roundEnded: true });
    expect(Number(counts?.["checked"])).toBeGreaterThanOrEqual(1);
    expect(await env.BRANDING.get("reconcile/1/after", "json")).toBe(null);
    // Another run may have left off in the middle.
    lines.length = 0;
    await env.BRANDING.put("reconcile/1/after", JSON.stringify([deck.batch, Number(serial.split("-")[1]) - 1]));
    await worker.scheduled(createScheduledController(), env);
    expect(lines.at(-1)).toMatchObject({ event: "reconciled", checked: 1, mismatches: 1 });
  }, 20_000);
});
