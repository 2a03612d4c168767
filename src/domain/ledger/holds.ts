/**
 * Holds: two-phase spending. Placing sets credit aside, each step charges what was used and sets aside again,
 * committing charges and frees, releasing and expiring free. A hold is settled exactly once. Pure.
 */
import { assert } from "../assert.ts";
import { withFreed, type Balance } from "../balance.ts";
import { lateNotice } from "../card-notices.ts";
import { refusalOf, type CardState } from "../card.ts";
import { refuse, type Refusal } from "../errors.ts";
import { LATE_COMMIT_MS, type Hold, type OpenHold } from "../hold.ts";
import { err, ok, type Result } from "../result.ts";
import { SECOND_MS } from "../time.ts";
import type { CommitHold, Context, Decision, ExtendHold, Overrun, PlaceHold, ReleaseHold } from "./commands.ts";
import { post } from "./posting.ts";

type Outcome = Result<Decision, Refusal>;

export function placeHold(state: CardState, command: PlaceHold, context: Context, nowMs: number): Outcome {
  const code = refusalOf(state, "spend", nowMs);
  if (code) return err(refuse(code));
  if (command.currency !== state.currency) return err(refuse("currency_mismatch"));
  if (!context.destinationAllowed) return err(refuse("destination_not_allowed"));
  if (state.openHolds.length >= context.concurrentCalls) return err(refuse("too_many_calls"));
  const granted = Math.min(command.amountMicros, state.balance.available);
  if (granted < (command.minimumMicros ?? command.amountMicros)) return err(refuse("insufficient_credit"));
  const expiresAtMs = nowMs + command.ttlSeconds * SECOND_MS;
  const hold: Hold = {
    id: command.id,
    state: "open",
    amountMicros: granted,
    sequence: 0,
    chargedMicros: 0,
    releasedMicros: 0,
    shortfallMicros: 0,
    subject: command.subject,
    destination: command.destination,
    reference: command.reference,
    createdAtMs: nowMs,
    expiresAtMs,
    settledAtMs: null,
  };
  const balance = setAside(state.balance, granted);
  const changes = { openHolds: withOpen(state.openHolds, hold) };
  return ok(
    post(state, nowMs, { type: "hold", id: hold.id, balance, changes, hold, applied: { grantedMicros: granted } }),
  );
}

/** Charges what was used, frees the rest, sets aside again up to the amount. With nothing left it grants zero. */
export function extendHold(state: CardState, command: ExtendHold, { hold }: Context, nowMs: number): Outcome {
  if (!hold) return err(refuse("hold_unknown"));
  if (hold.state !== "open") return err({ ...refuse("hold_settled"), hold });
  if (command.sequence !== hold.sequence + 1) return err({ ...refuse("sequence_gap"), expected: hold.sequence + 1 });
  const code = refusalOf(state, "spend", nowMs);
  if (code) return err(refuse(code));
  const charge = chargeOpen(state.balance, hold, command.usedMicros, command.overrun);
  if (!charge) return err(refuse("commit_exceeds_hold"));
  const granted = Math.min(command.amountMicros, charge.balance.available);
  const extended: Hold = {
    ...hold,
    amountMicros: granted,
    sequence: command.sequence,
    chargedMicros: hold.chargedMicros + charge.charged,
    releasedMicros: hold.releasedMicros + charge.released,
    shortfallMicros: hold.shortfallMicros + charge.shortfall,
    expiresAtMs: nowMs + command.ttlSeconds * SECOND_MS,
  };
  return ok(
    post(state, nowMs, {
      type: "extend",
      id: hold.id,
      balance: setAside(charge.balance, granted),
      shortfallMicros: charge.shortfall,
      changes: { openHolds: withOpen(state.openHolds, extended) },
      hold: extended,
      applied: {
        movedMicros: charge.charged,
        restMicros: charge.shortfall,
        grantedMicros: granted,
        releasedMicros: charge.released,
      },
    }),
  );
}

export function commitHold(state: CardState, command: CommitHold, { hold }: Context, nowMs: number): Outcome {
  if (!hold) return err(refuse("hold_unknown"));
  if (hold.state === "expired") return ok(commitLate(state, command, hold, nowMs));
  if (hold.state !== "open") return err({ ...refuse("hold_settled"), hold });
  const charge = chargeOpen(state.balance, hold, command.usedMicros, command.overrun);
  if (!charge) return err(refuse("commit_exceeds_hold"));
  const committed: Hold = {
    ...hold,
    state: "committed",
    chargedMicros: hold.chargedMicros + charge.charged,
    releasedMicros: hold.releasedMicros + charge.released,
    shortfallMicros: hold.shortfallMicros + charge.shortfall,
    settledAtMs: nowMs,
  };
  return ok(
    post(state, nowMs, {
      type: "commit",
      id: hold.id,
      balance: charge.balance,
      shortfallMicros: charge.shortfall,
      changes: { openHolds: withoutOpen(state.openHolds, hold.id) },
      hold: committed,
      applied: { movedMicros: charge.charged, restMicros: charge.shortfall, releasedMicros: charge.released },
    }),
  );
}

