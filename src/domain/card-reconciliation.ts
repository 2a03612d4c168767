/** What a card must agree with besides its postings: its holds, and what the projection says of it. Pure. */
import { conserves, type Balance } from "./balance.ts";
import type { CardState } from "./card.ts";
import type { OpenHold } from "./hold.ts";

/** A card as the projection has it. */
export type ProjectedBooks = {
  readonly version: number;
  readonly balance: Balance;
  readonly shortfallMicros: number;
  readonly openHolds: number;
};

export type Reconciliation = {
  /** How many were replayed. */
  readonly postings: number;
  /** What does not agree, in words; empty = proven. */
  readonly findings: readonly string[];
};

/** The queue retries for minutes; a change that has not arrived by then was lost. */
export const PROJECTION_LATE_MS = 3_600_000;

/** The balance in itself, and the open holds: as the card keeps them at hand and as they are stored each. */
export function compareHolds({ balance, openHolds }: CardState, stored: readonly Omit<OpenHold, "expiresAtMs">[]) {
  const spelled = (holds: typeof stored) =>
    holds
      .map(({ id, amountMicros }) => `${id} ${amountMicros}`)
      .toSorted()
      .join("\n");
  const sum = stored.reduce((total, { amountMicros }) => total + amountMicros, 0);
  return [
    !conserves(balance) && "the balance does not add up",
    sum !== balance.held && `held is ${balance.held}, the open holds come to ${sum}`,
    spelled(stored) !== spelled(openHolds) && "the holds at hand are not the open ones",
  ].filter((finding) => finding !== false);
}

/** The projection may be behind, for a while; never ahead, and never of the same version with other figures. */
export function compareProjection(state: CardState, projected: ProjectedBooks, nowMs: number): string[] {
  const { version } = projected;
  if (version > state.version) return [`the projection is ahead: version ${version}, the card has ${state.version}`];
  if (version < state.version)
    return nowMs - state.clockMs > PROJECTION_LATE_MS
      ? [`the projection is behind for more than an hour: version ${version}, the card has ${state.version}`]
      : [];
  const terms = Object.keys(state.balance) as (keyof Balance)[];
  return [
    ...terms.flatMap((term) => differs(term, state.balance[term], projected.balance[term])),
    ...differs("shortfall", state.shortfallMicros, projected.shortfallMicros),
    ...differs("open holds", state.openHolds.length, projected.openHolds),
  ];
}

const differs = (what: string, card: number, projection: number): string[] =>
  card === projection ? [] : [`${what}: the card has ${card}, the projection ${projection}`];
