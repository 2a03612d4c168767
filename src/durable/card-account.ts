/**
 * One card's object: loads, lets the pure rules decide, writes, all in one synchronous transaction.
 * No await between reading and writing; nothing about money is kept in memory; refusals are values.
 */
import { DurableObject } from "cloudflare:workers";
import { assert, AssertionFailed } from "../domain/assert.ts";
import { conserves } from "../domain/balance.ts";
import { firstUseIsPaused, refusalOf, untouchedCard, type CardCall, type CardState } from "../domain/card.ts";
import type {
  CardAction,
  CardEvent,
  CardObject,
  CardView,
  DeviceClaim,
  Generation,
  MoneyOutcome,
  MoneyRefusal,
  NewDevice,
  PageOfPostings,
  Redeemed,
} from "../domain/card-calls.ts";
import { familyIsLive, isSignedIn, newSeat, nextFamily, refreshStep, type Device } from "../domain/devices.ts";
import { invalidField, PROBLEMS, refuse, type Refusal } from "../domain/errors.ts";
import { decide, type Decision, type MoneyCommand, type Posting } from "../domain/ledger.ts";
import { err, ok, type Result } from "../domain/result.ts";
import { formatSerial, parseSipUser } from "../domain/serial.ts";
import { firstUseEndMs } from "../domain/terms.ts";
import { CardAccountStore, type Outcome } from "./card-account-store.ts";
import { cardView, contentOf, moneyOutcome, projectionOf, redeemedView, replay } from "./card-views.ts";

/** How long changes are gathered before the projection is told. */
const PROJECTION_DELAY_MS = 1000;
const PROJECTION_RETRY_MS = 30_000;
/** Refusals that are pinned to their id; invalid input and unknown things are not. */
const PINNED_STATUSES: ReadonlySet<number> = new Set([402, 403, 409]);

/** The card inside one transaction: as loaded, at the card's own time. Untouched = nothing is stored of it. */
type Turn = { readonly call: CardCall; readonly state: CardState; readonly nowMs: number; readonly touched: boolean };

