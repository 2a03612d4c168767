/**
 * The devices of one card: binding, signing in and out, softphones, and moving to another device. One turn each.
 * Which device may do what is decided in the domain; here it is loaded, asked and written.
 */
import { firstUseIsPaused, refusalOf, type CardCall, type CardState } from "../domain/card.ts";
import type {
  CardView,
  DeviceClaim,
  Generation,
  NewDevice,
  NewSoftphone,
  PresentedProof,
  Redeemed,
} from "../domain/card-calls.ts";
import {
  familyIsLive,
  isActive,
  isFirstDevice,
  isSignedIn,
  linked,
  longestUnseen,
  newSeat,
  nextFamily,
  refreshStep,
  seatsOf,
  signedOut,
  waitForNewDeviceSeconds,
  type Device,
} from "../domain/devices.ts";
import { refuse, type Refusal } from "../domain/errors.ts";
import { decide, NO_CONTEXT } from "../domain/ledger/decide.ts";
import { err, ok, type Result } from "../domain/result.ts";
import {
  changePin,
  decideTakeover,
  NO_GUARD,
  withoutPin,
  type Guarded,
  type PinChange,
  type TakeoverRequest,
} from "../domain/takeover.ts";
import { firstUseEndMs } from "../domain/terms.ts";
import type { CardJournal } from "./card-journal.ts";
import type { CardAccountStore } from "./card-account-store.ts";
import type { CardGuardStore } from "./card-guard-store.ts";
import type { CardProofs } from "./card-proofs.ts";
import type { CardTurns, Turn } from "./card-turns.ts";
import type { LinkFetches } from "./link-fetches.ts";
import { cardView, redeemedView } from "./card-views.ts";

type Parts = {
  readonly store: CardAccountStore;
  readonly guards: CardGuardStore;
  readonly proofs: CardProofs;
  readonly fetches: LinkFetches;
  readonly turns: CardTurns;
  readonly journal: CardJournal;
};

export class CardDevices {
  readonly #store: CardAccountStore;
  readonly #guards: CardGuardStore;
  readonly #proofs: CardProofs;
  readonly #fetches: LinkFetches;
  readonly #turns: CardTurns;
  readonly #journal: CardJournal;

  constructor({ store, guards, proofs, fetches, turns, journal }: Parts) {
    this.#fetches = fetches;
    this.#store = store;
    this.#guards = guards;
    this.#proofs = proofs;
    this.#turns = turns;
    this.#journal = journal;
  }

