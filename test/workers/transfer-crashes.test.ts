/**
 * Crashes at every step of a transfer, on either side: before each write, after each durable turn, around each question to
 * the other card. Whatever is lost, the alarm and the caller's retry bring it to its one end, and the sum never changes.
 */
import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { CardObject, NewDevice } from "../../src/domain/card-calls.ts";
import type { CardCall } from "../../src/domain/card.ts";
import { standing, terms } from "../support/card-states.ts";

const phone: NewDevice = { idHash: "a".repeat(64), name: null, platform: null, publicKey: null };
const claim = { device: 1, family: 1 };
const CARD_MICROS = 10_000_000;

let next = 0;
function fresh(batch: number, kind: "card" | "voucher", isAsked = false) {
  const card = (next += 1);
  const profile = kind === "card" ? "standard" : null;
  const call: CardCall = {
    terms: terms({ number: batch, kind, profile, quantity: 5000 }),
    card,
    standing: standing(),
    firstUsePaused: false,
  };
  const name = `${String(batch).padStart(6, "0")}-${String(card).padStart(7, "0")}`;
  const stub = () => env.CARDS.getByName(name);
  return { call, isAsked, stub, object: () => stub() as unknown as CardObject };
}
type Side = ReturnType<typeof fresh>;
type Pair = { readonly from: Side; readonly to: Side; readonly run: () => Promise<unknown> };

const KINDS: Record<string, () => Promise<Pair>> = {
  "a voucher": async () => {
    const [from, to] = [fresh(12, "card"), fresh(13, "voucher", true)];
    await from.object().redeem(from.call, phone);
    return { from, to, run: () => from.object().topUp(from.call, claim, { id: "t", voucher: to.call }) };
  },
  "a replacement": async () => {
    const [from, to] = [fresh(12, "card"), fresh(14, "card", true)];
    await from.object().redeem(from.call, phone);
    return { from, to, run: () => from.object().replace(from.call, { id: "t", to: to.call, actor: "k" }) };
  },
};

/** Dies at a point of the protocol; `steps` counts the points passed. Nothing of it is in the product. */
type Fault = { readonly side: "from" | "to"; readonly at: number; readonly when: "before" | "durable" };
type Seen = { steps: number; crashed?: boolean };

function arm(side: Side, fault: Omit<Fault, "side"> | null, seen: Seen): Promise<void> {
  return runInDurableObject(side.stub(), (instance, state) => {
    const exec = state.storage.sql.exec.bind(state.storage.sql);
    const die = (why: string): never => {
      seen.crashed = true;
      state.abort(why);
      throw new Error(why);
    };
    const target = state.storage.sql;
    target.exec = ((query: string, ...values: SqlStorageValue[]) => {
      if (/^\s*SELECT/.test(query)) return exec(query, ...values);
      seen.steps += 1;
      if (fault?.when === "before" && seen.steps === fault.at) die("crash before a write");
      return exec(query, ...values);
    }) as typeof target.exec;
    if (fault?.when !== "durable") return;
    let turns = 0;
    // The turn before is durable, and nothing after it happens.
    const crash = async (): Promise<void> => {
      turns += 1;
      if (turns !== fault.at) return;
      await state.storage.sync();
      die("crash after a durable turn");
    };
    const turn = state.storage.transactionSync.bind(state.storage);
    const { storage } = state;
    // The side that is asked dies as soon as its turn is durable: its answer may be out or not.
    if (side.isAsked) {
      storage.transactionSync = (work) => {
        const done = turn(work);
        void crash().catch(() => undefined);
        return done;
      };
      return;
    }
    // The side that asks dies before it asks, and before it hears the answer.
    const asked = new Proxy(env.CARDS, {
      get: (cards, name) =>
        name === "getByName"
          ? (other: string) => ({
              claim: async (...args: Parameters<CardObject["claim"]>) => {
                await crash();
                const answer = await (cards.getByName(other) as unknown as CardObject).claim(...args);
                await crash();
                return answer;
              },
            })
          : (Reflect.get(cards, name) as unknown),
    });
    Object.defineProperty(instance, "env", { value: { ...env, CARDS: asked }, configurable: true });
  });
}

