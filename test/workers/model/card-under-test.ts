/** A card's object with everything that can be done to it, and what it stored, read without asking it. */
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { vi } from "vitest";
import type { CardAction, CardObject, MoneyOutcome, MoneyRefusal, NewDevice } from "../../../src/domain/card-calls.ts";
import type { CardCall } from "../../../src/domain/card.ts";
import type { Result } from "../../../src/domain/result.ts";
import type { BatchTerms, Standing } from "../../../src/domain/terms.ts";
import { MIGRATIONS, migrate } from "../../../src/durable/migrations.ts";
import type { ModelReply } from "../../support/object-model.ts";
import type { Asked } from "./operations.ts";

export const FACE = 10;
const BATCH = 8;
const phone: NewDevice = { idHash: "a".repeat(64), name: null, platform: null, publicKey: null };
const standing: Standing = { version: 1, status: "active", untouchedRecalled: false, recalledRanges: [] };

export const terms = (revives: boolean): BatchTerms => ({
  number: BATCH,
  partner: "acme",
  brand: "acme",
  profile: "standard",
  kind: "card",
  mode: "live",
  quantity: 1_000_000,
  format: "base32",
  keyId: "1",
  creditMicros: FACE,
  currency: "EUR",
  expiry: { at: null, daysAfterFirstUse: 1, daysAfterIssue: null },
  timeZone: "UTC",
  maxDevices: 1,
  activation: "issued",
  onExpiredTopUp: revives ? "revive" : "refuse",
  graceDays: 2,
  createdAtMs: Date.UTC(2026, 0, 1),
});

type Row = Record<string, string | number | null>;
export type Stored = {
  card: Row;
  holds: Row[];
  postings: Row[];
  outcomes: number;
} | null;

const replyOf = (answer: Result<MoneyOutcome, MoneyRefusal>): ModelReply => {
  if (!answer.ok) return { ok: false, code: answer.error.code, replayed: answer.error.replayed ?? false };
  const { movedMicros, restMicros, grantedMicros, releasedMicros, availableMicros, heldMicros, hold } = answer.value;
  return {
    ok: true,
    replayed: answer.value.replayed,
    moved: movedMicros,
    rest: restMicros,
    granted: grantedMicros,
    released: releasedMicros,
    available: availableMicros,
    held: heldMicros,
    hold: hold && { state: hold.state, sequence: hold.sequence, endsAtMs: hold.expiresAtMs },
  };
};

let numbers = 0;

export class CardUnderTest {
  readonly #card = (numbers += 1);
  readonly #call: CardCall;

  constructor(revives: boolean) {
    this.#call = { terms: terms(revives), card: this.#card, standing, firstUsePaused: false };
  }

