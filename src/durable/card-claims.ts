/**
 * What other cards ask of this one: a voucher's credit, or to take over their balance. One turn each, safe to repeat:
 * the card remembers for ever who claimed it and under which id, and answers that one as the first time.
 */
import { assert } from "../domain/assert.ts";
import { firstUseIsPaused, type CardCall } from "../domain/card.ts";
import type { ClaimRequest } from "../domain/card-calls.ts";
import { refuse, type Refusal } from "../domain/errors.ts";
import type { Decision } from "../domain/ledger/commands.ts";
import { decide, NO_CONTEXT } from "../domain/ledger/decide.ts";
import { isClaimedBy } from "../domain/ledger/transfers.ts";
import { err, ok, type Result } from "../domain/result.ts";
import { firstUseEndMs } from "../domain/terms.ts";
import type { CardTurns, Turn } from "./card-turns.ts";

export class CardClaims {
  readonly #turns: CardTurns;

  constructor(turns: CardTurns) {
    this.#turns = turns;
  }

  claim(call: CardCall, request: ClaimRequest): Result<null, Refusal> {
    return this.#turns.take(call, (turn) => {
      const { state, nowMs } = turn;
      const isMine = isClaimedBy(state, request);
      if (request.type === "fill") {
        assert(isMine, "only what was reserved is filled");
        if (state.claim?.step === "filled") return ok(null);
        const { card, id, amountMicros } = request;
        const endsAtMs = firstUseEndMs(call.terms, nowMs);
        const command = { type: "transfer_in", card, id, amountMicros, endsAtMs } as const;
        return writeDecision(this.#turns, turn, decide(state, command, NO_CONTEXT, nowMs));
      }
      if (isMine) return ok(null);
      if (request.type === "consume" && firstUseIsPaused(state, call)) return err(refuse("batch_paused"));
      return writeDecision(this.#turns, turn, decide(state, request, NO_CONTEXT, nowMs));
    });
  }
}

/** Writes what was decided, and what that makes due at once: credit on a card that has ended is breakage. */
export function writeDecision(
  turns: CardTurns,
  turn: Turn,
  decision: Result<Decision, Refusal>,
): Result<null, Refusal> {
  if (!decision.ok) return decision;
  const batch = turn.call.terms.number;
  turns.commit(batch, decision.value);
  turns.settle(batch, decision.value.state, turn.nowMs);
  return ok(null);
}
