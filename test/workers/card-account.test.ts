/** The object itself: what it writes, what survives a crash, what it refuses to answer. */
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { CardObject } from "../../src/domain/card-calls.ts";
import type { Standing } from "../../src/domain/terms.ts";
import {
  commit,
  debit,
  extend,
  freshCard,
  hold,
  phone,
  rows,
  rowsWritten,
  standing,
  tables,
} from "../support/card-object.ts";

afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

describe("a card nobody touched", () => {
  it("is answered without storing anything", async () => {
    const { call, stub, object } = freshCard();
    expect(await object().inspect(call)).toMatchObject({ ok: true, value: { status: "issued", version: 0 } });
    expect(await object().money(call, debit("d"))).toMatchObject({ ok: false, error: { code: "card_not_redeemed" } });
    expect(await object().refresh(call, { device: 1, family: 1, generation: 1 })).toMatchObject({
      error: { code: "invalid_grant" },
    });
    expect(await object().postings(call, { before: null, limit: 10 })).toEqual([]);
    expect(await tables(stub())).toEqual([]);
  });
});

describe("writes", () => {
  it("are none when the same device redeems again, and few otherwise", async () => {
    const { call, stub, object } = freshCard();
    await object().redeem(call, phone);
    expect(await rowsWritten(stub(), (card) => card.redeem(call, phone))).toBe(0);
    expect(await rowsWritten(stub(), (card) => card.inspect(call))).toBe(0);
    // The card, a posting and an outcome.
    expect(await rowsWritten(stub(), (card) => card.money(call, debit("d1")))).toBe(3);
    expect(await rowsWritten(stub(), (card) => card.money(call, debit("d1")))).toBe(0);
    // The card, a posting, an outcome and the hold, for every step.
    expect(await rowsWritten(stub(), (card) => card.money(call, hold("h1")))).toBe(4);
    expect(await rowsWritten(stub(), (card) => card.money(call, extend("h1", 1, 400_000)))).toBe(4);
    expect(await rowsWritten(stub(), (card) => card.money(call, commit("h1", 100_000)))).toBe(4);
    expect(await rowsWritten(stub(), (card) => card.money(call, commit("h1", 100_000)))).toBe(0);
  });

  it("cannot change history: postings, acts and applied outcomes stay", async () => {
    const { call, stub, object } = freshCard();
    await object().redeem(call, phone);
    await object().money(call, debit("d1"));
    await object().act(call, { action: "block" }, { reason: "r", actor: "k" });
    for (const sql of [
      "UPDATE postings SET amount_micros = 0",
      "DELETE FROM postings",
      "UPDATE outcomes SET content = ''",
      "DELETE FROM outcomes",
      "DELETE FROM acts",
      "UPDATE acts SET reason = ''",
    ]) {
      const error = await runInDurableObject(stub(), (_, { storage }) => {
        try {
          storage.sql.exec(sql);
          return "allowed";
        } catch (cause) {
          return String(cause);
        }
      });
      expect(error, sql).toMatch(/append-only|final|kept/);
    }
    const broken = await runInDurableObject(stub(), (_, { storage }) => {
      try {
        storage.sql.exec("UPDATE card SET available = available + 1");
        return "allowed";
      } catch (cause) {
        return String(cause);
      }
    });
    expect(broken).toMatch(/CHECK constraint/);
  });
});

describe("crashes", () => {
  it("before the write is durable leave nothing; the retry applies once", async () => {
    const { call, stub, object } = freshCard();
    await object().redeem(call, phone);
    await evictDurableObject(stub());
    await runInDurableObject(stub(), (instance, state) => {
      const done = (instance as unknown as CardObject).money(call, debit("d1"));
      state.abort("crash before durable");
      return done;
    }).catch(() => undefined);
    const retried = await object().money(call, debit("d1"));
    expect(retried).toMatchObject({
      ok: true,
      value: { movedMicros: 1_000_000, replayed: false, availableMicros: 9_000_000 },
    });
  });

  it("after the write is durable answer the retry as before", async () => {
    const { call, stub, object } = freshCard();
    await object().redeem(call, phone);
    await runInDurableObject(stub(), async (instance, state) => {
      await (instance as unknown as CardObject).money(call, debit("d1"));
      await state.storage.sync();
      state.abort("reply lost");
    }).catch(() => undefined);
    expect(await object().money(call, debit("d1"))).toMatchObject({
      ok: true,
      value: { replayed: true, availableMicros: 9_000_000 },
    });
    expect(await rows(stub())).toMatchObject({ postings: 2, outcomes: 1 });
  });

  it("of storage in the middle undo the whole command", async () => {
    const { call, stub, object } = freshCard();
    await object().redeem(call, phone);
    const outcome = await runInDurableObject(stub(), async (instance, { storage }) => {
      const exec = storage.sql.exec.bind(storage.sql);
      vi.spyOn(storage.sql, "exec").mockImplementation(((query: string, ...values: SqlStorageValue[]) => {
        if (query.startsWith("INSERT INTO outcomes")) throw new Error("disk");
        return exec(query, ...values);
      }) as typeof storage.sql.exec);
      return (instance as unknown as CardObject).money(call, debit("d1")).then(
        () => "answered",
        (error: unknown) => String(error),
      );
    });
    expect(outcome).toContain("disk");
    vi.restoreAllMocks();
    expect(await rows(stub())).toMatchObject({ postings: 1, outcomes: 0 });
    expect(await object().money(call, debit("d1"))).toMatchObject({ ok: true, value: { availableMicros: 9_000_000 } });
  });

  it("and evictions between any two steps change nothing", async () => {
    const { call, stub, object } = freshCard();
    const first = await object().redeem(call, phone);
    await evictDurableObject(stub());
    expect(await object().redeem(call, phone)).toEqual(first);
    await evictDurableObject(stub());
    await object().money(call, debit("d1"));
    await evictDurableObject(stub());
    expect(await object().money(call, debit("d1"))).toMatchObject({ value: { replayed: true } });
  });
});

