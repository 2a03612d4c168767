/** Money commands at a card: the pinned outcome if there is one, else the ledger's decision, pinned. Inside one turn. */
import type { CallRules, MoneyOutcome, MoneyRefusal, MoneyRequest } from "../domain/card-calls.ts";
import { isActive } from "../domain/devices.ts";
import { invalidField, PROBLEMS, refuse, type ProblemCode, type Refusal } from "../domain/errors.ts";
import type { Hold } from "../domain/hold.ts";
import { NOTHING_MOVED } from "../domain/ledger/posting.ts";
import type { Context, Decision, MoneyCommand } from "../domain/ledger/commands.ts";
import { decide } from "../domain/ledger/decide.ts";
import { err, ok, type Result } from "../domain/result.ts";
import { formatSerial, parseSipUser } from "../domain/serial.ts";
import { reviveUntilMs } from "../domain/terms.ts";
import { moneyAct } from "../domain/card-acts.ts";
import type { CardAccountStore } from "./card-account-store.ts";
import type { CardJournal } from "./card-journal.ts";
import type { CardTurns, Turn } from "./card-turns.ts";
import type { Outcome } from "./rows.ts";

/** Refusals that are pinned to their id; invalid input and unknown things are not. */
const PINNED_STATUSES: ReadonlySet<number> = new Set([402, 403, 409]);
/** What a missing step or a settled hold answers follows from the hold itself. */
const NEVER_PINNED: ReadonlySet<ProblemCode> = new Set(["sequence_gap", "hold_settled"]);

export class CardMoney {
  readonly #store: CardAccountStore;
  readonly #turns: CardTurns;
  readonly #journal: CardJournal;

  constructor(
    store: CardAccountStore,
    { turns, journal }: { readonly turns: CardTurns; readonly journal: CardJournal },
  ) {
    this.#store = store;
    this.#turns = turns;
    this.#journal = journal;
  }

