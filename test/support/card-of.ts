/** The object of a card that was issued over HTTP, for what no route offers. */
import { env } from "cloudflare:workers";
import type { CardObject } from "../../src/domain/card-calls.ts";
import type { CardCall } from "../../src/domain/card.ts";
import { parseSerial } from "../../src/domain/serial.ts";
import { standing, terms } from "./card-states.ts";
import type { Deck } from "./cards.ts";

export const objectOf = (serial: string): CardObject => env.CARDS.getByName(serial);

export function cardCallOf(deck: Deck, serial: string): CardCall {
  const ref = parseSerial(serial);
  if (!ref) throw new Error(`no serial: ${serial}`);
  const { partner, brand, profile } = deck;
  return {
    terms: terms({ number: ref.batch, partner, brand, profile }),
    card: ref.card,
    standing: standing(),
    firstUsePaused: false,
  };
}
