/** A card's object called as the Worker calls it, without HTTP, and what it has stored. */
import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { vi } from "vitest";
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
export const standing: Standing = { version: 1, status: "active", untouchedRecalled: false, recalledRanges: [] };

let next = 0;
export function freshCard() {
  const card = (next += 1);
  const call: CardCall = { terms, card, standing, firstUsePaused: false };
  const name = `000007-${String(card).padStart(7, "0")}`;
  const stub = () => env.CARDS.getByName(name);
  return { call, name, stub, object: () => stub() as unknown as CardObject };
}

export const phone: NewDevice = { idHash: "a".repeat(64), name: null, platform: null, publicKey: null };
const request = (command: MoneyCommand): MoneyRequest => ({
  command,
  rules: { concurrentCalls: 5, destinationAllowed: true },
  details: null,
  actor: "test",
});
export const debit = (id: string, amountMicros = 1_000_000) =>
  request({ type: "debit", id, amountMicros, currency: "EUR", minimumMicros: null, subject: null });
export const hold = (id: string, amountMicros = 1_000_000) =>
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
export const extend = (id: string, sequence: number, usedMicros: number) =>
  request({ type: "extend", id, sequence, usedMicros, amountMicros: 1_000_000, ttlSeconds: 60, overrun: "refuse" });
export const commit = (id: string, usedMicros: number) =>
  request({ type: "commit", id, usedMicros, overrun: "refuse" });

export const tables = (stub: DurableObjectStub) =>
  runInDurableObject(stub, (_, { storage }) =>
    storage.sql.exec("SELECT name FROM sqlite_master WHERE name NOT LIKE '_cf_%'").toArray(),
  );

export async function rows(stub: DurableObjectStub): Promise<Record<string, number>> {
  return runInDurableObject(stub, (_, { storage }) =>
    Object.fromEntries(
      ["postings", "outcomes", "devices", "acts"].map((table) => [
        table,
        Number(storage.sql.exec(`SELECT count(*) AS n FROM ${table}`).one()["n"]),
      ]),
    ),
  );
}

type Counter = "rowsRead" | "rowsWritten";

/** What the platform would bill for one piece of work. Cursors are read after it: they count while they are drained. */
const counted = (counter: Counter) => (stub: DurableObjectStub, work: (object: CardObject) => Promise<unknown>) =>
  runInDurableObject(stub, async (instance, { storage }) => {
    const exec = storage.sql.exec.bind(storage.sql);
    const cursors: Pick<SqlStorageCursor<Record<string, SqlStorageValue>>, Counter>[] = [];
    const spy = vi.spyOn(storage.sql, "exec").mockImplementation(((query: string, ...values: SqlStorageValue[]) => {
      const cursor = exec(query, ...values);
      cursors.push(cursor);
      return cursor;
    }) as typeof storage.sql.exec);
    await work(instance as unknown as CardObject);
    spy.mockRestore();
    return cursors.reduce((sum, cursor) => sum + cursor[counter], 0);
  });

export const rowsWritten = counted("rowsWritten");
export const rowsRead = counted("rowsRead");
