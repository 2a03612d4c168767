/**
 * The only place that names a card's object and calls it.
 * A new stub for every call: one that failed stays broken. Every method is safe to repeat, so a passing fault is tried
 * once more; an overloaded object is never pressed further.
 */
import type { CardCall } from "../domain/card.ts";
import type { CardObject, DeviceClaim } from "../domain/card-calls.ts";
import type { Refusal } from "../domain/errors.ts";
import { locationHintFor } from "../domain/location-hint.ts";
import { err, ok, type Result } from "../domain/result.ts";
import { formatSerial } from "../domain/serial.ts";
import { Unavailable } from "../storage/unavailable.ts";

export type CardStubs = {
  /** Runs `use` against the card's object; faults become Unavailable. `colo` places an object that does not exist yet. */
  call<T>(call: CardCall, use: (card: CardObject) => Promise<T>, colo?: string): Promise<T>;
  /** Opens a socket for a device that was verified and asked about before; the object looks once more. */
  listen(call: CardCall, listener: DeviceClaim & { readonly expiresAtMs: number }): Promise<Result<WebSocket, Refusal>>;
};

type Faults = { readonly retryable?: boolean; readonly overloaded?: boolean };

export function createCardStubs(
  namespace: DurableObjectNamespace,
  jurisdiction: DurableObjectJurisdiction | null,
): CardStubs {
  const cards = jurisdiction === null ? namespace : namespace.jurisdiction(jurisdiction);

  const stub = (call: CardCall, colo?: string): DurableObjectStub => {
    const locationHint = colo === undefined ? undefined : locationHintFor(colo);
    const name = formatSerial({ batch: call.terms.number, card: call.card });
    return cards.getByName(name, locationHint === undefined ? {} : { locationHint });
  };

  return {
    call: (call, use, colo) => twice(() => use(stub(call, colo) as unknown as CardObject)),
    listen: (call, { device, family, expiresAtMs }) =>
      twice(async () => {
        const query = new URLSearchParams({ device: `${device}`, family: `${family}`, expiresAtMs: `${expiresAtMs}` });
        const answer = await stub(call).fetch(`https://card/?${query.toString()}`, {
          headers: { Upgrade: "websocket" },
        });
        return answer.webSocket ? ok(answer.webSocket) : err(await answer.json<Refusal>());
      }),
  };
}

async function twice<T>(use: () => Promise<T>): Promise<T> {
  try {
    return await use();
  } catch (error) {
    const { retryable = false, overloaded = false } = error as Faults;
    if (!retryable || overloaded) throw new Unavailable("card object", { cause: error });
  }
  try {
    return await use();
  } catch (error) {
    throw new Unavailable("card object, twice", { cause: error });
  }
}
