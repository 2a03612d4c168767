/** How often the link of a softphone was answered with credentials: so often, and the link is used up. */
import type { Row } from "./rows.ts";

const MAX_FETCHES = 5;

export class LinkFetches {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** Counts one more; false = there were enough. */
  take(device: number): boolean {
    const [row] = this.#sql.exec<Row>("SELECT count FROM link_fetches WHERE device = ?", device).toArray();
    const count = Number(row?.["count"] ?? 0);
    if (count >= MAX_FETCHES) return false;
    this.#sql.exec(
      "INSERT INTO link_fetches (device, count) VALUES (?, 1) ON CONFLICT (device) DO UPDATE SET count = count + 1",
      device,
    );
    return true;
  }
}
