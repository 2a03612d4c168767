/**
 * A card as it is promised, in its simplest form: the yardstick of the model tests, with `ledger-model.ts`.
 * Nothing here is the product's code: available and held are not kept but follow from the other terms, so that a
 * mistake would have to be made twice, in two different ways.
 */
import type { PostingType } from "../../src/domain/ledger/commands.ts";

const ACTIVATION_UNDONE_MS = 15 * 60_000;

export type ModelHold = {
  state: "open" | "committed" | "released" | "expired" | "late";
  amount: number;
  sequence: number;
  charged: number;
  released: number;
  shortfall: number;
  endsAtMs: number;
};

/** What a posting should say. */
export type ModelLine = { type: PostingType; id: string; amount: number; available: number; held: number };

export type ModelCard = {
  face: number;
  currency: string;
  firstUsedAtMs: number | null;
  endsAtMs: number | null;
  onSale: boolean;
  activatedAtMs: number | null;
  blocked: boolean;
  closed: boolean;
  recalled: boolean;
  credits: number;
  debt: number;
  spent: number;
  reversed: number;
  expired: number;
  shortfall: number;
  holds: Record<string, ModelHold>;
  /** Of an original, as `kind/id`: what it moved and what was taken back of it since. */
  moved: Record<string, { moved: number; reversed: number }>;
  lines: ModelLine[];
};

export type ModelAct =
  | { readonly type: "first"; readonly endsAtMs: number | null }
  | { readonly type: "block" | "unblock" | "activate" | "deactivate" | "close" }
  | { readonly type: "recall" }
  | { readonly type: "prolong"; readonly expiresAtMs: number };

export const newCard = (changes: Partial<ModelCard> = {}): ModelCard => ({
  face: 10,
  currency: "EUR",
  firstUsedAtMs: null,
  endsAtMs: null,
  onSale: false,
  activatedAtMs: null,
  blocked: false,
  closed: false,
  recalled: false,
  credits: 0,
  debt: 0,
  spent: 0,
  reversed: 0,
  expired: 0,
  shortfall: 0,
  holds: {},
  moved: {},
  lines: [],
  ...changes,
});

export const openHolds = (card: ModelCard): ModelHold[] =>
  Object.values(card.holds).filter(({ state }) => state === "open");
export const heldOf = (card: ModelCard): number => openHolds(card).reduce((sum, { amount }) => sum + amount, 0);
/** The equation of the books, read for the term that is not kept. */
export const availableOf = (card: ModelCard): number =>
  card.credits + card.debt - heldOf(card) - card.spent - card.reversed - card.expired;

export function statusOf(card: ModelCard, nowMs: number): string {
  if (card.closed) return "closed";
  if (card.recalled) return "recalled";
  if (card.blocked || card.debt > 0) return "blocked";
  if (isOver(card, nowMs)) return "expired";
  if (card.firstUsedAtMs !== null) return "active";
  return card.onSale && card.activatedAtMs === null ? "not_activated" : "issued";
}

export const isOver = (card: ModelCard, nowMs: number): boolean => card.endsAtMs !== null && nowMs > card.endsAtMs;

/** Does something to the books and writes the line that says so. */
export function book(card: ModelCard, type: PostingType, id: string, change: () => void): void {
  const before = availableOf(card);
  change();
  const available = availableOf(card);
  card.lines.push({ type, id, amount: available - before, available, held: heldOf(card) });
}

/** Money that became free pays debt first. Answers how much it paid. */
export function payDebt(card: ModelCard, freed: number): number {
  const paid = Math.min(card.debt, freed);
  card.debt -= paid;
  return paid;
}

/** What time alone does, holds before the card. */
export function settle(card: ModelCard, nowMs: number): void {
  for (const [id, hold] of Object.entries(card.holds)) {
    if (hold.state !== "open" || nowMs < hold.endsAtMs) continue;
    book(card, "hold_expired", id, () => {
      hold.state = "expired";
      hold.released += hold.amount;
      payDebt(card, hold.amount);
    });
  }
  if (isOver(card, nowMs) && availableOf(card) > 0) {
    book(card, "card_expired", "card", () => (card.expired += availableOf(card)));
  }
}

/** Changes of a card's life. null = done. */
export function act(card: ModelCard, change: ModelAct, nowMs: number): string | null {
  const status = statusOf(card, nowMs);
  switch (change.type) {
    case "first":
      if (status !== "issued") return `card_${status}`;
      card.firstUsedAtMs = nowMs;
      card.endsAtMs = earliest(card.endsAtMs, change.endsAtMs);
      book(card, "first", "first", () => (card.credits += card.face));
      return null;
    case "block":
    case "unblock":
      card.blocked = change.type === "block";
      return null;
    case "activate":
      if (card.closed || card.recalled) return `card_${status}`;
      card.activatedAtMs ??= nowMs;
      return null;
    case "deactivate": {
      const recent = card.activatedAtMs !== null && nowMs <= card.activatedAtMs + ACTIVATION_UNDONE_MS;
      if (!card.onSale || card.firstUsedAtMs !== null || !recent) return "invalid_input";
      card.activatedAtMs = null;
      return null;
    }
    case "close":
      card.closed = true;
      return null;
    case "recall":
      card.recalled = true;
      return null;
    case "prolong":
      if (card.closed) return "card_closed";
      if (change.expiresAtMs <= nowMs || (card.endsAtMs !== null && change.expiresAtMs <= card.endsAtMs))
        return "invalid_input";
      card.endsAtMs = change.expiresAtMs;
      return null;
    default:
      throw new Error(`The model does not know ${JSON.stringify(change)}.`);
  }
}

const earliest = (a: number | null, b: number | null): number | null =>
  a === null ? b : b === null ? a : Math.min(a, b);
