/**
 * Money between this card and another one's object, exactly once. Each step is a turn of one card; between them nothing is
 * kept in memory. The card that began drives: at once for the caller, later by its alarm for nobody. An intent is stored
 * before the other card is asked, and every question is safe to ask again, so any step may be lost or doubled.
 */
import { assert } from "../domain/assert.ts";
import type { CardCall } from "../domain/card.ts";
import type {
  ClaimRequest,
  DeviceClaim,
  MoneyRefusal,
  ReplaceRequest,
  TopUpRequest,
  TransferOutcome,
} from "../domain/card-calls.ts";
import { isSignedIn } from "../domain/devices.ts";
import { PROBLEMS, refuse, type Refusal } from "../domain/errors.ts";
import type { Context } from "../domain/ledger/commands.ts";
import { decide, NO_CONTEXT } from "../domain/ledger/decide.ts";
import { NOTHING_MOVED } from "../domain/ledger/posting.ts";
import {
  isVoucherFor,
  mayReplace,
  REPLACEMENT_FIELD,
  topUpRefusal,
  voucherCredit,
} from "../domain/ledger/transfers.ts";
import { formatAmount } from "../domain/money.ts";
import { err, ok, type Result } from "../domain/result.ts";
import { formatSerial } from "../domain/serial.ts";
import { reviveUntilMs } from "../domain/terms.ts";
import type { CardJournal } from "./card-journal.ts";
import type { CardAccountStore } from "./card-account-store.ts";
import { writeDecision } from "./card-claims.ts";
import { isPinned } from "./card-money.ts";
import type { CardTransferStore, OpenTransfer, Transfer, TransferKey } from "./card-transfer-store.ts";
import type { CardTurns, Turn } from "./card-turns.ts";
import type { Outcome } from "./rows.ts";
import type { CardStubs } from "./stubs.ts";
import type { VoucherFailures } from "./voucher-failures.ts";

/** An intent that nobody drives any more is taken up by the alarm after this, and again after each failure. */
const TAKE_UP_MS = 1000;
const RETRY_MS = 30_000;

type Begun = { readonly id: string; readonly replayed: boolean };

type Parts = {
  readonly store: CardAccountStore;
  readonly transfers: CardTransferStore;
  readonly failures: VoucherFailures;
  readonly turns: CardTurns;
  readonly journal: CardJournal;
  readonly cards: () => CardStubs;
};

export class CardTransfers {
  readonly #store: CardAccountStore;
  readonly #transfers: CardTransferStore;
  readonly #failures: VoucherFailures;
  readonly #turns: CardTurns;
  readonly #journal: CardJournal;
  readonly #cards: () => CardStubs;
  /** One driver a transfer: a question of one that has ended must not arrive after its answer. */
  readonly #driving = new Map<string, Promise<Refusal | null>>();

  constructor({ store, transfers, failures, turns, journal, cards }: Parts) {
    this.#store = store;
    this.#transfers = transfers;
    this.#failures = failures;
    this.#turns = turns;
    this.#journal = journal;
    this.#cards = cards;
  }

