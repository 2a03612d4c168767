/** Bindings that answer late and count their calls. */

import { DELAYS_MS, type Calls } from "./delays.ts";

export function delayed(env: Env): { readonly env: Env; readonly calls: Calls } {
  const calls: Calls = { object: 0, kvGet: 0, kvPut: 0, d1: 0 };
  const late = async <T>(name: keyof Calls, delayMs: number, work: () => Promise<T>): Promise<T> => {
    calls[name] += 1;
    await scheduler.wait(delayMs);
    return work();
  };
  return {
    calls,
    env: {
      ...env,
      CARDS: lateObjects(env.CARDS, late),
      BRANDING: lateKv(env.BRANDING, late),
      DB: lateD1(env.DB, late),
    },
  };
}

type Late = <T>(name: keyof Calls, delayMs: number, work: () => Promise<T>) => Promise<T>;
type Method = (...args: unknown[]) => Promise<unknown>;

/** The target with some members replaced; methods of native objects are called on the object itself. */
function replacing<T extends object>(target: T, member: (name: string | symbol, value: unknown) => unknown): T {
  return new Proxy(target, {
    get(object, name) {
      const value: unknown = Reflect.get(object, name, object);
      const found = member(name, value);
      if (found !== undefined) return found;
      return typeof value === "function" ? (value as Method).bind(object) : value;
    },
  });
}

function lateObjects(cards: Env["CARDS"], late: Late): Env["CARDS"] {
  return replacing(cards, (name, value) => {
    if (name === "jurisdiction")
      return (which: DurableObjectJurisdiction) => lateObjects(cards.jurisdiction(which), late);
    if (name !== "get" && name !== "getByName") return undefined;
    return (...args: unknown[]) =>
      replacing((value as (...all: unknown[]) => object).apply(cards, args), (method, call) =>
        method === "id" || method === "name"
          ? call
          : (...sent: unknown[]) => late("object", DELAYS_MS.object, () => (call as Method)(...sent)),
      );
  });
}

const KV_CALLS: Readonly<Record<string, keyof Calls>> = {
  get: "kvGet",
  getWithMetadata: "kvGet",
  list: "kvGet",
  put: "kvPut",
  delete: "kvPut",
};

const lateKv = (kv: KVNamespace, late: Late): KVNamespace =>
  replacing(kv, (method, call) => {
    const name = KV_CALLS[String(method)];
    return name && ((...args: unknown[]) => late(name, DELAYS_MS.kv, () => (call as Method).apply(kv, args)));
  });

/** drizzle's way to D1: a session, statements that are bound and run, or batched. */
function lateD1<T extends D1Database | D1DatabaseSession>(db: T, late: Late): T {
  const originals = new WeakMap<object, D1PreparedStatement>();
  const statement = (original: D1PreparedStatement): D1PreparedStatement => {
    const slow = replacing(original, (method, call) => {
      if (method === "bind") return (...values: unknown[]) => statement(original.bind(...values));
      if (!["all", "first", "raw", "run"].includes(String(method))) return undefined;
      return (...args: unknown[]) => late("d1", DELAYS_MS.d1, () => (call as Method).apply(original, args));
    });
    originals.set(slow, original);
    return slow;
  };
  return replacing(db, (method, value) => {
    if (method === "withSession")
      return (at: string) => lateD1((value as (at: string) => D1DatabaseSession).call(db, at), late);
    if (method === "prepare") return (sql: string) => statement(db.prepare(sql));
    if (method !== "batch") return undefined;
    return (all: D1PreparedStatement[]) =>
      late("d1", DELAYS_MS.d1, () => db.batch(all.map((one) => originals.get(one) ?? one)));
  });
}
