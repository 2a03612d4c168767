/**
 * Reconciliation: asks the objects of touched cards whether their postings, balances, holds and projection agree.
 * Changes nothing. A card that does not agree is told about; one whose object cannot be reached is not proven.
 */
import type { CardObject } from "../domain/card-calls.ts";
import type { CardCall } from "../domain/card.ts";
import { formatSerial } from "../domain/serial.ts";
import type { ProjectedCard } from "../storage/cards.ts";
import type { CardPosition, ReconcileCursor } from "../storage/reconcile-cursor.ts";
import { Unavailable } from "../storage/unavailable.ts";
import type { Catalogue } from "./catalogue.ts";
import { cardCall } from "./redeem.ts";

/** Objects asked at the same time. */
const AT_A_TIME = 10;
/** Cards a scheduled run asks at most; the next one goes on from there. */
export const CARDS_A_RUN = 500;

export type Mismatch = { readonly serial: string; readonly what: string };
export type Reconciled = {
  readonly checked: number;
  readonly mismatches: readonly Mismatch[];
  /** Serials of cards whose objects did not answer. */
  readonly unreachable: readonly string[];
};

type Deps = {
  readonly catalogue: Pick<Catalogue, "terms">;
  readonly callCard: <T>(call: CardCall, use: (card: CardObject) => Promise<T>) => Promise<T>;
};

export async function reconcileCards(deps: Deps, rows: readonly ProjectedCard[]): Promise<Reconciled> {
  const mismatches: Mismatch[] = [];
  const unreachable: string[] = [];
  for (let at = 0; at < rows.length; at += AT_A_TIME) {
    const group = rows.slice(at, at + AT_A_TIME);
    const findings = await Promise.all(group.map((row) => findingsOf(deps, row)));
    for (const [index, { card }] of group.entries()) {
      const serial = formatSerial(card);
      const found = findings[index];
      if (found) mismatches.push(...found.map((what) => ({ serial, what })));
      else unreachable.push(serial);
    }
  }
  return { checked: rows.length - unreachable.length, mismatches, unreachable };
}

/** null = the card could not be asked. */
async function findingsOf({ catalogue, callCard }: Deps, { card }: ProjectedCard): Promise<readonly string[] | null> {
  const projected = {
    version: card.version,
    shortfallMicros: card.shortfallMicros,
    openHolds: card.openHolds,
    balance: {
      credits: card.creditsMicros,
      debt: card.debtMicros,
      available: card.availableMicros,
      held: card.heldMicros,
      spent: card.spentMicros,
      reversed: card.reversedMicros,
      expired: card.expiredMicros,
    },
  };
  try {
    const terms = await catalogue.terms(card.batch);
    if (!terms || card.card > terms.batch.quantity) return ["the projection has it, but it was never issued"];
    const call = cardCall(terms, card.card);
    return (await callCard(call, (object) => object.reconcile(call, projected))).findings;
  } catch (error) {
    if (error instanceof Unavailable) return null;
    throw error;
  }
}

type RunDeps = Deps & {
  readonly cursor: ReconcileCursor;
  readonly readCards: (after: CardPosition | null, take: number) => Promise<readonly ProjectedCard[]>;
  readonly log: (level: "info" | "error", line: Readonly<Record<string, unknown>>) => void;
};

/** One slice of the walk: a line with counts, and an alert for every mismatch. After the last card it begins anew. */
export async function reconcileSlice(deps: RunDeps, take = CARDS_A_RUN): Promise<Reconciled> {
  const rows = await deps.readCards(await deps.cursor.read(), take);
  const done = await reconcileCards(deps, rows);
  for (const { serial, what } of done.mismatches)
    deps.log("error", { event: "alert", alert: "reconcile_mismatch", card: serial, what });
  const last = rows.length < take ? undefined : rows.at(-1);
  deps.log("info", {
    event: "reconciled",
    checked: done.checked,
    mismatches: done.mismatches.length,
    unreachable: done.unreachable.length,
    roundEnded: last === undefined,
  });
  await deps.cursor.write(last ? [last.card.batch, last.card.card] : null);
  return done;
}