/**
 * The credit went back when the hold expired, so only what is still there is collected, never more than was held.
 * Refusing would give free calls to whoever can delay a commit; charging without bound would break "never below zero".
 */
function commitLate(state: CardState, command: CommitHold, hold: Hold, nowMs: number): Decision {
  const owed = Math.min(command.usedMicros, hold.amountMicros);
  const isInTime = nowMs - hold.expiresAtMs <= LATE_COMMIT_MS;
  const collected = isInTime ? Math.min(owed, state.balance.available) : 0;
  const shortfall = owed - collected;
  const balance = {
    ...state.balance,
    available: state.balance.available - collected,
    spent: state.balance.spent + collected,
  };
  const late: Hold = {
    ...hold,
    state: isInTime ? "late" : "expired",
    chargedMicros: hold.chargedMicros + collected,
    shortfallMicros: hold.shortfallMicros + shortfall,
    settledAtMs: nowMs,
  };
  const decision = post(state, nowMs, {
    type: "late",
    id: hold.id,
    balance,
    shortfallMicros: shortfall,
    hold: late,
    applied: { movedMicros: collected, restMicros: shortfall },
  });
  return { ...decision, notices: [lateNotice(decision.state, late)] };
}

export function releaseHold(state: CardState, command: ReleaseHold, { hold }: Context, nowMs: number): Outcome {
  if (!hold) return err(refuse("hold_unknown"));
  const { reason } = command;
  // The expiry gave it back already: what the caller wants is so, and a posting of nothing pins the answer.
  if (hold.state === "expired")
    return ok(post(state, nowMs, { type: "release", id: hold.id, balance: state.balance, reason, hold }));
  if (hold.state !== "open") return err({ ...refuse("hold_settled"), hold });
  return ok(free(state, hold, "released", nowMs, reason));
}

export function expireHold(state: CardState, { hold }: Context, nowMs: number): Outcome {
  assert(hold?.state === "open" && nowMs >= hold.expiresAtMs, "only an open hold whose time is over expires");
  return ok(free(state, hold, "expired", nowMs, null));
}

function free(
  state: CardState,
  hold: Hold,
  to: "released" | "expired",
  nowMs: number,
  reason: string | null,
): Decision {
  const { amountMicros } = hold;
  const freed: Hold = {
    ...hold,
    state: to,
    releasedMicros: hold.releasedMicros + amountMicros,
    settledAtMs: to === "released" ? nowMs : null,
  };
  return post(state, nowMs, {
    type: to === "released" ? "release" : "hold_expired",
    id: hold.id,
    balance: withFreed({ ...state.balance, held: state.balance.held - amountMicros }, amountMicros),
    reason,
    changes: { openHolds: withoutOpen(state.openHolds, hold.id) },
    hold: freed,
    applied: { releasedMicros: amountMicros },
  });
}

type Charge = {
  readonly balance: Balance;
  readonly charged: number;
  readonly released: number;
  readonly shortfall: number;
};

/** Takes the use out of an open hold and frees the rest; undefined = more was used than held, and that is refused. */
function chargeOpen(before: Balance, hold: Hold, usedMicros: number, overrun: Overrun): Charge | undefined {
  const within = Math.min(usedMicros, hold.amountMicros);
  const beyond = usedMicros - within;
  if (beyond > 0 && overrun === "refuse") return undefined;
  const extra = Math.min(beyond, before.available);
  const released = hold.amountMicros - within;
  const charged = within + extra;
  const taken: Balance = {
    ...before,
    available: before.available - extra,
    held: before.held - hold.amountMicros,
    spent: before.spent + charged,
  };
  return { balance: withFreed(taken, released), charged, released, shortfall: beyond - extra };
}

const setAside = (balance: Balance, amountMicros: number): Balance => ({
  ...balance,
  available: balance.available - amountMicros,
  held: balance.held + amountMicros,
});

const withOpen = (open: readonly OpenHold[], { id, amountMicros, expiresAtMs }: Hold): OpenHold[] => [
  ...withoutOpen(open, id),
  { id, amountMicros, expiresAtMs },
];

const withoutOpen = (open: readonly OpenHold[], id: string): OpenHold[] => open.filter((each) => each.id !== id);
