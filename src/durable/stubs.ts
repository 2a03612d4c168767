/**
 * The only place that names a card's object and calls it.
 * A new stub for every call: one that failed stays broken. Every method is safe to repeat, so a passing fault is tried
 * once more; an overloaded object is never pressed further.
 */
import type { CardCall } from "../domain/card.ts";
import type { CardObject } from "../domain/card-calls.ts";
import { locationHintFor } from "../domain/location-hint.ts";
import { formatSerial } from "../domain/serial.ts";
import { Unavailable } from "../storage/unavailable.ts";

export type CardStubs = {
  /** Runs `use` against the card's object; faults become Unavailable. `colo` places an object that does not exist yet. */
  call<T>(call: CardCall, use: (card: CardObject) => Promise<T>, colo?: string): Promise<T>;
};

type Faults = { readonly retryable?: boolean; readonly overloaded?: boolean };

export function createCardStubs(
  namespace: DurableObjectNamespace,
  jurisdiction: DurableObjectJurisdiction | null,
): CardStubs {
  const cards = jurisdiction === null ? namespace : namespace.jurisdiction(jurisdiction);

  const stub = (call: CardCall, colo: string | undefined): CardObject => {
    const locationHint = colo === undefined ? undefined : locationHintFor(colo);
    const name = formatSerial({ batch: call.terms.number, card: call.card });
    return cards.getByName(name, locationHint === undefined ? {} : { locationHint }) as unknown as CardObject;
  };

  return {
    async call(call, use, colo) {
      try {
        return await use(stub(call, colo));
      } catch (error) {
        const { retryable = false, overloaded = false } = error as Faults;
        if (!retryable || overloaded) throw new Unavailable("card object", { cause: error });
      }
      try {
        return await use(stub(call, colo));
      } catch (error) {
        throw new Unavailable("card object, twice", { cause: error });
      }
    },
  };
}