  /** A new one for every call, as the Worker does: one that failed stays broken. */
  #stub() {
    return env.CARDS.getByName(`${String(BATCH).padStart(6, "0")}-${String(this.#card).padStart(7, "0")}`);
  }

  #object(): CardObject {
    return this.#stub();
  }

  #request({ command, concurrentCalls, destinationAllowed }: Asked) {
    return { command, rules: { concurrentCalls, destinationAllowed }, details: null, actor: "model" };
  }

  async ask(asked: Asked): Promise<ModelReply> {
    return replyOf(await this.#object().money(this.#call, this.#request(asked)));
  }

  async redeem(): Promise<string | null> {
    const answer = await this.#object().redeem(this.#call, phone);
    return answer.ok ? null : answer.error.code;
  }

  async act(action: CardAction): Promise<string | null> {
    const answer = await this.#object().act(this.#call, action, { reason: "r", actor: "model" });
    return answer.ok ? null : answer.error.code;
  }

  async recall(): Promise<void> {
    const recalled: Standing = { ...standing, version: 2, recalledRanges: [[this.#card, this.#card]] };
    await this.#object().inspect({ ...this.#call, standing: recalled });
  }

  async inspect(): Promise<void> {
    await this.#object().inspect(this.#call);
  }

  /** One that crashed just now is not running: that is as good. */
  async evict(): Promise<void> {
    try {
      await evictDurableObject(this.#stub());
    } catch (error) {
      if (!String(error).includes("not currently running")) throw error;
    }
  }

  async crash(asked: Asked, durable: boolean): Promise<void> {
    await runInDurableObject(this.#stub(), async (instance, state) => {
      const done = instance.money(this.#call, this.#request(asked));
      if (durable) {
        await done;
        await state.storage.sync();
      }
      state.abort("crash");
      await done;
    }).catch(() => undefined);
  }

  /** The instance dies under whatever calls it has. */
  async abort(): Promise<void> {
    await runInDurableObject(this.#stub(), (_, state) => state.abort("crash")).catch(() => undefined);
  }

  /** undefined = the fault struck, and the caller got no answer. */
  async askWithFault(asked: Asked, at: number): Promise<ModelReply | undefined> {
    return this.#withFault(at, async (instance) => replyOf(await instance.money(this.#call, this.#request(asked))));
  }

  async alarmWithFault(at: number): Promise<void> {
    await this.#withoutQueue();
    await this.#withFault(at, (instance) => (instance as unknown as { alarm(): Promise<void> }).alarm());
  }

  #withFault<T>(at: number, work: (instance: CardObject) => Promise<T>): Promise<T | undefined> {
    return runInDurableObject(this.#stub(), async (instance, { storage }) => {
      const exec = storage.sql.exec.bind(storage.sql);
      let executed = 0;
      const spy = vi.spyOn(storage.sql, "exec").mockImplementation(((query: string, ...values: SqlStorageValue[]) => {
        executed += 1;
        if (executed === at) throw new Error("disk");
        return exec(query, ...values);
      }) as typeof storage.sql.exec);
      try {
        return await work(instance);
      } catch (error) {
        if (!String(error).includes("disk")) throw error;
        return undefined;
      } finally {
        spy.mockRestore();
      }
    });
  }

  /** The platform's alarm if one is set, due or not; then the handler once more for each further time. */
  async alarm(times: number): Promise<void> {
    await this.#withoutQueue();
    await runDurableObjectAlarm(this.#stub());
    for (let time = 1; time < times; time += 1) {
      await runInDurableObject(this.#stub(), (instance) => (instance as unknown as { alarm(): Promise<void> }).alarm());
    }
  }

  /** What the queue would do with thousands of events is not the question here. */
  async #withoutQueue(): Promise<void> {
    await runInDurableObject(this.#stub(), (instance) => {
      const CARD_EVENTS = { send: () => Promise.resolve() };
      Object.defineProperty(instance, "env", { value: { ...env, CARD_EVENTS }, configurable: true });
    });
  }

  /** Storage as the first release left it: a redeemed card with one debit and one refusal, before there were holds. */
  async startOnFirstRelease(nowMs: number): Promise<void> {
    const [first] = MIGRATIONS;
    if (!first) throw new Error("there is no first release");
    await runInDurableObject(this.#stub(), (_, { storage }) =>
      storage.transactionSync(() => {
        migrate(storage.sql, 0, [first]);
        storage.sql.exec(
          `INSERT INTO card (only, version, projected_version, clock_ms, batch, card, kind, mode, currency, face_value_micros, max_devices,
            first_used_at_ms, expires_at_ms, on_sale, blocked, closed, standing, credits, debt, available, held, spent, reversed, expired, last_seq, last_device)
            VALUES (1, 3, 0, ?, ?, ?, 'card', 'live', 'EUR', 10, 1, ?, ?, 0, 0, 0, ?, 10, 0, 6, 0, 4, 0, 0, 2, 0)`,
          nowMs,
          BATCH,
          this.#card,
          nowMs,
          nowMs + 3 * 86_400_000,
          JSON.stringify(standing),
        );
        const content = '{"amountMicros":4,"currency":"EUR","minimumMicros":null,"subject":null}';
        storage.sql.exec(
          "INSERT INTO postings VALUES (1, ?, 'first', 'first', 10, 10, 0, NULL), (2, ?, 'debit', 'd1', -4, 6, 0, NULL)",
          nowMs,
          nowMs,
        );
        storage.sql.exec("INSERT INTO outcomes VALUES ('debit', 'd1', ?, ?, NULL, 4, 0, 6, 0)", content, nowMs);
      }),
    );
    await this.evict();
  }

  /** null = nothing is stored. */
  stored(): Promise<Stored> {
    return runInDurableObject(this.#stub(), (_, { storage: { sql } }) => {
      const rows = (query: string) => sql.exec<Row>(query).toArray();
      const tables = rows("SELECT name FROM sqlite_master WHERE type = 'table' AND name = 'holds'");
      if (tables.length === 0) return null;
      const [card] = rows("SELECT * FROM card");
      if (!card) return null;
      const [{ n } = { n: 0 }] = rows("SELECT count(*) AS n FROM outcomes");
      return {
        card,
        holds: rows("SELECT * FROM holds"),
        postings: rows("SELECT * FROM postings ORDER BY seq"),
        outcomes: Number(n),
      };
    });
  }
}
