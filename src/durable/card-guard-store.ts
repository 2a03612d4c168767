/** SQL of what guards a card's move to another device. One row, made with the first thing worth keeping. */
import { NO_GUARD, type Guard } from "../domain/takeover.ts";
import type { Row } from "./rows.ts";

export class CardGuardStore {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  load(): Guard {
    const [row] = this.#sql.exec<Row>("SELECT * FROM guard").toArray();
    if (!row) return NO_GUARD;
    const keyId = row["pin_key"] as string | null;
    return {
      pin: keyId === null ? null : { keyId, mac: row["pin_mac"] as string },
      pinRequest: row["pin_request"] as string | null,
      wrongSinceMs: Number(row["wrong_since_ms"]),
      wrongCount: Number(row["wrong_count"]),
      takenOverAtMs: row["taken_over_at_ms"] as number | null,
    };
  }

  save(guard: Guard): void {
    this.#sql.exec(
      `INSERT INTO guard (only, pin_key, pin_mac, pin_request, wrong_since_ms, wrong_count, taken_over_at_ms)
        VALUES (1, ?, ?, ?, ?, ?, ?)
        ON CONFLICT (only) DO UPDATE SET pin_key = excluded.pin_key, pin_mac = excluded.pin_mac, pin_request = excluded.pin_request,
          wrong_since_ms = excluded.wrong_since_ms, wrong_count = excluded.wrong_count, taken_over_at_ms = excluded.taken_over_at_ms`,
      guard.pin?.keyId ?? null,
      guard.pin?.mac ?? null,
      guard.pinRequest,
      guard.wrongSinceMs,
      guard.wrongCount,
      guard.takenOverAtMs,
    );
  }
}