  run(turn: Turn, { command, rules, details, ...doer }: MoneyRequest): Result<MoneyOutcome, MoneyRefusal> {
    const id = outcomeId(command);
    const pinned = turn.touched ? this.#store.outcome(command.type, id) : undefined;
    if (pinned) return this.#replay(turn, command, pinned);
    const subject = this.#subjectRefusal(turn, command);
    const decision = subject
      ? err(subject)
      : decide(turn.state, command, this.#context(turn, command, rules), turn.nowMs);
    const outcome = outcomeOf(turn, command, decision);
    if (decision.ok) this.#write(turn, decision.value, details);
    // A card without a first posting pins nothing: the same request must work once it is redeemed.
    const isKept = decision.ok || (turn.state.firstUsedAtMs !== null && isPinned(decision.error));
    if (isKept) this.#store.pin(command.type, id, outcome);
    // Only a new refusal can make the kept ones too many.
    if (isKept && !decision.ok) this.#store.forgetOldRefusals(turn.nowMs);
    if (!decision.ok) return err(this.#explained(turn, decision.error));
    const act = moneyAct(command, turn.state.currency, outcome.movedMicros);
    if (act) this.#journal.add(turn, act, doer);
    return ok(toOutcome(turn, command, outcome, decision.value.hold, false));
  }

  #write(turn: Turn, decision: Decision, details: MoneyRequest["details"]): void {
    const batch = turn.call.terms.number;
    this.#turns.commit(batch, decision);
    const posting = decision.postings.at(-1);
    if (details && posting) this.#store.saveCall(posting.seq, turn.nowMs, details);
    // What a settled hold frees on a card that has ended is breakage at once.
    this.#turns.settle(batch, decision.state, turn.nowMs);
  }

  /** The same id again: the fixed outcome for the same content, a refusal for any other. */
  #replay(turn: Turn, command: MoneyCommand, pinned: Outcome): Result<MoneyOutcome, MoneyRefusal> {
    if (pinned.content !== contentOf(command)) return err(refuse("id_reused"));
    if (pinned.refusal !== null) return err({ ...this.#explained(turn, { code: pinned.refusal }), replayed: true });
    return ok(
      toOutcome(turn, command, pinned, holdIdOf(command) === null ? undefined : this.#store.hold(command.id), true),
    );
  }

  #context(turn: Turn, command: MoneyCommand, rules: CallRules): Context {
    const hold = turn.touched && holdIdOf(command) !== null ? this.#store.hold(command.id) : undefined;
    const revive = command.type === "credit" ? reviveUntilMs(turn.call.terms, turn.state, turn.nowMs) : null;
    const promisedMicros = turn.touched && command.type === "credit" ? this.#store.promisedMicros() : 0;
    const original = turn.touched ? this.#original(command) : undefined;
    return { ...rules, hold, original, reviveUntilMs: revive, promisedMicros };
  }

  #original(command: MoneyCommand): Context["original"] {
    if (command.type !== "credit_reversal" && command.type !== "debit_reversal") return undefined;
    const applied = this.#store.outcome(command.type === "credit_reversal" ? "credit" : "debit", command.original);
    if (!applied || applied.refusal !== null) return undefined;
    return { movedMicros: applied.movedMicros, reversedMicros: this.#store.movedUnder(command.type, command.original) };
  }

  /** A switch that names the device that called: one that is signed out, or gave its seat to a softphone, may not spend. */
  #subjectRefusal(turn: Turn, command: MoneyCommand): Refusal | undefined {
    if ((command.type !== "debit" && command.type !== "hold") || command.subject === null) return undefined;
    const subject = parseSipUser(command.subject);
    const serial = formatSerial({ batch: turn.call.terms.number, card: turn.call.card });
    if (!subject || subject.serial !== serial)
      return invalidField("/subject", "The SIP user of a device of this card.");
    if (turn.state.firstUsedAtMs === null) return undefined;
    const device = this.#store.device(subject.device);
    if (!device || !isActive(device)) return refuse("credential_revoked");
    return device.sipSeat
      ? undefined
      : refuse("credential_revoked", "A linked softphone calls in this device's place.");
  }

  #explained(turn: Turn, refusal: Refusal): Refusal {
    if (refusal.code !== "too_many_calls") return refusal;
    return { ...refusal, holds: turn.state.openHolds.flatMap(({ id }) => this.#store.hold(id) ?? []) };
  }
}

export const isPinned = ({ code }: Refusal): boolean =>
  PINNED_STATUSES.has(PROBLEMS[code].status) && !NEVER_PINNED.has(code);

/** A hold's step is named by its number, a reversal by its original: each below the other's id. */
function outcomeId(command: MoneyCommand): string {
  if (command.type === "extend") return `${command.id}/${command.sequence}`;
  if (command.type === "credit_reversal" || command.type === "debit_reversal")
    return `${command.original}/${command.id}`;
  return command.id;
}

const holdIdOf = (command: MoneyCommand): string | null =>
  ["hold", "extend", "commit", "release"].includes(command.type) ? command.id : null;

/**
 * What the caller said, in a form that compares. Of a commit the amount alone, of a release nothing:
 * for them the hold and the verb are the identity.
 */
function contentOf(command: MoneyCommand): string {
  if (command.type === "commit") return String(command.usedMicros);
  if (command.type === "release") return "";
  const { type: _type, id: _id, ...content } = command;
  return JSON.stringify(content);
}

function outcomeOf(turn: Turn, command: MoneyCommand, decision: Result<Decision, Refusal>): Outcome {
  const { balance } = decision.ok ? decision.value.state : turn.state;
  const hold = decision.ok ? decision.value.hold : undefined;
  return {
    ...(decision.ok ? decision.value.applied : NOTHING_MOVED),
    content: contentOf(command),
    atMs: turn.nowMs,
    refusal: decision.ok ? null : decision.error.code,
    availableMicros: balance.available,
    heldMicros: balance.held,
    sequence: hold?.sequence ?? 0,
    endsAtMs: hold?.expiresAtMs ?? null,
  };
}

function toOutcome(
  turn: Turn,
  command: MoneyCommand,
  outcome: Outcome,
  hold: Hold | undefined,
  replayed: boolean,
): MoneyOutcome {
  const { movedMicros, restMicros, grantedMicros, releasedMicros, availableMicros, heldMicros, sequence, endsAtMs } =
    outcome;
  return {
    id: command.id,
    currency: turn.state.currency,
    movedMicros,
    restMicros,
    grantedMicros,
    releasedMicros,
    availableMicros,
    heldMicros,
    hold: hold && endsAtMs !== null ? { state: hold.state, sequence, expiresAtMs: endsAtMs } : null,
    nowMs: turn.nowMs,
    replayed,
  };
}
