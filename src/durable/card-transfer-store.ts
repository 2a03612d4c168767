/**
 * SQL of a card's transfers: what it has begun with other cards.
 * An open row is an intent, and holds all that is needed to bring it to its end; a done one says what became of it.
 */
import type { Doer } from "../domain/card-acts.ts";
import type { CardCall } from "../domain/card.ts";
import type { Row } from "./rows.ts";

export type TransferKind = "top_up" | "replace";
export type TransferKey = { readonly kind: TransferKind; readonly id: string };

export type Transfer = TransferKey & {
  /** `claim`: the other card is being asked. `fill`: the balance has left. `done`: nothing more to do. */
  readonly step: "claim" | "fill" | "done";
  /** Serial of the other card. */
  readonly other: string;
  /** Promised by a voucher, or on its way to the other card. */
  readonly amountMicros: number;
};

/** The calls as the Worker made them, for steps that no Worker waits for. */
export type OpenTransfer = Transfer & {
  readonly call: CardCall;
  readonly otherCall: CardCall;
  /** Of a replacement: who asked for it. */
  readonly doer?: Doer;
};

export class CardTransferStore {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  find({ kind, id }: TransferKey): Transfer | undefined {
    const [row] = this.#sql.exec<Row>("SELECT * FROM transfers WHERE kind = ? AND id = ?", kind, id).toArray();
    return row && transferOf(row);
  }

  /** The one with another card, whatever its id. */
  with(kind: TransferKind, other: string): Transfer | undefined {
    const [row] = this.#sql.exec<Row>("SELECT * FROM transfers WHERE kind = ? AND other = ?", kind, other).toArray();
    return row && transferOf(row);
  }

  /** undefined = it has ended, or never began. */
  open({ kind, id }: TransferKey): OpenTransfer | undefined {
    const [row] = this.#sql
      .exec<Row>("SELECT * FROM transfers WHERE kind = ? AND id = ? AND step <> 'done'", kind, id)
      .toArray();
    if (!row) return undefined;
    const calls = JSON.parse(row["calls"] as string) as Pick<OpenTransfer, "call" | "otherCall" | "doer">;
    return { ...transferOf(row), ...calls };
  }

  allOpen(): TransferKey[] {
    return this.#sql
      .exec<Row>("SELECT kind, id FROM transfers WHERE step <> 'done' ORDER BY kind DESC, id")
      .toArray()
      .map((row) => ({ kind: row["kind"] as TransferKind, id: row["id"] as string }));
  }

  begin({ kind, id, other, amountMicros, call, otherCall, doer }: Omit<OpenTransfer, "step">, atMs: number): void {
    this.#sql.exec(
      "INSERT INTO transfers (kind, id, step, other, amount, at_ms, calls) VALUES (?, ?, 'claim', ?, ?, ?, ?)",
      kind,
      id,
      other,
      amountMicros,
      atMs,
      JSON.stringify({ call, otherCall, doer }),
    );
  }

  moved({ kind, id }: TransferKey, amountMicros: number): void {
    this.#sql.exec("UPDATE transfers SET step = 'fill', amount = ? WHERE kind = ? AND id = ?", amountMicros, kind, id);
  }

  end({ kind, id }: TransferKey): void {
    this.#sql.exec("UPDATE transfers SET step = 'done', calls = NULL WHERE kind = ? AND id = ?", kind, id);
  }

  /** The other card refused: nothing has moved, and nothing is left to remember. */
  drop({ kind, id }: TransferKey): void {
    this.#sql.exec("DELETE FROM transfers WHERE kind = ? AND id = ?", kind, id);
  }
}

const transferOf = (row: Row): Transfer => ({
  kind: row["kind"] as TransferKind,
  id: row["id"] as string,
  step: row["step"] as Transfer["step"],
  other: row["other"] as string,
  amountMicros: Number(row["amount"]),
});
