/** The terms of a card's books and the one equation they always satisfy. Pure; integer micros. */

/** credits + debt = available + held + spent + reversed + expired, every term an integer >= 0. */
export type Balance = {
  readonly credits: number;
  /** What a reversal could not take back. */
  readonly debt: number;
  readonly available: number;
  /** Sum of the open holds. */
  readonly held: number;
  readonly spent: number;
  readonly reversed: number;
  readonly expired: number;
};

export const emptyBalance: Balance = { credits: 0, debt: 0, available: 0, held: 0, spent: 0, reversed: 0, expired: 0 };

export const conserves = (balance: Balance): boolean =>
  Object.values(balance).every((term) => Number.isSafeInteger(term) && term >= 0) &&
  balance.credits + balance.debt ===
    balance.available + balance.held + balance.spent + balance.reversed + balance.expired;

/** Money that becomes free again pays debt first: it is the operator's until that is settled. */
export function withFreed(balance: Balance, freedMicros: number): Balance {
  const paid = Math.min(balance.debt, freedMicros);
  return { ...balance, debt: balance.debt - paid, available: balance.available + freedMicros - paid };
}
