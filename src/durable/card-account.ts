/**
 * One card's object: the calls a Worker may make, each one turn. Rules are in the domain, SQL in the store.
 * Refusals are values: a class or a thrown error would not survive the call.
 */
import { DurableObject } from "cloudflare:workers";
import { createSigning, type Signing } from "../auth/signing.ts";
import { configOf } from "../config.ts";
import { firstUseIsPaused, refusalOf, type CardCall, type CardState } from "../domain/card.ts";
import type {
  CardAction,
  CardEvent,
  CardObject,
  CardView,
  ClaimRequest,
  DeviceClaim,
  Generation,
  MoneyOutcome,
  MoneyRefusal,
  MoneyRequest,
  NewDevice,
  PageOfHolds,
  PageOfPostings,
  Redeemed,
  ReplaceRequest,
  StatementLine,
  TopUpRequest,
  TransferOutcome,
} from "../domain/card-calls.ts";
import { familyIsLive, isSignedIn, newSeat, nextFamily, refreshStep, type Device } from "../domain/devices.ts";
import { invalidField, refuse, type Refusal } from "../domain/errors.ts";
import type { ProjectedBooks, Reconciliation } from "../domain/card-reconciliation.ts";
import type { Hold } from "../domain/hold.ts";
import { decide, NO_CONTEXT } from "../domain/ledger/decide.ts";
import { err, ok, type Result } from "../domain/result.ts";
import { firstUseEndMs } from "../domain/terms.ts";
import { CardAccountStore } from "./card-account-store.ts";
import { CardAlarm } from "./card-alarm.ts";
import { CardClaims } from "./card-claims.ts";
import { CardLive } from "./card-live.ts";
import { CardMoney } from "./card-money.ts";
import { CardReconcile } from "./card-reconcile.ts";
import { CardOutbox } from "./card-outbox.ts";
import { CardTransferStore } from "./card-transfer-store.ts";
import { CardTransfers } from "./card-transfers.ts";
import { CardTurns, type Turn } from "./card-turns.ts";
import { cardView, redeemedView } from "./card-views.ts";
import { createCardStubs } from "./stubs.ts";
import { VoucherFailures } from "./voucher-failures.ts";

