/**
 * A card's money. `decide` is the whole rule book: a pure, total function of state, command, context and time.
 * It never reads a clock, never stores, never throws for what a caller can cause. Amounts are integer micros.
 */
import { assert, unreachable } from "../assert.ts";
import { conserves } from "../balance.ts";
import { expiringIsDue, expiringNotice, withNotices } from "../card-notices.ts";
import { cardStatus, isMoving, refusalOf, type CardState } from "../card.ts";
import { invalidField, refuse, type Refusal } from "../errors.ts";
import { hasEnded } from "../hold.ts";
import { err, ok, type Result } from "../result.ts";
import { SECOND_MS } from "../time.ts";
import type { Command, Context, Decision } from "./commands.ts";
import { breakageIsDue, credit, debit, expireCard, reverse } from "./credits.ts";
import { commitHold, expireHold, extendHold, placeHold, releaseHold } from "./holds.ts";
import { change, post } from "./posting.ts";
import { transfer } from "./transfers.ts";

/** How long an activation at the till can be undone. */
const DEACTIVATE_WITHIN_MS = 15 * 60 * SECOND_MS;

export const NO_CONTEXT: Context = { concurrentCalls: 0, destinationAllowed: true, reviveUntilMs: null };

/** What must hold of every card before and after every command; a card of which it does not is halted. */
export const addsUp = ({ balance, openHolds }: CardState): boolean =>
  conserves(balance) && balance.held === openHolds.reduce((sum, { amountMicros }) => sum + amountMicros, 0);

/**
 * The state after a command, its postings and what it did; or why it is refused, with nothing changed.
 * `nowMs` is the card's clock, never before `state.clockMs`. Whatever is due must have been settled before (`isDue`).
 */
export function decide(state: CardState, command: Command, context: Context, nowMs: number): Result<Decision, Refusal> {
  assert(nowMs >= state.clockMs, "the card's clock never goes back");
  assert(addsUp(state), "the books add up before a command");
  const decision = noticed(state, apply(state, command, context, nowMs));
  if (decision.ok) {
    const after = decision.value.state;
    assert(addsUp(after), "the books add up after a command");
    assert(after.version === state.version + 1, "a change has a version of its own");
    assert(after.lastSeq === state.lastSeq + decision.value.postings.length, "postings are numbered without gaps");
  }
  return decision;
}

function noticed(before: CardState, decision: Result<Decision, Refusal>): Result<Decision, Refusal> {
  if (!decision.ok) return decision;
  const { state, notices } = withNotices(before, decision.value.state);
  const all = [...(decision.value.notices ?? []), ...notices];
  return ok({ ...decision.value, state, ...(all.length > 0 && { notices: all }) });
}

/** The next thing that time alone does to a card; null = nothing is due. Holds first: what they free may be breakage. */
export function isDue(
  state: CardState,
  nowMs: number,
): { readonly type: "expire_hold"; readonly id: string } | { readonly type: "expire_card" | "warn_expiring" } | null {
  const ended = state.openHolds.find((hold) => hasEnded(hold, nowMs));
  if (ended) return { type: "expire_hold", id: ended.id };
  if (breakageIsDue(state, nowMs)) return { type: "expire_card" };
  return expiringIsDue(state, nowMs) ? { type: "warn_expiring" } : null;
}

function apply(state: CardState, command: Command, context: Context, nowMs: number): Result<Decision, Refusal> {
  switch (command.type) {
    case "credit":
      return credit(state, command, context, nowMs);
    case "debit":
      return debit(state, command, nowMs);
    case "credit_reversal":
    case "debit_reversal":
      return reverse(state, command, context, nowMs);
    case "hold":
      return placeHold(state, command, context, nowMs);
    case "extend":
      return extendHold(state, command, context, nowMs);
    case "commit":
      return commitHold(state, command, context, nowMs);
    case "release":
      return releaseHold(state, command, context, nowMs);
    case "expire_hold":
      return expireHold(state, context, nowMs);
    case "expire_card":
      return ok(expireCard(state, nowMs));
    case "warn_expiring":
      return ok({
        ...change(state, nowMs, { expiringToldMs: state.expiresAtMs }),
        notices: [expiringNotice(state)],
      });
    case "first":
      return first(state, command.endsAtMs, nowMs);
    case "block":
    case "unblock":
      return ok(change(state, nowMs, { blocked: command.type === "block" }));
    case "activate":
      return activate(state, nowMs);
    case "deactivate":
      return deactivate(state, nowMs);
    case "close":
      // A balance that is on its way must not arrive at a closed card.
      return isMoving(state) ? err(refuse("try_again")) : ok(change(state, nowMs, { closed: true }));
    case "prolong":
      return prolong(state, command.expiresAtMs, nowMs);
    case "consume":
    case "top_up":
    case "leave":
    case "stay":
    case "reserve":
    case "transfer_out":
    case "transfer_in":
      return transfer(state, command, context, nowMs);
    default:
      return unreachable(command);
  }
}

/** The first redemption: the face value is credited, exactly once because `firstUsedAtMs` is set with it. */
function first(state: CardState, endsAtMs: number | null, nowMs: number): Result<Decision, Refusal> {
  const code = refusalOf(state, "redeem", nowMs);
  if (code) return err(refuse(code));
  assert(state.firstUsedAtMs === null && state.lastSeq === 0, "a first redemption comes first");
  const face = state.faceValueMicros;
  const ends = [state.expiresAtMs, endsAtMs].filter((end) => end !== null);
  const changes = { firstUsedAtMs: nowMs, expiresAtMs: ends.length === 0 ? null : Math.min(...ends) };
  return ok(
    post(state, nowMs, {
      type: "first",
      id: "first",
      balance: { ...state.balance, credits: face, available: face },
      changes,
    }),
  );
}

function activate(state: CardState, nowMs: number): Result<Decision, Refusal> {
  const status = cardStatus(state, nowMs);
  if (status === "closed") return err(refuse("card_closed"));
  if (status === "recalled") return err(refuse("card_recalled"));
  return ok(change(state, nowMs, { activatedAtMs: state.activatedAtMs ?? nowMs }));
}

function deactivate(state: CardState, nowMs: number): Result<Decision, Refusal> {
  const isRecent = state.activatedAtMs !== null && nowMs - state.activatedAtMs <= DEACTIVATE_WITHIN_MS;
  const canUndo = state.onSale && state.firstUsedAtMs === null && isRecent;
  if (!canUndo)
    return err(invalidField("/action", "Only a card activated within the last 15 minutes and not redeemed."));
  return ok(change(state, nowMs, { activatedAtMs: null }));
}

/** A longer life. Credit that became breakage stays breakage: only a top-up within the grace time revives. */
function prolong(state: CardState, expiresAtMs: number, nowMs: number): Result<Decision, Refusal> {
  if (state.closed) return err(refuse("card_closed"));
  const isLater = expiresAtMs > nowMs && (state.expiresAtMs === null || expiresAtMs > state.expiresAtMs);
  if (!isLater) return err(invalidField("/expiresAt", "Must be later than now and than the present end."));
  return ok(change(state, nowMs, { expiresAtMs }));
}
