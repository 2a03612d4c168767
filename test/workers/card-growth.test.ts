/** A long history costs nothing: what a command reads does not grow with what a card has behind it. */
import { runInDurableObject } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import type { CardObject } from "../../src/domain/card-calls.ts";
import { DAY_MS } from "../../src/domain/time.ts";
import { commit, debit, extend, freshCard, hold, phone, rowsRead } from "../support/card-object.ts";

const MANY = 100_000;
const NUMBERS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)";

/** Lines of a history that moves nothing, as many as are asked for, in every table that grows with use. */
const age = (stub: DurableObjectStub, lines: number, atMs: number) =>
  runInDurableObject(stub, (_, { storage: { sql } }) => {
    sql.exec(
      `${NUMBERS} INSERT INTO postings (seq, at_ms, type, id, amount_micros, available_micros, held_micros)
        SELECT 1 + i, ?, 'debit', 'old-' || i, 0, 10000000, 0 FROM n`,
      lines,
      atMs,
    );
    sql.exec(
      `${NUMBERS} INSERT INTO outcomes (kind, id, content, at_ms, moved_micros, rest_micros, available_micros, held_micros)
        SELECT 'debit', 'old-' || i, '{}', ?, 0, 0, 10000000, 0 FROM n`,
      lines,
      atMs,
    );
    sql.exec(
      `${NUMBERS} INSERT INTO holds (id, state, amount, sequence, charged, released, shortfall, created_at_ms, expires_at_ms)
        SELECT 'old-' || i, 'released', 0, 0, 0, 0, 0, ?, ? FROM n`,
      lines,
      atMs,
      atMs,
    );
    sql.exec(`${NUMBERS} INSERT INTO calls (seq, at_ms, details) SELECT 1 + i, ?, '{}' FROM n`, lines, atMs);
    sql.exec("UPDATE card SET last_seq = 1 + ?", lines);
  });

const refuseOften = (stub: DurableObjectStub, times: number, atMs: number) =>
  runInDurableObject(stub, (_, { storage: { sql } }) => {
    sql.exec(
      `${NUMBERS} INSERT INTO outcomes (kind, id, content, at_ms, refusal, moved_micros, rest_micros, available_micros, held_micros)
        SELECT 'debit', 'refused-' || i, '{}', ?, 'insufficient_credit', 0, 0, 10000000, 0 FROM n`,
      times,
      atMs,
    );
  });

const count = (stub: DurableObjectStub, what: string) =>
  runInDurableObject(
    stub,
    (_, { storage: { sql } }) => sql.exec<{ n: number }>(`SELECT count(*) AS n ${what}`).one().n,
  );

const alarm = (card: CardObject) => (card as unknown as { alarm(): Promise<void> }).alarm();

describe("rows read by a card with a history", () => {
  async function readBy(lines: number) {
    const { call, stub, object } = freshCard();
    await object().redeem(call, phone);
    if (lines > 0) await age(stub(), lines, Date.now());
    const steps: Record<string, (card: CardObject) => Promise<unknown>> = {
      debit: (card) => card.money(call, debit("d1", 1)),
      again: (card) => card.money(call, debit("d1", 1)),
      refused: (card) => card.money(call, debit("d2", 99_000_000)),
      hold: (card) => card.money(call, hold("h1")),
      extend: (card) => card.money(call, extend("h1", 1, 1)),
      commit: (card) => card.money(call, commit("h1", 1)),
      inspect: (card) => card.inspect(call),
      statement: (card) => card.postings(call, { before: null, limit: 1 }),
      alarm,
    };
    const read: Record<string, number> = {};
    for (const [name, step] of Object.entries(steps)) read[name] = await rowsRead(stub(), step);
    return read;
  }

  it("are as many as by a new one", async () => {
    const young = await readBy(0);
    expect(Math.min(...Object.values(young))).toBeGreaterThan(0);
    const { alarm: ofAlarm = Number.NaN, ...old } = await readBy(MANY);
    expect({ ...old, alarm: young["alarm"] }).toEqual(young);
    // What it finds to tell depends on whether it went off by itself before.
    expect(ofAlarm).toBeLessThan(20);
  });

  it("do not grow with refusals that are young", async () => {
    const { call, stub, object } = freshCard();
    await object().redeem(call, phone);
    await refuseOften(stub(), 20_000, Date.now());
    expect(await rowsRead(stub(), (card) => card.money(call, debit("dear", 99_000_000)))).toBeLessThan(10);
    expect(await count(stub(), "FROM outcomes WHERE refusal IS NOT NULL")).toBe(20_001);
  });
});

describe("what is kept for a time", () => {
  it("refusals: 72 hours, and the newest ten thousand", async () => {
    const { call, stub, object } = freshCard();
    await object().redeem(call, phone);
    await refuseOften(stub(), 10_500, Date.now() - 3 * DAY_MS - 1);
    await object().money(call, debit("dear", 99_000_000));
    // Of one instant, so they stay or go together: the newest ten thousand reach into them.
    expect(await count(stub(), "FROM outcomes WHERE refusal IS NOT NULL")).toBe(10_501);
    await runInDurableObject(stub(), (_, { storage: { sql } }) =>
      sql.exec(
        `${NUMBERS} INSERT INTO outcomes (kind, id, content, at_ms, refusal, moved_micros, rest_micros, available_micros, held_micros)
          SELECT 'hold', 'refused-' || i, '{}', ?, 'insufficient_credit', 0, 0, 10000000, 0 FROM n`,
        10_000,
        Date.now(),
      ),
    );
    await object().money(call, debit("dearer", 99_000_000));
    expect(await count(stub(), "FROM outcomes WHERE refusal IS NOT NULL")).toBe(10_002);
    expect(await count(stub(), "FROM outcomes WHERE kind = 'debit' AND refusal IS NOT NULL")).toBe(2);
  });

  it("details of calls: 180 days, the money for ever", async () => {
    const { call, stub, object } = freshCard();
    await object().redeem(call, phone);
    await age(stub(), 1234, Date.now() - 180 * DAY_MS - 1);
    await runInDurableObject(stub(), (_, { storage: { sql } }) =>
      sql.exec("INSERT INTO calls (seq, at_ms, details) VALUES (9999, ?, '{}')", Date.now() - 179 * DAY_MS),
    );
    await runInDurableObject(stub(), (instance) => alarm(instance as unknown as CardObject));
    expect(await count(stub(), "FROM calls")).toBe(1);
    expect(await count(stub(), "FROM postings")).toBe(1235);
  });
});