export class CardAccount extends DurableObject<Env> implements CardObject {
  readonly #store: CardAccountStore;
  readonly #turns: CardTurns;
  readonly #money: CardMoney;
  readonly #transfers: CardTransfers;
  readonly #claims: CardClaims;
  readonly #alarm: CardAlarm;
  readonly #live: CardLive;
  #signing: Signing | undefined;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#store = new CardAccountStore(ctx.storage.sql);
    const store = this.#store;
    const outbox = new CardOutbox(ctx.storage.sql, (notices) => this.env.CARD_EVENTS.send(notices));
    this.#turns = new CardTurns(ctx, { store, outbox, onChange: () => this.#live.tell() });
    this.#live = new CardLive(ctx, {
      store,
      verify: (token, nowMs) => (this.#signing ??= createSigning(configOf(this.env))).verifyAccess(token, nowMs),
      wakeBy: (atMs) => this.#turns.wakeBy(atMs),
    });
    this.#money = new CardMoney(store, this.#turns);
    this.#claims = new CardClaims(this.#turns);
    this.#transfers = new CardTransfers({
      store,
      transfers: new CardTransferStore(ctx.storage.sql),
      failures: new VoucherFailures(ctx.storage.sql),
      turns: this.#turns,
      cards: () => createCardStubs(this.env.CARDS, configOf(this.env).jurisdiction),
    });
    const resume = () => this.#transfers.resume();
    const project = (event: CardEvent) => this.env.CARD_EVENTS.send(event);
    this.#alarm = new CardAlarm({ store, outbox, turns: this.#turns, live: this.#live, project, resume });
  }

  /** Only a Worker of ours reaches this, to open a socket. */
  override fetch(request: Request): Promise<Response> {
    return this.#live.open(request);
  }

  override webSocketMessage(socket: WebSocket, message: string | ArrayBuffer): Promise<void> {
    return this.#live.message(socket, message);
  }

  async redeem(call: CardCall, device: NewDevice): Promise<Result<Redeemed, Refusal>> {
    return this.#turns.take(call, (turn) => {
      const all = this.#devices(turn);
      const seated = all.filter(({ status }) => status === "active");
      const known = seated.find(({ idHash }) => idHash === device.idHash);
      const code = refusalOf(turn.state, known ? "redeem_own" : "redeem", turn.nowMs);
      if (code) return err(refuse(code));
      if (known) return ok(this.#redeemAgain(turn, all, known));
      if (firstUseIsPaused(turn.state, call)) return err(refuse("batch_paused"));
      return seated.length >= turn.state.maxDevices ? err(refuse("card_in_use")) : this.#bind(turn, device);
    });
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

  async refresh(call: CardCall, presented: Generation): Promise<Result<Redeemed, Refusal>> {
    return this.#turns.take(call, (turn) => {
      const device = turn.touched ? this.#store.device(presented.device) : undefined;
      if (!device) return err(refuse("invalid_grant"));
      const code = refusalOf(turn.state, "holder", turn.nowMs);
      if (code) return err(refuse(code));
      const step = refreshStep(device, presented, turn.nowMs);
      if (step.changed) this.#store.saveDevice(step.device);
      if (step.type === "refused") return err(refuse("invalid_grant"));
      return ok(this.#redeemed(turn.state, { ...step.device, generation: step.generation }, turn.nowMs));
    });
  }

  async holder(call: CardCall, claim: DeviceClaim): Promise<Result<CardView, Refusal>> {
    return this.#asHolder(call, claim, (turn) => ok(this.#view(turn)));
  }

  async signOut(call: CardCall, claim: DeviceClaim): Promise<Result<null, Refusal>> {
    return this.#asHolder(call, claim, (turn, device) => {
      this.#signOut(turn, device);
      return ok(null);
    });
  }

  /** RFC 7009: the tokens die, the device keeps its seat and may redeem again. Unknown ones are a success too. */
  async revokeFamily(call: CardCall, claim: DeviceClaim): Promise<Result<null, Refusal>> {
    return this.#turns.take(call, ({ touched }) => {
      const device = touched ? this.#store.device(claim.device) : undefined;
      if (device && isSignedIn(device, claim.family)) this.#store.saveDevice({ ...device, familyRevoked: true });
      return ok(null);
    });
  }

  async money(call: CardCall, request: MoneyRequest): Promise<Result<MoneyOutcome, MoneyRefusal>> {
    return this.#turns.take(call, (turn) => this.#money.run(turn, request));
  }

  topUp(call: CardCall, claim: DeviceClaim, request: TopUpRequest): Promise<Result<TransferOutcome, MoneyRefusal>> {
    return this.#transfers.topUp(call, claim, request);
  }

  async countFailure(call: CardCall, claim: DeviceClaim): Promise<Result<null, Refusal>> {
    return this.#transfers.countFailure(call, claim);
  }

  replace(call: CardCall, request: ReplaceRequest): Promise<Result<TransferOutcome, MoneyRefusal>> {
    return this.#transfers.replace(call, request);
  }

  async claim(call: CardCall, request: ClaimRequest): Promise<Result<null, Refusal>> {
    return this.#claims.claim(call, request);
  }

  async act(
    call: CardCall,
    action: CardAction,
    journal: { reason: string; actor: string },
  ): Promise<Result<CardView, Refusal>> {
    return this.#turns.take(call, (turn) => {
      const { nowMs } = turn;
      if (turn.state.closed && action.action !== "close") return err(refuse("card_closed"));
      let { state } = turn;
      if (action.action === "release_device") {
        const device = turn.touched ? this.#store.device(action.device) : undefined;
        if (device?.status !== "active") return err(invalidField("/device", "No device of this number is signed in."));
        state = this.#signOut(turn, device);
      } else {
        const command =
          action.action === "extend"
            ? { type: "prolong" as const, expiresAtMs: action.expiresAtMs }
            : { type: action.action };
        const decision = decide(state, command, NO_CONTEXT, nowMs);
        if (!decision.ok) return decision;
        this.#turns.commit(call.terms.number, decision.value);
        state = decision.value.state;
      }
      this.#store.journal({ atMs: nowMs, action: action.action, ...journal });
      return ok(this.#view({ ...turn, state, touched: true }));
    });
  }

  async inspect(call: CardCall): Promise<Result<CardView, Refusal>> {
    return this.#turns.take(call, (turn) => ok(this.#view(turn)));
  }

  async postings(call: CardCall, page: PageOfPostings): Promise<readonly StatementLine[]> {
    const lines = this.#turns.take(call, ({ touched }) => ok(touched ? this.#store.postings(page) : []));
    return lines.ok ? lines.value : [];
  }

  async hold(call: CardCall, id: string): Promise<Result<{ hold: Hold; card: CardView }, Refusal>> {
    return this.#turns.take(call, (turn) => {
      const hold = turn.touched ? this.#store.hold(id) : undefined;
      return hold ? ok({ hold, card: this.#view(turn) }) : err(refuse("hold_unknown"));
    });
  }

  async holds(call: CardCall, { after, limit, openOnly }: PageOfHolds): Promise<Result<readonly Hold[], Refusal>> {
    return this.#turns.take(call, ({ state, touched }) => {
      if (!touched) return ok([]);
      if (!openOnly) return ok(this.#store.holds({ after, limit }));
      const ids = state.openHolds.map(({ id }) => id).filter((id) => after === null || id > after);
      return ok(
        ids
          .toSorted()
          .slice(0, limit)
          .flatMap((id) => this.#store.hold(id) ?? []),
      );
    });
  }

  async reconcile(call: CardCall, projected: ProjectedBooks): Promise<Reconciliation> {
    return new CardReconcile(this.ctx, this.#store).run(call, projected);
  }

  override alarm(): Promise<void> {
    return this.#alarm.run();
  }

  #asHolder<T>(
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

  #signOut(turn: Turn, device: Device): CardState {
    const state = changed(turn);
    this.#turns.commit(turn.call.terms.number, { state });
    this.#store.saveDevice({ ...device, status: "signed_out", familyRevoked: true });
    return state;
  }

  #devices({ touched }: Pick<Turn, "touched">): Device[] {
    return touched ? this.#store.devices() : [];
  }

  #view(turn: Turn): CardView {
    return cardView(turn.state, this.#devices(turn), turn.nowMs);
  }

  #redeemed(state: CardState, device: Device, nowMs: number): Redeemed {
    return redeemedView(state, this.#store.devices(), device, nowMs);
  }
}

/** The card with a new version: something about it changed besides its money. */
const changed = ({ state, nowMs }: Turn): CardState => ({ ...state, version: state.version + 1, clockMs: nowMs });
