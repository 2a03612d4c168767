/** drizzle over a D1 session. Catalogue reads that fill caches ask the primary; lists may use the nearest replica. */
import { drizzle, type DrizzleD1Database } from "drizzle-orm/d1";
import { D1_READ_LIMIT_MS, D1_WRITE_LIMIT_MS, withTimeLimit } from "./unavailable.ts";

export type Db = DrizzleD1Database;

export type Database = {
  /** A read on the primary, within the read limit. */
  read<T>(what: string, query: (db: Db) => PromiseLike<T>): Promise<T>;
  /** A read that may come from a replica. */
  readNear<T>(what: string, query: (db: Db) => PromiseLike<T>): Promise<T>;
  /** A write on the primary. It may have been applied although it timed out: writes are made idempotent by their keys. */
  write<T>(what: string, query: (db: Db) => PromiseLike<T>): Promise<T>;
};

export function createDatabase(binding: D1Database): Database {
  const open = (constraint: "first-primary" | "first-unconstrained") =>
    drizzle(binding.withSession(constraint) as unknown as D1Database);
  const run = async <T>(
    what: string,
    limitMs: number,
    constraint: "first-primary" | "first-unconstrained",
    query: (db: Db) => PromiseLike<T>,
  ) => withTimeLimit(`D1 ${what}`, limitMs, (async () => query(open(constraint)))());
  return {
    read: (what, query) => run(what, D1_READ_LIMIT_MS, "first-primary", query),
    readNear: (what, query) => run(what, D1_READ_LIMIT_MS, "first-unconstrained", query),
    write: (what, query) => run(what, D1_WRITE_LIMIT_MS, "first-primary", query),
  };
}