describe("a card whose books do not add up", () => {
  it("is halted: it answers nothing about money and changes nothing", async () => {
    const { call, stub, object } = freshCard();
    await object().redeem(call, phone);
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    const corrupted = await runInDurableObject(stub(), (_, { storage }) => {
      // A column the CHECK cannot see through: the stored card is another one's.
      storage.sql.exec("UPDATE card SET batch = 8");
      return true;
    });
    expect(corrupted).toBe(true);
    for (const answer of [
      await object().inspect(call),
      await object().money(call, debit("d1")),
      await object().redeem(call, phone),
    ]) {
      expect(answer).toEqual({ ok: false, error: { code: "card_halted" } });
    }
    expect(await rows(stub())).toMatchObject({ postings: 1, outcomes: 0 });
  });
});

describe("the newest standing", () => {
  it("is kept and obeyed, whatever older one comes later", async () => {
    const { call, object } = freshCard();
    await object().redeem(call, phone);
    const recalled: Standing = { ...standing, version: 3, recalledRanges: [[call.card, call.card]] };
    expect(await object().inspect({ ...call, standing: recalled })).toMatchObject({ value: { status: "recalled" } });
    expect(await object().money(call, debit("d1"))).toMatchObject({ error: { code: "card_recalled" } });
    expect(await object().redeem({ ...call, standing: { ...standing, version: 2 } }, phone)).toMatchObject({
      error: { code: "card_recalled" },
    });
  });
});

describe("the card's clock", () => {
  it("never goes back", async () => {
    const { call, object } = freshCard();
    const now = Date.now();
    vi.useFakeTimers({ toFake: ["Date"], now: now + 40 * 86_400_000 });
    const later = freshCard();
    await later.object().redeem(later.call, phone);
    vi.setSystemTime(now);
    await object().redeem(call, phone);
    await later.object().money(later.call, debit("d1"));
    const [posting] = await later.object().postings(later.call, { before: null, limit: 1 });
    expect(posting?.atMs).toBeGreaterThanOrEqual(now + 40 * 86_400_000);
  });
});

describe("the alarm", () => {
  it("is harmless early and twice, and tells the projection once per change", async () => {
    const { call, stub, object } = freshCard();
    await object().redeem(call, phone);
    expect(await runDurableObjectAlarm(stub())).toBe(true);
    const projected = () =>
      runInDurableObject(stub(), (_, { storage }) =>
        storage.sql.exec("SELECT version, projected_version FROM card").one(),
      );
    expect(await projected()).toEqual({ version: 1, projected_version: 1 });
    expect(await rowsWritten(stub(), (card) => (card as unknown as { alarm(): Promise<void> }).alarm())).toBe(0);
  });

  it("tries again while the queue cannot be reached", async () => {
    const { call, stub, object } = freshCard();
    await object().redeem(call, phone);
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    const send = vi.spyOn(env.CARD_EVENTS, "send").mockRejectedValue(new Error("queue down"));
    await runInDurableObject(stub(), async (instance) => {
      Object.defineProperty(instance, "env", { value: { ...env, CARD_EVENTS: { send } }, configurable: true });
      await (instance as unknown as { alarm(): Promise<void> }).alarm();
    });
    const alarm = await runInDurableObject(stub(), (_, { storage }) => storage.getAlarm());
    expect(alarm).toBeGreaterThan(Date.now() + 20_000);
    // The projection, and the notice of the first redemption.
    expect(send).toHaveBeenCalledTimes(2);
  });
});
