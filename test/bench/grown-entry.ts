/**
 * The product, and a card that grows old quickly: a debit whose id is `fill:<n>:…` is made n times at the card's object,
 * each time as the product makes it, with an id of its own. One request then makes as many postings as thousands would.
 * Every other call is the product's own.
 */
import product, { CardAccount as ProductCard } from "../../src/index.ts";
import type { CardCall } from "../../src/domain/card.ts";
import type { MoneyOutcome, MoneyRefusal, MoneyRequest } from "../../src/domain/card-calls.ts";
import type { Result } from "../../src/domain/result.ts";

const FILL = /^fill:(\d{1,4}):/;

export class CardAccount extends ProductCard {
  override async money(call: CardCall, request: MoneyRequest): Promise<Result<MoneyOutcome, MoneyRefusal>> {
    const { command } = request;
    const times = Number(FILL.exec(command.id)?.[1] ?? 1);
    for (let made = 1; made < times; made++) {
      const done = await super.money(call, { ...request, command: { ...command, id: `${command.id}:${made}` } });
      if (!done.ok) return done;
    }
    return super.money(call, request);
  }
}

export default product;
