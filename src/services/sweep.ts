/**
 * One slice of the sweep after a recall: each of its cards is called once with the standing of now, which it keeps and
 * obeys for ever. Every slice may be lost or doubled: where the sweep stands is in D1, and telling a card twice is one.
 */
import type { CardObject } from "../domain/card-calls.ts";
import type { CardCall } from "../domain/card.ts";
import { recallSpans, type RecallSpan } from "../domain/standing.ts";
import { afterSlice, STALLED_MS, type Sweep } from "../domain/sweep.ts";
import type { CatalogueTerms } from "../domain/terms.ts";
import type { Database } from "../storage/database.ts";
import { advanceSweep, countSwept, findSweep, readDueSweeps, readUntold } from "../storage/sweeps.ts";
import { readTerms } from "../storage/terms.ts";
import { Unavailable } from "../storage/unavailable.ts";
import type { Jobs } from "./jobs.ts";
import { cardCall } from "./redeem.ts";

const CARDS_A_SLICE = 200;
/** Objects called at the same time. */
const AT_A_TIME = 20;
/** Spans looked into by one slice: of a thousand empty ones the next slices see the rest. */
const SPANS_A_SLICE = 50;
const STALLED_AT_ONCE = 100;

/** Runs something against a card's object; faults become Unavailable. */
export type CallCard = <T>(call: CardCall, use: (card: CardObject) => Promise<T>) => Promise<T>;

export type SweepDeps = {
  readonly db: Database;
  readonly callCard: CallCard;
  readonly jobs: Jobs;
  readonly now: () => number;
};

/** Does what is due, and sends for the next slice. Nothing when the sweep waits for its next round or has ended. */
export async function sweepSlice(deps: SweepDeps, batch: number): Promise<void> {
  const { db, now } = deps;
  const startedMs = now();
  const sweep = await findSweep(db, batch);
  if (!sweep || sweep.dueAtMs === null || sweep.dueAtMs > startedMs) return;
  // Not from the catalogue's copies: they are what the sweep is there to correct.
  const terms = await readTerms(db, batch);
  if (!terms) return;
  const spans = recallSpans(terms.standing, terms.batch.quantity);
  const counted = sweep.afterCard === 0 ? await countSwept(db, batch, spans) : {};
  const { cards, lastCard, hasMore } = await nextCards(db, sweep, spans);
  const told = await tell(deps, terms, cards);
  const slice = { lastCard, hasMore, told, missed: cards.length - told };
  const nowMs = now();
  const next = afterSlice({ ...sweep, ...counted }, slice, nowMs);
  if ((await advanceSweep(db, sweep, next)) && next.dueAtMs !== null)
    await deps.jobs.sweep(batch, Math.max(0, next.dueAtMs - nowMs));
}

async function nextCards(db: Database, { batch, afterCard }: Sweep, spans: readonly RecallSpan[]) {
  const ahead = spans.filter(({ to }) => to > afterCard);
  const cards: number[] = [];
  for (const [index, span] of ahead.entries()) {
    const from = Math.max(span.from, afterCard + 1);
    const room = CARDS_A_SLICE - cards.length;
    const found = await readUntold(db, batch, { ...span, from }, room);
    cards.push(...found);
    if (found.length === room) return { cards, lastCard: found.at(-1) ?? span.to, hasMore: true };
    if (index + 1 === SPANS_A_SLICE) return { cards, lastCard: span.to, hasMore: index + 1 < ahead.length };
  }
  return { cards, lastCard: spans.at(-1)?.to ?? 0, hasMore: false };
}

/** How many were told. A halted card answers nothing, so it obeys as well. */
async function tell({ callCard }: SweepDeps, terms: CatalogueTerms, cards: readonly number[]): Promise<number> {
  let told = 0;
  for (let at = 0; at < cards.length; at += AT_A_TIME) {
    const group = cards.slice(at, at + AT_A_TIME).map((card) => cardCall(terms, card));
    const answers = await Promise.all(
      group.map((call) => callCard(call, (card) => card.inspect(call)).catch(unreached)),
    );
    told += answers.filter((answer) => answer !== null).length;
  }
  return told;
}

function unreached(error: unknown): null {
  if (error instanceof Unavailable) return null;
  throw error;
}

/** Sends for sweeps whose message was lost. */
export async function resumeSweeps({ db, jobs, now }: Pick<SweepDeps, "db" | "jobs" | "now">): Promise<void> {
  for (const batch of await readDueSweeps(db, now() - STALLED_MS, STALLED_AT_ONCE)) await jobs.sweep(batch, 0);
}
