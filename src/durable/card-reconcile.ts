/**
 * Reconciliation of one card: replays its postings from the first and compares with everything else stored of it.
 * Changes nothing, and works on a halted card too, where it says why. A long book is read in pages between which other
 * calls are answered: postings are append-only, so what was replayed stays true, and the last page is compared in its own turn.
 */
import type { CardCall } from "../domain/card.ts";
import {
  compareHolds,
  compareProjection,
  type ProjectedBooks,
  type Reconciliation,
} from "../domain/card-reconciliation.ts";
import { compareBooks, emptyReplay, MAX_FINDINGS, replay, type Replay } from "../domain/ledger/replay.ts";
import { formatSerial } from "../domain/serial.ts";
import type { CardAccountStore } from "./card-account-store.ts";
import { statementLine, type Row, type StoredCard } from "./rows.ts";

const POSTINGS_A_PAGE = 1000;

export class CardReconcile {
  readonly #ctx: DurableObjectState;
  readonly #store: CardAccountStore;

  constructor(ctx: DurableObjectState, store: CardAccountStore) {
    this.#ctx = ctx;
    this.#store = store;
  }

  async run(call: CardCall, projected: ProjectedBooks): Promise<Reconciliation> {
    let replayed: Replay = emptyReplay;
    let postings = 0;
    for (;;) {
      const page = this.#page(call, replayed, projected);
      postings += page.postings;
      ({ replayed } = page);
      if (page.findings) return { postings, findings: page.findings.slice(0, MAX_FINDINGS) };
      await scheduler.wait(0);
    }
  }

  /** `findings` when this was the last page. */
  #page(call: CardCall, from: Replay, projected: ProjectedBooks) {
    try {
      return this.#ctx.storage.transactionSync(() => {
        const stored = this.#store.load();
        if (!stored)
          return { replayed: from, postings: 0, findings: ["the projection has it, but nobody has touched the card"] };
        const page = this.#postings(from.seq);
        const replayed = replay(from, page);
        const isLast = page.length < POSTINGS_A_PAGE;
        return {
          replayed,
          postings: page.length,
          ...(isLast && { findings: this.#compare(call, stored, replayed, projected) }),
        };
      });
    } catch (error) {
      // The transaction took a schema step with it.
      this.#store.reread();
      throw error;
    }
  }

  #compare(call: CardCall, { batch, state }: StoredCard, replayed: Replay, projected: ProjectedBooks): string[] {
    const serial = formatSerial({ batch: call.terms.number, card: call.card });
    const stored = formatSerial({ batch, card: state.card });
    const isOther = stored !== serial || this.#ctx.id.name !== serial;
    return [
      ...(isOther ? [`the stored card is ${stored}`] : []),
      ...replayed.findings,
      ...compareBooks(replayed, state),
      ...compareHolds(state, this.#openHolds()),
      ...compareProjection(state, projected, Date.now()),
    ];
  }

  #postings(after: number) {
    return this.#ctx.storage.sql
      .exec<Row>("SELECT *, NULL AS details FROM postings WHERE seq > ? ORDER BY seq LIMIT ?", after, POSTINGS_A_PAGE)
      .toArray()
      .map(statementLine);
  }

  #openHolds() {
    return this.#ctx.storage.sql
      .exec<{ id: string; amount: number }>("SELECT id, amount FROM holds WHERE state = 'open'")
      .toArray()
      .map(({ id, amount }) => ({ id, amountMicros: amount }));
  }
}
