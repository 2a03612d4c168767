/**
 * Money between two cards: a voucher into a card, a card's balance into the one that replaces it. Pure.
 * Neither side sees the other. The mover keeps an intent, asks the other card to claim, and goes on only with its answer;
 * so what may be refused is refused here before anything has moved, and what comes after it cannot be refused.
 */
import { assert, unreachable } from "../assert.ts";
import { cardStatus, isMoving, refusalOf, type CardState, type Claim } from "../card.ts";
import { invalidField, refuse, type Refusal } from "../errors.ts";
import { MAX_AMOUNT_MICROS, MICROS_PER_UNIT, parseAmount } from "../money.ts";
import { err, ok, type Result } from "../result.ts";
import type { BatchTerms } from "../terms.ts";
import type { Context, Decision, TransferCommand } from "./commands.ts";
import { addCredit, canRevive, hasNoRoom } from "./credits.ts";
import { change, post } from "./posting.ts";

type Outcome = Result<Decision, Refusal>;

export const REPLACEMENT_FIELD = invalidField("/to", "An untouched card of the same partner, mode and currency.");

/** Whether a card may be put in the place of another, as far as their terms tell. */
export const mayReplace = (old: BatchTerms, next: BatchTerms): boolean =>
  next.kind === "card" && next.partner === old.partner && next.mode === old.mode && next.currency === old.currency;

/** Only vouchers of the card's own partner and mode exist for it. */
export const isVoucherFor = (card: BatchTerms, voucher: BatchTerms): boolean =>
  voucher.partner === card.partner && voucher.mode === card.mode;

/**
 * What a voucher pays in: face value × multiplier + addition, rounded down to the micro. BigInt: the product may pass 2^53.
 * A bonus that belongs to a payment pays nothing by itself.
 */
export function voucherCredit({ creditMicros, bonus }: BatchTerms): Result<number, Refusal> {
  if (!bonus) return ok(creditMicros);
  if (parseAmount(bonus.minimumPayment) !== 0)
    return err(invalidField("/code", "This voucher adds to a payment: use it when topping up with one."));
  const multiplier = BigInt(parseAmount(bonus.multiplier ?? "1") ?? 0);
  const product = (BigInt(creditMicros) * multiplier) / BigInt(MICROS_PER_UNIT);
  const credited = product + BigInt(parseAmount(bonus.addition ?? "0") ?? 0);
  return credited > BigInt(MAX_AMOUNT_MICROS)
    ? err(invalidField("/code", "This voucher is worth more than the largest amount."))
    : ok(Number(credited));
}

/** Why a card takes no voucher now; null = from here on, its credit cannot be refused. */
export function topUpRefusal(
  state: CardState,
  voucher: { readonly amountMicros: number; readonly currency: string },
  context: Context,
  nowMs: number,
): Refusal | null {
  const revives = cardStatus(state, nowMs) === "expired" && canRevive(state, context, nowMs) && !isMoving(state);
  const code = revives ? null : refusalOf(state, "top_up", nowMs);
  if (code) return refuse(code);
  if (voucher.currency !== state.currency) return refuse("currency_mismatch");
  if (hasNoRoom(state, voucher.amountMicros, context))
    return invalidField("/code", "The card would hold more than the largest amount.");
  return null;
}

/** Why a card cannot be replaced now; null = it can, and freezing keeps it so. */
export function replaceRefusal(state: CardState, { promisedMicros = 0 }: Context, nowMs: number): Refusal | null {
  const code = refusalOf(state, "replace", nowMs) ?? (state.firstUsedAtMs === null ? "card_not_redeemed" : null);
  if (code) return refuse(code);
  if (state.balance.debt > 0) return refuse("card_blocked", "The card owes: its debt is paid before it is replaced.");
  // What calls have set aside is neither moved nor left behind: they settle on the card they were made with.
  if (state.openHolds.length > 0) return refuse("too_many_calls", "Calls are open: settle their holds first.");
  return promisedMicros > 0 ? refuse("try_again", "A voucher is being paid in.") : null;
}