  async topUp(
    call: CardCall,
    claim: DeviceClaim,
    request: TopUpRequest,
  ): Promise<Result<TransferOutcome, MoneyRefusal>> {
    const begun = this.#turns.take(call, (turn) =>
      this.#isSignedIn(turn, claim) ? this.#beginTopUp(turn, request) : err(refuse("device_signed_out")),
    );
    return begun.ok ? this.#finish(call, { kind: "top_up", id: begun.value.id }, begun.value) : begun;
  }

  async replace(call: CardCall, request: ReplaceRequest): Promise<Result<TransferOutcome, MoneyRefusal>> {
    const begun = this.#turns.take(call, (turn) => this.#beginReplace(turn, request));
    return begun.ok ? this.#finish(call, { kind: "replace", id: begun.value.id }, begun.value) : begun;
  }

  /** A code that is none of this card's vouchers was typed in. */
  countFailure(call: CardCall, claim: DeviceClaim): Result<null, Refusal> {
    return this.#turns.take(call, (turn) => {
      if (!this.#isSignedIn(turn, claim)) return err(refuse("device_signed_out"));
      const refusal = this.#failures.refusal(turn.nowMs);
      if (refusal) return err(refusal);
      this.#failures.count(turn.nowMs);
      return ok(null);
    });
  }

  /** For the alarm: drives what is open; answers when to come back, null = all have ended. */
  async resume(): Promise<number | null> {
    const open = this.#transfers.allOpen();
    if (open.length === 0) return null;
    // Set before anybody is asked: a crash in between must not be the last that is heard of it.
    await this.#turns.wake(Date.now() + RETRY_MS);
    for (const key of open) await this.#drive(key);
    return this.#transfers.allOpen().length === 0 ? null : Date.now() + RETRY_MS;
  }

  #beginTopUp(turn: Turn, { id, voucher }: TopUpRequest): Result<Begun, MoneyRefusal> {
    const { call, nowMs } = turn;
    const other = serialOf(voucher);
    const known = this.#known(turn, { kind: "top_up", id }, other);
    if (known) return known;
    // Whatever id it comes under: this card has it already, or is about to.
    const same = this.#transfers.with("top_up", other);
    if (same) return ok({ id: same.id, replayed: true });
    const tooMany = this.#failures.refusal(turn.nowMs);
    if (tooMany) return err(tooMany);
    const isOurs = isVoucherFor(call.terms, voucher.terms);
    if (!isOurs || voucher.terms.kind !== "voucher") {
      this.#failures.count(turn.nowMs);
      return err(refuse(isOurs ? "wrong_kind" : "code_unknown"));
    }
    const worth = voucherCredit(voucher.terms);
    if (!worth.ok) return worth;
    const promised = { amountMicros: worth.value, currency: voucher.terms.currency };
    const refusal = topUpRefusal(turn.state, promised, this.#context(turn), nowMs);
    if (refusal) return err(refusal);
    this.#begin(turn, { kind: "top_up", id, other, amountMicros: worth.value, call, otherCall: voucher });
    return ok({ id, replayed: false });
  }

  #beginReplace(turn: Turn, { id, to, ...doer }: ReplaceRequest): Result<Begun, MoneyRefusal> {
    const { call, state, nowMs } = turn;
    const other = serialOf(to);
    const known = turn.touched ? this.#known(turn, { kind: "replace", id }, other) : undefined;
    if (known) return known;
    if (other === serialOf(call) || !mayReplace(call.terms, to.terms)) return err(REPLACEMENT_FIELD);
    const decision = decide(state, { type: "leave" }, this.#context(turn), nowMs);
    if (!decision.ok) {
      const isKept = state.firstUsedAtMs !== null && isPinned(decision.error);
      if (isKept) this.#pinRefusal(turn, { kind: "replace", id, other }, decision.error);
      return err(this.#explained(turn, decision.error));
    }
    this.#turns.commit(call.terms.number, decision.value);
    this.#begin(turn, { kind: "replace", id, other, amountMicros: 0, call, otherCall: to, doer });
    return ok({ id, replayed: false });
  }

  #begin({ nowMs }: Turn, transfer: Omit<OpenTransfer, "step">): void {
    this.#transfers.begin(transfer, nowMs);
    void this.#turns.wake(Date.now() + TAKE_UP_MS);
  }

  /** The id was used before: for this, and it goes on from there, or for something else. */
  #known(turn: Turn, key: TransferKey, other: string): Result<Begun, MoneyRefusal> | undefined {
    const pinned = this.#store.outcome(key.kind, key.id);
    const content = pinned?.content ?? this.#transfers.find(key)?.other;
    if (content === undefined) return undefined;
    if (content !== other) return err(refuse("id_reused"));
    if (pinned && pinned.refusal !== null)
      return err({ ...this.#explained(turn, { code: pinned.refusal }), replayed: true });
    return ok({ id: key.id, replayed: true });
  }

  async #finish(call: CardCall, key: TransferKey, { replayed }: Begun): Promise<Result<TransferOutcome, MoneyRefusal>> {
    const refusal = await this.#drive(key);
    if (refusal) return err({ ...refusal, replayed });
    return this.#turns.take(call, ({ state }) => {
      const pinned = this.#store.outcome(key.kind, key.id);
      if (!pinned) return err(refuse("try_again"));
      if (pinned.refusal !== null) return err({ code: pinned.refusal, replayed });
      const { movedMicros, availableMicros, heldMicros, content } = pinned;
      const { currency } = state;
      return ok({ id: key.id, other: content, currency, movedMicros, availableMicros, heldMicros, replayed });
    });
  }

  /** Brings a transfer to its end, or as far as the other card can be reached. null = it has ended. */
  #drive(key: TransferKey): Promise<Refusal | null> {
    const name = `${key.kind} ${key.id}`;
    const running = this.#driving.get(name);
    if (running) return running;
    const started = this.#run(key).finally(() => this.#driving.delete(name));
    this.#driving.set(name, started);
    return started;
  }

  async #run(key: TransferKey): Promise<Refusal | null> {
    for (let open = this.#transfers.open(key); open; open = this.#transfers.open(key)) {
      const transfer = open;
      const answer = await this.#ask(transfer);
      // A card that cannot answer now, or never should have refused, is asked again later.
      if (!answer.ok && (transfer.step === "fill" || PROBLEMS[answer.error.code].status >= 500)) {
        const { kind, id, step } = transfer;
        console.error(JSON.stringify({ event: "transfer_delayed", kind, id, step, code: answer.error.code }));
        return refuse("try_again");
      }
      const went = this.#turns.take(transfer.call, (turn) => this.#goOn(turn, transfer, answer));
      if (!went.ok) return went.error;
    }
    return null;
  }

  async #ask({ kind, id, step, amountMicros, call, otherCall }: OpenTransfer): Promise<Result<null, Refusal>> {
    const mine = { card: serialOf(call), id };
    const claim = { type: kind === "top_up" ? "consume" : "reserve", ...mine } as const;
    const request: ClaimRequest = step === "fill" ? { type: "fill", ...mine, amountMicros } : claim;
    try {
      return await this.#cards().call(otherCall, (card) => card.claim(otherCall, request));
    } catch (error) {
      console.error(JSON.stringify({ event: "transfer_unanswered", kind, id, step, error: String(error) }));
      return err(refuse("try_again"));
    }
  }

  #goOn(turn: Turn, asked: OpenTransfer, answer: Result<null, Refusal>): Result<null, Refusal> {
    if (this.#transfers.open(asked)?.step !== asked.step) return ok(null);
    if (!answer.ok) return this.#refused(turn, asked, answer.error);
    const { kind, id, other, amountMicros } = asked;
    const { state, nowMs } = turn;
    if (asked.step === "fill") {
      this.#store.pin(kind, id, {
        ...outcomeOf(turn, other),
        movedMicros: amountMicros,
        availableMicros: amountMicros,
      });
      this.#transfers.end(asked);
      return ok(null);
    }
    const command =
      kind === "top_up"
        ? ({ type: "top_up", id, voucher: other, amountMicros } as const)
        : ({ type: "transfer_out", id, to: other } as const);
    const decision = decide(state, command, this.#context(turn), nowMs);
    assert(decision.ok, "what was promised is not refused");
    const written = writeDecision(this.#turns, turn, decision);
    const { applied, state: after } = decision.value;
    if (kind === "replace") {
      this.#transfers.moved(asked, applied.movedMicros);
      const moved = formatAmount(applied.movedMicros, state.currency);
      // One that the release before began was journaled then.
      if (asked.doer)
        this.#journal.add(turn, { action: "replace", details: { id, to: other, moved }, reason: null }, asked.doer);
    } else {
      this.#store.pin(kind, id, { ...outcomeOf({ ...turn, state: after }, other), ...applied });
      this.#transfers.end(asked);
    }
    return written;
  }

  /** The other card said no: nothing has moved anywhere, and this card is as before. */
  #refused(turn: Turn, transfer: Transfer, refusal: Refusal): Result<null, Refusal> {
    this.#transfers.drop(transfer);
    if (transfer.kind === "replace") {
      const thawed = writeDecision(this.#turns, turn, decide(turn.state, { type: "stay" }, NO_CONTEXT, turn.nowMs));
      return thawed.ok ? err(refusal) : thawed;
    }
    this.#failures.count(turn.nowMs);
    this.#pinRefusal(turn, transfer, refusal);
    return err(refusal);
  }

  #pinRefusal(turn: Turn, { kind, id, other }: TransferKey & { readonly other: string }, { code }: Refusal): void {
    this.#store.pin(kind, id, { ...outcomeOf(turn, other), refusal: code });
    this.#store.forgetOldRefusals(turn.nowMs);
  }

  #context({ call, state, nowMs, touched }: Turn): Context {
    const promisedMicros = touched ? this.#store.promisedMicros() : 0;
    return { ...NO_CONTEXT, reviveUntilMs: reviveUntilMs(call.terms, state, nowMs), promisedMicros };
  }

  #isSignedIn({ touched }: Turn, { device, family }: DeviceClaim): boolean {
    const known = touched ? this.#store.device(device) : undefined;
    return known !== undefined && isSignedIn(known, family);
  }

  #explained({ state }: Turn, refusal: Refusal): Refusal {
    if (refusal.code !== "too_many_calls") return refusal;
    return { ...refusal, holds: state.openHolds.flatMap(({ id }) => this.#store.hold(id) ?? []) };
  }
}

const serialOf = ({ terms, card }: CardCall): string => formatSerial({ batch: terms.number, card });

const outcomeOf = ({ state, nowMs }: Turn, content: string): Outcome => ({
  ...NOTHING_MOVED,
  content,
  atMs: nowMs,
  refusal: null,
  availableMicros: state.balance.available,
  heldMicros: state.balance.held,
  sequence: 0,
  endsAtMs: null,
});
