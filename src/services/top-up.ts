/**
 * Topping a card up with a voucher. The code is found as in redeeming; the money is a matter between the two cards' objects.
 * To a card, the vouchers of another partner, and test ones to a live card, are as unknown as codes never issued.
 */
import type { CardCall } from "../domain/card.ts";
import type { DeviceClaim, MoneyRefusal, TransferOutcome } from "../domain/card-calls.ts";
import { readCode } from "../domain/code/read.ts";
import type { CodeKey } from "../domain/code/seal.ts";
import { isVoucherFor } from "../domain/ledger/transfers.ts";
import type { Result } from "../domain/result.ts";
import type { CardStubs } from "../durable/stubs.ts";
import type { Catalogue } from "./catalogue.ts";
import type { FailureBudget } from "./failure-budget.ts";
import { findCode } from "./redeem.ts";

type Deps = {
  readonly codeKeys: readonly CodeKey[];
  readonly catalogue: Catalogue;
  readonly budget: FailureBudget;
  readonly cards: CardStubs;
};

type Presented = { readonly id: string; readonly code: string; readonly source: string };

export async function topUp(
  { cards, ...deps }: Deps,
  { call, claim }: { readonly call: CardCall; readonly claim: DeviceClaim },
  { id, code, source }: Presented,
): Promise<Result<TransferOutcome, MoneyRefusal>> {
  const read = readCode(code);
  if (!read.ok) return read;
  const found = await findCode(deps, read.value, source, ({ batch }) => isVoucherFor(call.terms, batch));
  if (!found.ok) {
    // Guesses count against the card too: changing the address does not give more of them.
    const counted = await cards.call(call, (card) => card.countFailure(call, claim));
    return counted.ok ? found : counted;
  }
  const voucher = found.value.call;
  return cards.call(call, (card) => card.topUp(call, claim, { id, voucher }));
}