export function transfer(state: CardState, command: TransferCommand, context: Context, nowMs: number): Outcome {
  switch (command.type) {
    case "consume":
      return consume(state, command, nowMs);
    case "top_up": {
      const { id, voucher, amountMicros } = command;
      return ok(addCredit(state, { id, amountMicros, reason: `voucher ${voucher}` }, context, nowMs));
    }
    case "leave": {
      const refusal = replaceRefusal(state, context, nowMs);
      return refusal ? err(refusal) : ok(change(state, nowMs, { leaving: true }));
    }
    case "stay":
      return ok(change(state, nowMs, { leaving: false }));
    case "reserve":
      return reserve(state, command, nowMs);
    case "transfer_out":
      return ok(moveOut(state, command, nowMs));
    case "transfer_in":
      return ok(moveIn(state, command, nowMs));
    default:
      return unreachable(command);
  }
}

const isBy = (claim: Claim, { card, id }: Pick<Claim, "card" | "id">): boolean =>
  claim.card === card && claim.id === id;

/** The one that has claimed the card for ever need not claim it again. */
export const isClaimedBy = ({ claim }: CardState, claimant: Pick<Claim, "card" | "id">): boolean =>
  claim !== null && isBy(claim, claimant);

type Command<T extends TransferCommand["type"]> = Extract<TransferCommand, { readonly type: T }>;

/** Its face value is credited and leaves in the same moment, so that a voucher has books like every card. */
function consume(before: CardState, { card, id }: Command<"consume">, nowMs: number): Outcome {
  if (before.kind !== "voucher") return err(refuse("wrong_kind"));
  if (before.claim !== null) return err(refuse("voucher_used"));
  const code = refusalOf(before, "consume", nowMs);
  if (code) return err(refuse(code));
  assert(before.firstUsedAtMs === null && before.lastSeq === 0, "a voucher is used once");
  const face = before.faceValueMicros;
  const full = { ...before.balance, credits: face, available: face };
  const first = post(before, nowMs, { type: "first", id: "first", balance: full, changes: { firstUsedAtMs: nowMs } });
  const out = post(first.state, nowMs, {
    type: "transfer_out",
    id,
    balance: { ...full, available: 0, reversed: face },
    reason: `to ${card}`,
    changes: { closed: true, claim: { step: "consumed", card, id } },
    applied: { movedMicros: face },
  });
  const state = { ...out.state, version: before.version + 1 };
  return ok({ ...out, state, postings: [...first.postings, ...out.postings] });
}

function reserve(state: CardState, { card, id }: Command<"reserve">, nowMs: number): Outcome {
  const isUntouched = state.firstUsedAtMs === null && state.claim === null;
  const isGood = isUntouched && ["issued", "not_activated"].includes(cardStatus(state, nowMs));
  if (state.kind !== "card" || !isGood) return err(REPLACEMENT_FIELD);
  return ok(change(state, nowMs, { claim: { step: "reserved", card, id } }));
}

function moveOut(state: CardState, { id, to }: Command<"transfer_out">, nowMs: number): Decision {
  assert(state.leaving && state.openHolds.length === 0, "only a frozen card without open holds gives its balance away");
  const { balance } = state;
  return post(state, nowMs, {
    type: "transfer_out",
    id,
    balance: { ...balance, available: 0, reversed: balance.reversed + balance.available },
    reason: `to ${to}`,
    changes: { closed: true, leaving: false },
    applied: { movedMicros: balance.available },
  });
}

/** From here on the card is in use: redeeming its code binds a device and credits nothing. */
function moveIn(
  state: CardState,
  { card, id, amountMicros, endsAtMs }: Command<"transfer_in">,
  nowMs: number,
): Decision {
  const isReserved = state.claim?.step === "reserved" && isBy(state.claim, { card, id });
  assert(isReserved && state.lastSeq === 0, "a balance moves into the card that was reserved for it");
  const ends = [state.expiresAtMs, endsAtMs].filter((end) => end !== null);
  return post(state, nowMs, {
    type: "transfer_in",
    id,
    balance: { ...state.balance, credits: amountMicros, available: amountMicros },
    reason: `from ${card}`,
    changes: {
      firstUsedAtMs: nowMs,
      expiresAtMs: ends.length === 0 ? null : Math.min(...ends),
      claim: { step: "filled", card, id },
    },
    applied: { movedMicros: amountMicros },
  });
}