  redeem(
    call: CardCall,
    device: NewDevice,
    takeover: TakeoverRequest | null,
    proof: PresentedProof | null,
  ): Result<Redeemed, Refusal> {
    return this.#turns.take(call, (turn) => {
      const all = this.of(turn);
      const known = all.find((seat) => isActive(seat) && seat.idHash === device.idHash);
      const code = refusalOf(turn.state, known ? "redeem_own" : "redeem", turn.nowMs);
      if (code) return err(refuse(code));
      const unproven = known && this.#unproven(known, proof, turn.nowMs);
      if (unproven) return err(unproven);
      if (known) return ok(this.#redeemAgain(turn, all, known));
      if (firstUseIsPaused(turn.state, call)) return err(refuse("batch_paused"));
      const waitSeconds = waitForNewDeviceSeconds(all, turn.nowMs);
      if (waitSeconds > 0) return err({ code: "too_many_attempts", retryAfterSeconds: waitSeconds });
      if (seatsOf(all).length < turn.state.maxDevices) return this.#bind(turn, device);
      return takeover ? this.#takeOver(turn, all, device, takeover) : err(refuse("card_in_use"));
    });
  }

  /** A device that registered a key shows that it still has it: who stole only its id or token does not pass. */
  #unproven({ publicKey }: Device, proof: PresentedProof | null, nowMs: number): Refusal | null {
    return publicKey === null ? null : this.#proofs.refusal(publicKey, proof, nowMs);
  }

  /** The same device: same card, same newest refresh token, nothing written while its family lives. */
  #redeemAgain(turn: Turn, all: readonly Device[], known: Device): Redeemed {
    if (familyIsLive(known, turn.nowMs)) return redeemedView(turn.state, all, known, turn.nowMs);
    const device = nextFamily(known, turn.nowMs);
    this.#store.saveDevice(device);
    return this.#redeemed(turn.state, device, turn.nowMs);
  }

  #bind(turn: Turn, device: NewDevice): Result<Redeemed, Refusal> {
    const { call, nowMs } = turn;
    const isFirst = turn.state.firstUsedAtMs === null;
    const command = { type: "first", endsAtMs: firstUseEndMs(call.terms, nowMs) } as const;
    const first = isFirst ? decide(turn.state, command, NO_CONTEXT, nowMs) : undefined;
    if (first && !first.ok) return first;
    const opened = first?.value.state ?? changed(turn);
    const state = { ...opened, lastDevice: opened.lastDevice + 1 };
    const seat = newSeat(state.lastDevice, device, nowMs);
    this.#turns.commit(call.terms.number, { ...first?.value, state });
    this.#store.saveDevice(seat);
    return ok(this.#redeemed(state, seat, nowMs));
  }

  /** The device seen longest ago is signed out, and what listens there is told; the balance stays. */
  #takeOver(
    turn: Turn,
    all: readonly Device[],
    device: NewDevice,
    request: TakeoverRequest,
  ): Result<Redeemed, Refusal> {
    const { nowMs, state } = turn;
    const refusal = this.#guard((guard) =>
      decideTakeover(guard, request, { openHolds: state.openHolds.length, nowMs }),
    );
    if (refusal) return err(refusal);
    const leaving = longestUnseen(all);
    if (leaving) for (const gone of signedOut(all, leaving)) this.#store.saveDevice(gone);
    const act = { action: "takeover", details: {}, reason: request.rule };
    this.#journal.add(turn, act, { actor: `device ${state.lastDevice + 1}` });
    return this.#bind(turn, device);
  }

  /** What the domain says is kept, refusals too: they are counted. */
  #guard(step: (guard: ReturnType<CardGuardStore["load"]>) => Guarded): Refusal | null {
    const before = this.#guards.load();
    const { guard, refusal } = step(before);
    if (guard !== before) this.#guards.save(guard);
    return refusal;
  }

  refresh(call: CardCall, presented: Generation, proof: PresentedProof | null): Result<Redeemed, Refusal> {
    return this.#turns.take(call, (turn) => {
      const device = turn.touched ? this.#store.device(presented.device) : undefined;
      if (!device) return err(refuse("invalid_grant"));
      const code = refusalOf(turn.state, "holder", turn.nowMs);
      if (code) return err(refuse(code));
      // Before the token is looked at: without the key nobody moves the family on, or ends it.
      const unproven = this.#unproven(device, proof, turn.nowMs);
      if (unproven) return err(unproven);
      const step = refreshStep(device, presented, turn.nowMs);
      if (step.changed) this.#store.saveDevice(step.device);
      if (step.type === "refused") return err(refuse("invalid_grant"));
      return ok(this.#redeemed(turn.state, { ...step.device, generation: step.generation }, turn.nowMs));
    });
  }

  /** RFC 7009: the tokens die, the device keeps its seat and may redeem again. Unknown ones are a success too. */
  revokeFamily(call: CardCall, claim: DeviceClaim): Result<null, Refusal> {
    return this.#turns.take(call, ({ touched }) => {
      const device = touched ? this.#store.device(claim.device) : undefined;
      if (device && isSignedIn(device, claim.family)) this.#store.saveDevice({ ...device, familyRevoked: true });
      return ok(null);
    });
  }

  setPin(call: CardCall, claim: DeviceClaim, change: PinChange): Result<null, Refusal> {
    return this.asHolder(call, claim, (turn, device) => {
      const facts = { isFirstDevice: isFirstDevice(this.of(turn), device), nowMs: turn.nowMs };
      const refusal = this.#guard((guard) => changePin(guard, change, facts));
      return refusal ? err(refusal) : ok(null);
    });
  }

  link(call: CardCall, claim: DeviceClaim, softphone: NewSoftphone): Result<Redeemed, Refusal> {
    return this.asHolder(call, claim, (turn, linker) => {
      const { state, nowMs } = turn;
      const all = this.of(turn);
      const code = refusalOf(state, "redeem", nowMs);
      if (code) return err(refuse(code));
      const known = all.find(({ idHash, linkedTo }) => linkedTo !== null && idHash === softphone.idHash);
      if (known) {
        const isMine = isActive(known) && known.linkedTo === linker.number;
        return isMine ? ok(redeemedView(state, all, known, nowMs)) : err(refuse("link_expired"));
      }
      // A softphone is nobody's companion.
      if (linker.linkedTo !== null) return err(refuse("not_found"));
      const waitSeconds = waitForNewDeviceSeconds(all, nowMs);
      if (waitSeconds > 0) return err({ code: "too_many_attempts", retryAfterSeconds: waitSeconds });
      const next = { ...changed(turn), lastDevice: state.lastDevice + 1 };
      const seat = newSeat(next.lastDevice, { ...softphone, publicKey: null, linkedTo: linker.number }, nowMs);
      this.#turns.commit(call.terms.number, { state: next });
      for (const device of linked(all, linker, seat)) this.#store.saveDevice(device);
      return ok(this.#redeemed(next, seat, nowMs));
    });
  }

  fetchLink(call: CardCall, claim: DeviceClaim): Result<CardView, Refusal> {
    return this.asHolder(call, claim, (turn, { number }) =>
      this.#fetches.take(number) ? ok(cardView(turn.state, this.of(turn), turn.nowMs)) : err(refuse("link_expired")),
    );
  }

  unlink(call: CardCall, claim: DeviceClaim, number: number): Result<null, Refusal> {
    return this.asHolder(call, claim, (turn, linker) => {
      const softphone = this.of(turn).find((device) => device.number === number && device.linkedTo === linker.number);
      if (!softphone) return err(refuse("not_found"));
      if (isActive(softphone)) this.signOut(turn, softphone);
      return ok(null);
    });
  }

  /** Answers the card as it is then. */
  signOut(turn: Turn, leaving: Device): CardState {
    const state = changed(turn);
    this.#turns.commit(turn.call.terms.number, { state });
    for (const device of signedOut(this.of(turn), leaving)) this.#store.saveDevice(device);
    if (!this.of(turn).some((device) => isActive(device)))
      this.#guard((guard) => ({ guard: guard === NO_GUARD ? guard : withoutPin(guard), refusal: null }));
    return state;
  }

  asHolder<T>(
    call: CardCall,
    claim: DeviceClaim,
    work: (turn: Turn, device: Device) => Result<T, Refusal>,
  ): Result<T, Refusal> {
    return this.#turns.take(call, (turn) => {
      const device = turn.touched ? this.#store.device(claim.device) : undefined;
      if (!device || !isSignedIn(device, claim.family)) return err(refuse("device_signed_out"));
      const code = refusalOf(turn.state, "holder", turn.nowMs);
      return code ? err(refuse(code)) : work(turn, device);
    });
  }

  of({ touched }: Pick<Turn, "touched">): Device[] {
    return touched ? this.#store.devices() : [];
  }

  #redeemed(state: CardState, device: Device, nowMs: number): Redeemed {
    return redeemedView(state, this.#store.devices(), device, nowMs);
  }
}

/** The card with a new version: something about it changed besides its money. */
const changed = ({ state, nowMs }: Turn): CardState => ({ ...state, version: state.version + 1, clockMs: nowMs });
