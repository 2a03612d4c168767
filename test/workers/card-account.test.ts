/** The object itself: what it writes, what survives a crash, what it refuses to answer. */
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { CardObject, MoneyRequest, NewDevice } from "../../src/domain/card-calls.ts";
import type { CardCall } from "../../src/domain/card.ts";
import type { MoneyCommand } from "../../src/domain/ledger/commands.ts";
import type { BatchTerms, Standing } from "../../src/domain/terms.ts";

const terms: BatchTerms = {
  number: 7,
  partner: "acme",
  brand: "acme",
  profile: "standard",
  kind: "card",
  mode: "live",
  quantity: 1000,
  format: "base32",
  keyId: "1",
  creditMicros: 10_000_000,
  currency: "EUR",
  expiry: { at: null, daysAfterFirstUse: 30, daysAfterIssue: null },
  timeZone: "UTC",
  maxDevices: 1,
  activation: "issued",
  onExpiredTopUp: "refuse",
  graceDays: 0,
  createdAtMs: Date.UTC(2026, 0, 1),
};
const standing: Standing = { version: 1, status: "active", untouchedRecalled: false, recalledRanges: [] };

let next = 0;
function freshCard() {
  const card = (next += 1);
  const call: CardCall = { terms, card, standing, firstUsePaused: false };
  const name = `000007-${String(card).padStart(7, "0")}`;
  const stub = () => env.CARDS.getByName(name);
  return { call, name, stub, object: () => stub() as unknown as CardObject };
}

const phone: NewDevice = { idHash: "a".repeat(64), name: null, platform: null, publicKey: null };
const request = (command: MoneyCommand): MoneyRequest => ({
  command,
  rules: { concurrentCalls: 5, destinationAllowed: true },
  details: null,
  actor: "test",
});
const debit = (id: string, amountMicros = 1_000_000) =>
  request({ type: "debit", id, amountMicros, currency: "EUR", minimumMicros: null, subject: null });
const hold = (id: string, amountMicros = 1_000_000) =>
  request({
    type: "hold",
    id,
    amountMicros,
    currency: "EUR",
    ttlSeconds: 60,
    minimumMicros: null,
    subject: null,
    destination: null,
    reference: null,
  });
const extend = (id: string, sequence: number, usedMicros: number) =>
  request({ type: "extend", id, sequence, usedMicros, amountMicros: 1_000_000, ttlSeconds: 60, overrun: "refuse" });
const commit = (id: string, usedMicros: number) => request({ type: "commit", id, usedMicros, overrun: "refuse" });

const tables = (stub: DurableObjectStub) =>
  runInDurableObject(stub, (_, { storage }) =>
    storage.sql.exec("SELECT name FROM sqlite_master WHERE name NOT LIKE '_cf_%'").toArray(),
  );

async function rows(stub: DurableObjectStub): Promise<Record<string, number>> {
  return runInDurableObject(stub, (_, { storage }) =>
    Object.fromEntries(
      ["postings", "outcomes", "devices", "acts"].map((table) => [
        table,
        Number(storage.sql.exec(`SELECT count(*) AS n FROM ${table}`).one()["n"]),
      ]),
    ),
  );
}

/** Rows the platform would bill for one piece of work. */
const rowsWritten = (stub: DurableObjectStub, work: (object: CardObject) => Promise<unknown>) =>
  runInDurableObject(stub, async (instance, { storage }) => {
    const exec = storage.sql.exec.bind(storage.sql);
    let written = 0;
    const spy = vi.spyOn(storage.sql, "exec").mockImplementation(((query: string, ...values: SqlStorageValue[]) => {
      const cursor = exec(query, ...values);
      written += cursor.rowsWritten;
      return cursor;
    }) as typeof storage.sql.exec);
    await work(instance as unknown as CardObject);
    spy.mockRestore();
    return written;
  });

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
    expect(send).toHaveBeenCalledTimes(1);
  });
});
