/**
 * One card's object: the calls a Worker may make, each one turn. Rules are in the domain, SQL in the store.
 * Refusals are values: a class or a thrown error would not survive the call.
 */
import { DurableObject } from "cloudflare:workers";
import { createSigning, type Signing } from "../auth/signing.ts";
import { configOf } from "../config.ts";
import type { CardCall } from "../domain/card.ts";
import type {
  ActJournal,
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
  NewSoftphone,
  PageOfHolds,
  PageOfPostings,
  PortalEntry,
  PresentedProof,
  Redeemed,
  ReplaceRequest,
  StatementLine,
  TopUpRequest,
  TransferOutcome,
} from "../domain/card-calls.ts";
import { refuse, type Refusal } from "../domain/errors.ts";
import type { ProjectedBooks, Reconciliation } from "../domain/card-reconciliation.ts";
import type { Hold } from "../domain/hold.ts";
import { err, ok, type Result } from "../domain/result.ts";
import type { PinChange, TakeoverRequest } from "../domain/takeover.ts";
import { CardAccountStore } from "./card-account-store.ts";
import { CardActs } from "./card-acts.ts";
import { CardAlarm } from "./card-alarm.ts";
import { CardClaims } from "./card-claims.ts";
import { CardDevices } from "./card-devices.ts";
import { CardGuardStore } from "./card-guard-store.ts";
import { CardJournal } from "./card-journal.ts";
import { CardLive } from "./card-live.ts";
import { CardMoney } from "./card-money.ts";
import { CardPortal } from "./card-portal.ts";
import { CardProofs } from "./card-proofs.ts";
import { CardReconcile } from "./card-reconcile.ts";
import { CardOutbox } from "./card-outbox.ts";
import { CardTransferStore } from "./card-transfer-store.ts";
import { CardTransfers } from "./card-transfers.ts";
import { CardTurns, type Turn } from "./card-turns.ts";
import { cardView } from "./card-views.ts";
import { LinkFetches } from "./link-fetches.ts";
import { createCardStubs } from "./stubs.ts";
import { VoucherFailures } from "./voucher-failures.ts";

export class CardAccount extends DurableObject<Env> implements CardObject {
  readonly #store: CardAccountStore;
  readonly #turns: CardTurns;
  readonly #devices: CardDevices;
  readonly #acts: CardActs;
  readonly #money: CardMoney;
  readonly #transfers: CardTransfers;
  readonly #claims: CardClaims;
  readonly #alarm: CardAlarm;
  readonly #live: CardLive;
  readonly #portal: CardPortal;
  #signing: Signing | undefined;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#store = new CardAccountStore(ctx.storage.sql);
    const store = this.#store;
    const journal = new CardJournal(ctx.storage.sql, (message) => this.env.CARD_EVENTS.send(message));
    const outbox = new CardOutbox(ctx.storage.sql, (notices) => this.env.CARD_EVENTS.send(notices));
    this.#turns = new CardTurns(ctx, { store, outbox, onChange: () => this.#live.tell() });
    this.#live = new CardLive(ctx, {
      store,
      verify: (token, nowMs) => (this.#signing ??= createSigning(configOf(this.env))).verifyAccess(token, nowMs),
      wakeBy: (atMs) => this.#turns.wakeBy(atMs),
    });
    const guards = new CardGuardStore(ctx.storage.sql);
    this.#devices = new CardDevices({
      store,
      guards,
      proofs: new CardProofs(ctx.storage.sql),
      fetches: new LinkFetches(ctx.storage.sql),
      turns: this.#turns,
      journal,
    });
    this.#acts = new CardActs({ store, turns: this.#turns, devices: this.#devices, journal });
    this.#money = new CardMoney(store, { turns: this.#turns, journal });
    this.#claims = new CardClaims(this.#turns);
    this.#portal = new CardPortal(ctx.storage.sql);
    this.#transfers = new CardTransfers({
      store,
      transfers: new CardTransferStore(ctx.storage.sql),
      failures: new VoucherFailures(ctx.storage.sql),
      turns: this.#turns,
      journal,
      cards: () => createCardStubs(this.env.CARDS, configOf(this.env).jurisdiction),
    });
    const resume = () => this.#transfers.resume();
    const project = (event: CardEvent) => this.env.CARD_EVENTS.send(event);
    this.#alarm = new CardAlarm({ store, outbox, journal, turns: this.#turns, live: this.#live, project, resume });
  }

  /** Only a Worker of ours reaches this, to open a socket. */
  override fetch(request: Request): Promise<Response> {
    return this.#live.open(request);
  }

  override webSocketMessage(socket: WebSocket, message: string | ArrayBuffer): Promise<void> {
    return this.#live.message(socket, message);
  }

  async redeem(
    call: CardCall,
    device: NewDevice,
    takeover: TakeoverRequest | null = null,
    proof: PresentedProof | null = null,
  ): Promise<Result<Redeemed, Refusal>> {
    return this.#devices.redeem(call, device, takeover, proof);
  }

  async refresh(
    call: CardCall,
    presented: Generation,
    proof: PresentedProof | null = null,
  ): Promise<Result<Redeemed, Refusal>> {
    return this.#devices.refresh(call, presented, proof);
  }

  async holder(call: CardCall, claim: DeviceClaim): Promise<Result<CardView, Refusal>> {
    return this.#devices.asHolder(call, claim, (turn) => ok(this.#view(turn)));
  }

  async signOut(call: CardCall, claim: DeviceClaim): Promise<Result<null, Refusal>> {
    return this.#devices.asHolder(call, claim, (turn, device) => {
      this.#devices.signOut(turn, device);
      return ok(null);
    });
  }

  async revokeFamily(call: CardCall, claim: DeviceClaim): Promise<Result<null, Refusal>> {
    return this.#devices.revokeFamily(call, claim);
  }

  async setPin(call: CardCall, claim: DeviceClaim, change: PinChange): Promise<Result<null, Refusal>> {
    return this.#devices.setPin(call, claim, change);
  }

  async link(call: CardCall, claim: DeviceClaim, softphone: NewSoftphone): Promise<Result<Redeemed, Refusal>> {
    return this.#devices.link(call, claim, softphone);
  }

  async fetchLink(call: CardCall, claim: DeviceClaim): Promise<Result<CardView, Refusal>> {
    return this.#devices.fetchLink(call, claim);
  }

  async unlink(call: CardCall, claim: DeviceClaim, softphone: number): Promise<Result<null, Refusal>> {
    return this.#devices.unlink(call, claim, softphone);
  }

  async openPortal(call: CardCall, claim: DeviceClaim, entry: PortalEntry): Promise<Result<null, Refusal>> {
    return this.#devices.asHolder(call, claim, ({ nowMs }) => this.#portal.open(entry, nowMs));
  }

  async visitPortal(call: CardCall, claim: DeviceClaim, session: string): Promise<Result<null, Refusal>> {
    return this.#devices.asHolder(call, claim, ({ nowMs }) => this.#portal.visit(session, nowMs));
  }

  async closePortal(call: CardCall, session: string): Promise<Result<null, Refusal>> {
    return this.#turns.take(call, ({ touched }) => ok(touched ? this.#portal.close(session) : null));
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

  async act(call: CardCall, action: CardAction, journal: ActJournal): Promise<Result<CardView, Refusal>> {
    return this.#acts.act(call, action, journal);
  }

  async tryAct(call: CardCall, action: CardAction): Promise<Result<CardView, Refusal>> {
    return this.#acts.tryAct(call, action);
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

  #view(turn: Turn): CardView {
    return cardView(turn.state, this.#devices.of(turn), turn.nowMs);
  }
}