async function heldBy({ object, call }: Side): Promise<number> {
  const view = await object().inspect(call);
  if (!view.ok) throw new Error(view.error.code);
  return view.value.balance.available;
}

/** On its way: taken from the one, not yet booked at the other. */
const inFlight = (pair: Pair): Promise<number> =>
  runInDurableObject(pair.from.stub(), (_, { storage }) =>
    Number(storage.sql.exec("SELECT coalesce(sum(amount), 0) AS n FROM transfers WHERE step = 'fill'").one()["n"]),
  );
const openTransfers = (pair: Pair): Promise<number> =>
  runInDurableObject(pair.from.stub(), (_, { storage }) =>
    Number(storage.sql.exec("SELECT count(*) AS n FROM transfers WHERE step <> 'done'").one()["n"]),
  );

/** What both cards have, and what is between them: the same at every moment. */
async function sum(kind: string, pair: Pair): Promise<number> {
  const to = await pair.to.object().inspect(pair.to.call);
  if (!to.ok) throw new Error(to.error.code);
  const { firstUsedAtMs, balance } = to.value;
  const isClaimed = firstUsedAtMs !== null;
  const mine = await heldBy(pair.from);
  if (kind === "a voucher")
    return mine + balance.available + (isClaimed ? (await openTransfers(pair)) * CARD_MICROS : 0);
  // The face value of a card that waits for a balance is nobody's.
  return mine + (isClaimed ? balance.available : await inFlight(pair));
}

async function checkEnd(kind: string, pair: Pair, why: string): Promise<void> {
  expect(await openTransfers(pair), why).toBe(0);
  expect(await inFlight(pair), why).toBe(0);
  const ends = [await heldBy(pair.from), await heldBy(pair.to)];
  expect(ends, why).toEqual(kind === "a voucher" ? [2 * CARD_MICROS, 0] : [0, CARD_MICROS]);
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe.each(Object.keys(KINDS))("a crash during %s", (kind) => {
  const make = KINDS[kind]!;

  /** How many writes each side makes when nothing goes wrong. */
  async function writes(side: "from" | "to"): Promise<number> {
    const pair = await make();
    const seen = { steps: 0 };
    await arm(pair[side], null, seen);
    expect(await pair.run()).toMatchObject({ ok: true });
    return seen.steps;
  }

  async function crashAt({ side, ...fault }: Fault, end: "alarm" | "retry"): Promise<void> {
    const pair = await make();
    const why = `${side} ${fault.when} ${fault.at}, ${end}`;
    const seen: Seen = { steps: 0 };
    await arm(pair[side], fault, seen);
    await pair.run().catch(() => undefined);
    await vi.waitFor(() => expect(seen.crashed, why).toBe(true));
    expect(await sum(kind, pair), why).toBe(kind === "a voucher" ? 2 * CARD_MICROS : CARD_MICROS);
    if (end === "alarm") {
      for (let turn = 0; turn < 3; turn += 1) await runDurableObjectAlarm(pair.from.stub()).catch(() => undefined);
      // Died before the intent was durable: nothing has begun, and only the caller can begin again.
      if ((await heldBy(pair.from)) === CARD_MICROS && (await openTransfers(pair)) === 0) await pair.run();
    } else expect(await pair.run(), why).toMatchObject({ ok: true });
    await checkEnd(kind, pair, why);
    expect(await pair.run(), why).toMatchObject({ ok: true, value: { movedMicros: CARD_MICROS, replayed: true } });
    await checkEnd(kind, pair, why);
  }

  it.each(["from", "to"] as const)("before each write of the card it comes %s", async (side) => {
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    const steps = await writes(side);
    expect(steps).toBeGreaterThan(2);
    for (let at = 1; at <= steps; at += 1)
      for (const end of ["alarm", "retry"] as const) await crashAt({ side, at, when: "before" }, end);
  });

  it("after each durable turn, before and after each question", async () => {
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    const questions = kind === "a voucher" ? 1 : 2;
    for (const end of ["alarm", "retry"] as const) {
      for (let at = 1; at <= 2 * questions; at += 1) await crashAt({ side: "from", at, when: "durable" }, end);
      for (let at = 1; at <= questions; at += 1) await crashAt({ side: "to", at, when: "durable" }, end);
    }
  });
});
