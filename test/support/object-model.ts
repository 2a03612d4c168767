/**
 * The rest of what a card's object promises, around the model of its books: one effect and one outcome for an id,
 * and a clock of its own that never goes back.
 */
import type { MoneyCommand } from "../../src/domain/ledger/commands.ts";
import { availableOf, heldOf, newCard, settle, type ModelCard, type ModelHold } from "./card-model.ts";
import { run, type ModelFigures, type ModelRules } from "./ledger-model.ts";

type Pinned = {
  content: string;
  code: string | null;
  figures: ModelFigures;
  available: number;
  held: number;
  sequence: number;
  endsAtMs: number | null;
};

export type ObjectModel = {
  card: ModelCard;
  /** Something is stored of it. */
  touched: boolean;
  clockMs: number;
  pinned: Record<string, Pinned>;
};

export type ModelReply =
  | { ok: false; code: string; replayed: boolean }
  | ({ ok: true; replayed: boolean; available: number; held: number; hold: ReplyHold | null } & ModelFigures);
type ReplyHold = { state: ModelHold["state"]; sequence: number; endsAtMs: number };

/** Refusals that an id keeps: 402, 403 and 409, but for the two that follow from the hold itself. */
const KEPT = new Set([
  "insufficient_credit",
  "card_blocked",
  "destination_not_allowed",
  "too_many_calls",
  "card_not_activated",
  "card_not_redeemed",
]);

export const newObject = (changes: Partial<ModelCard> = {}): ObjectModel => ({
  card: newCard(changes),
  touched: false,
  clockMs: 0,
  pinned: {},
});

export const clockOf = (model: ObjectModel, machineMs: number): number =>
  model.touched ? Math.max(model.clockMs, machineMs) : machineMs;

/** What any call does first: the card's time, and what is due at it. */
export function arrive(model: ObjectModel, machineMs: number): number {
  const nowMs = clockOf(model, machineMs);
  const { length } = model.card.lines;
  if (model.touched) settle(model.card, nowMs);
  if (model.card.lines.length > length) model.clockMs = nowMs;
  return nowMs;
}

export function pin(model: ObjectModel, command: MoneyCommand, figures: ModelFigures): void {
  const { card } = model;
  const hold = card.holds[command.id];
  model.pinned[identity(command)] = {
    content: contentOf(command),
    code: null,
    figures,
    available: availableOf(card),
    held: heldOf(card),
    sequence: hold?.sequence ?? 0,
    endsAtMs: hold?.endsAtMs ?? null,
  };
}

export function ask(model: ObjectModel, command: MoneyCommand, rules: ModelRules, machineMs: number): ModelReply {
  const nowMs = arrive(model, machineMs);
  const { card, pinned } = model;
  const known = pinned[identity(command)];
  if (known) {
    if (known.content !== contentOf(command)) return { ok: false, code: "id_reused", replayed: false };
    return known.code === null ? reply(model, command, true) : { ok: false, code: known.code, replayed: true };
  }
  const result = run(card, command, rules, nowMs);
  if (!result.ok) {
    if (card.firstUsedAtMs !== null && KEPT.has(result.code)) {
      pin(model, command, { moved: 0, rest: 0, granted: 0, released: 0 });
      Object.assign(pinned[identity(command)] ?? {}, { code: result.code });
    }
    return { ok: false, code: result.code, replayed: false };
  }
  model.clockMs = nowMs;
  pin(model, command, result.figures);
  settle(card, nowMs);
  return reply(model, command, false);
}

function reply(model: ObjectModel, command: MoneyCommand, replayed: boolean): ModelReply {
  const outcome = model.pinned[identity(command)];
  if (!outcome) throw new Error("nothing is pinned");
  const { figures, available, held, sequence, endsAtMs } = outcome;
  const isOfHold = ["hold", "extend", "commit", "release"].includes(command.type);
  const state = isOfHold ? model.card.holds[command.id]?.state : undefined;
  const hold = state !== undefined && endsAtMs !== null ? { state, sequence, endsAtMs } : null;
  return { ok: true, replayed, ...figures, available, held, hold };
}

export function identity(command: MoneyCommand): string {
  if (command.type === "extend") return `extend ${command.id}/${command.sequence}`;
  if ("original" in command) return `${command.type} ${command.original}/${command.id}`;
  return `${command.type} ${command.id}`;
}

/** A commit is its amount, a release nothing; of all else, everything said. */
function contentOf(command: MoneyCommand): string {
  if (command.type === "commit") return String(command.usedMicros);
  if (command.type === "release") return "";
  const said = Object.entries(command).filter(([name]) => name !== "id" && name !== "type");
  return JSON.stringify(said.toSorted(([a], [b]) => a.localeCompare(b)));
}