export class CardAccount extends DurableObject<Env> implements CardObject {
  readonly #store: CardAccountStore;
  /** Whether this instance has armed the alarm for changes the projection does not know yet. */
  #projectionArmed = false;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#store = new CardAccountStore(ctx.storage.sql);
  }

  async redeem(call: CardCall, device: NewDevice): Promise<Result<Redeemed, Refusal>> {
    return this.#inTurn(call, (turn) => {
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
    const first = isFirst
      ? decide(turn.state, { type: "first", endsAtMs: firstUseEndMs(call.terms, nowMs) }, nowMs)
      : undefined;
    if (first && !first.ok) return first;
    const opened = first?.value.state ?? { ...turn.state, version: turn.state.version + 1, clockMs: nowMs };
    const state = { ...opened, lastDevice: opened.lastDevice + 1 };
    const seat = newSeat(state.lastDevice, device, nowMs);
    this.#commit(call, { state, postings: first?.value.postings ?? [] });
    this.#store.saveDevice(seat);
    return ok(this.#redeemed(state, seat, nowMs));
  }

  async refresh(call: CardCall, presented: Generation): Promise<Result<Redeemed, Refusal>> {
    return this.#inTurn(call, (turn) => {
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
    return this.#inTurn(call, ({ touched }) => {
      const device = touched ? this.#store.device(claim.device) : undefined;
      if (device && isSignedIn(device, claim.family)) this.#store.saveDevice({ ...device, familyRevoked: true });
      return ok(null);
    });
  }

  async money(call: CardCall, command: MoneyCommand): Promise<Result<MoneyOutcome, MoneyRefusal>> {
    return this.#inTurn(call, (turn) => {
      const pinned = turn.touched ? this.#store.outcome(command.type, command.id) : undefined;
      if (pinned) return replay(command, pinned);
      const refusal = this.#subjectRefusal(turn, command);
      const decision = refusal ? err(refusal) : decide(turn.state, command, turn.nowMs);
      if (decision.ok) this.#commit(call, decision.value);
      const { balance } = decision.ok ? decision.value.state : turn.state;
      const outcome: Outcome = {
        content: contentOf(command),
        atMs: turn.nowMs,
        refusal: decision.ok ? null : decision.error.code,
        movedMicros: decision.ok ? decision.value.applied.movedMicros : 0,
        restMicros: decision.ok ? decision.value.applied.restMicros : 0,
        availableMicros: balance.available,
        heldMicros: balance.held,
      };
      // A card without a first posting pins nothing: the same request must work once it is redeemed.
      const isPinned =
        decision.ok || (turn.state.firstUsedAtMs !== null && PINNED_STATUSES.has(PROBLEMS[decision.error.code].status));
      if (isPinned) this.#store.pin(command.type, command.id, outcome);
      // Only a new refusal can make the kept ones too many.
      if (isPinned && !decision.ok) this.#store.forgetOldRefusals(turn.nowMs);
      return decision.ok ? ok(moneyOutcome(command, outcome, false)) : decision;
    });
  }

  async act(
    call: CardCall,
    action: CardAction,
    journal: { reason: string; actor: string },
  ): Promise<Result<CardView, Refusal>> {
    return this.#inTurn(call, (turn) => {
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
            ? { type: action.action, expiresAtMs: action.expiresAtMs }
            : { type: action.action };
        const decision = decide(state, command, nowMs);
        if (!decision.ok) return decision;
        this.#commit(call, decision.value);
        state = decision.value.state;
      }
      this.#store.journal({ atMs: nowMs, action: action.action, ...journal });
      return ok(this.#view({ ...turn, state, touched: true }));
    });
  }

  async inspect(call: CardCall): Promise<Result<CardView, Refusal>> {
    return this.#inTurn(call, (turn) => ok(this.#view(turn)));
  }

  async postings(call: CardCall, page: PageOfPostings): Promise<readonly Posting[]> {
    assert(this.#isFor(call), "the call is for this card");
    return this.#store.load() ? this.#store.postings(page) : [];
  }

  /** Tells the projection, and runs again until it could be told. Safe early, late and twice: it sends what is true now. */
  override async alarm(): Promise<void> {
    this.#projectionArmed = false;
    const stored = this.#store.load();
    if (!stored || stored.projectedVersion >= stored.state.version) return;
    const nowMs = Math.max(stored.state.clockMs, Date.now());
    const state = projectionOf(stored.batch, stored.state, this.#store.devices(), nowMs);
    try {
      await this.env.CARD_EVENTS.send({ type: "card", atMs: nowMs, state } satisfies CardEvent);
    } catch (error) {
      console.error(JSON.stringify({ event: "projection_delayed", card: this.ctx.id.name, error: String(error) }));
      await this.#armProjection(PROJECTION_RETRY_MS);
      return;
    }
    this.#store.setProjectedVersion(state.version);
  }

  /** One transaction: load, obey the newest standing, work. A card whose books do not add up answers nothing else. */
  #inTurn<T, E extends Refusal>(call: CardCall, work: (turn: Turn) => Result<T, E>): Result<T, E | Refusal> {
    try {
      return this.ctx.storage.transactionSync(() => work(this.#load(call)));
    } catch (error) {
      this.#store.reread();
      this.#projectionArmed = false;
      if (!(error instanceof AssertionFailed)) throw error;
      console.error(
        JSON.stringify({ event: "alert", alert: "card_halted", card: this.ctx.id.name, why: error.message }),
      );
      return err(refuse("card_halted"));
    }
  }

  #load(call: CardCall): Turn {
    assert(this.#isFor(call), "the call is for this card");
    const stored = this.#store.load();
    const fresh = untouchedCard(call);
    if (!stored) return { call, state: fresh, nowMs: Date.now(), touched: false };
    const nowMs = Math.max(stored.state.clockMs, Date.now());
    const isOurs = stored.batch === call.terms.number && stored.state.card === call.card;
    assert(isOurs && conserves(stored.state.balance), "stored balances add up");
    if (call.standing.version <= stored.state.standing.version)
      return { call, state: stored.state, nowMs, touched: true };
    const state = { ...stored.state, standing: call.standing, version: stored.state.version + 1, clockMs: nowMs };
    this.#commit(call, { state, postings: [] });
    return { call, state, nowMs, touched: true };
  }

  #asHolder<T>(
    call: CardCall,
    claim: DeviceClaim,
    work: (turn: Turn, device: Device) => Result<T, Refusal>,
  ): Result<T, Refusal> {
    return this.#inTurn(call, (turn) => {
      const device = turn.touched ? this.#store.device(claim.device) : undefined;
      if (!device || !isSignedIn(device, claim.family)) return err(refuse("device_signed_out"));
      const code = refusalOf(turn.state, "holder", turn.nowMs);
      return code ? err(refuse(code)) : work(turn, device);
    });
  }

  /** Writes a decision. The alarm is armed in the same transaction, so a change and its projection live or die together. */
  #commit(call: CardCall, { state, postings }: Pick<Decision, "state" | "postings">): void {
    this.#store.save(call.terms.number, state);
    for (const posting of postings) this.#store.append(posting);
    if (!this.#projectionArmed) void this.#armProjection(PROJECTION_DELAY_MS);
  }

  #armProjection(delayMs: number): Promise<void> {
    this.#projectionArmed = true;
    return this.ctx.storage.setAlarm(Date.now() + delayMs);
  }

  #signOut(turn: Turn, device: Device): CardState {
    const state = { ...turn.state, version: turn.state.version + 1, clockMs: turn.nowMs };
    this.#commit(turn.call, { state, postings: [] });
    this.#store.saveDevice({ ...device, status: "signed_out", familyRevoked: true });
    return state;
  }

  /** A switch that names the device that called: a signed-out one may not spend. */
  #subjectRefusal(turn: Turn, command: MoneyCommand): Refusal | undefined {
    if (command.type !== "debit" || command.subject === null) return undefined;
    const subject = parseSipUser(command.subject);
    if (!subject || subject.serial !== this.ctx.id.name)
      return invalidField("/subject", "The SIP user of a device of this card.");
    if (turn.state.firstUsedAtMs === null) return undefined;
    return this.#store.device(subject.device)?.status === "active" ? undefined : refuse("credential_revoked");
  }

  #isFor({ terms, card }: CardCall): boolean {
    return this.ctx.id.name === formatSerial({ batch: terms.number, card });
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
