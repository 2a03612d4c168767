/**
 * How many codes a card was shown that paid nothing in. What a holder can cause is bounded: after so many in a day none
 * is looked at. Counted in the card, so that neither another address nor another device gives more of them.
 */
import type { Refusal } from "../domain/errors.ts";
import { DAY_MS, SECOND_MS } from "../domain/time.ts";
import type { Row } from "./rows.ts";

const MAX_FAILURES = 20;

/** A day begins with its first failure. */
type Failures = { readonly sinceMs: number; readonly count: number };

export class VoucherFailures {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** null = the card is within its budget. */
  refusal(nowMs: number): Refusal | null {
    const { sinceMs, count } = this.#today(nowMs);
    if (count < MAX_FAILURES) return null;
    return { code: "too_many_attempts", retryAfterSeconds: Math.ceil((sinceMs + DAY_MS - nowMs) / SECOND_MS) };
  }

  count(nowMs: number): void {
    const { sinceMs, count } = this.#today(nowMs);
    this.#sql.exec(
      `INSERT INTO voucher_failures (only, since_ms, count) VALUES (1, ?, ?)
        ON CONFLICT (only) DO UPDATE SET since_ms = excluded.since_ms, count = excluded.count`,
      sinceMs,
      count + 1,
    );
  }

  #today(nowMs: number): Failures {
    const [row] = this.#sql.exec<Row>("SELECT since_ms, count FROM voucher_failures").toArray();
    const failures = { sinceMs: Number(row?.["since_ms"] ?? 0), count: Number(row?.["count"] ?? 0) };
    return nowMs < failures.sinceMs + DAY_MS ? failures : { sinceMs: nowMs, count: 0 };
  }
}
