/** `/v1/cards/{serial}`: finds the card a key asks about. A foreign card is as absent as one that was never issued. */
import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import type { CardCall } from "../domain/card.ts";
import { refuse, type Refusal } from "../domain/errors.ts";
import { err, ok, type Result } from "../domain/result.ts";
import type { Scope } from "../domain/scopes.ts";
import { parseSerial } from "../domain/serial.ts";
import type { CatalogueTerms } from "../domain/terms.ts";
import { cardCall } from "../services/redeem.ts";
import type { AppEnv, Caller } from "./context.ts";

export const serialParam = z.object({ serial: z.string().openapi({ example: "000012-0000345" }) });

export type FoundCard = { readonly call: CardCall; readonly terms: CatalogueTerms };

/**
 * A partner's key reaches its own cards, an operator's all of them. A key that may act only through `switch`
 * reaches the cards of its trunks: `otherwise` names the scope that would make it more than a switch.
 */
export async function findCard(
  c: Context<AppEnv>,
  serial: string,
  otherwise?: Scope | "none",
): Promise<Result<FoundCard, Refusal>> {
  const ref = parseSerial(serial);
  const terms = ref && (await c.get("services").catalogue.terms(ref.batch));
  const caller = c.get("caller");
  const isSwitch = otherwise !== undefined && (otherwise === "none" || !caller.scopes.has(otherwise));
  const isReached =
    terms &&
    ref.card <= terms.batch.quantity &&
    (!isSwitch || reachesTrunk(caller, terms.trunk?.id)) &&
    (caller.partner === null || caller.partner === terms.batch.partner);
  return isReached ? ok({ call: cardCall(terms, ref.card), terms }) : err(refuse("not_found"));
}

const reachesTrunk = (caller: Caller, trunk: string | undefined): boolean =>
  trunk !== undefined && caller.trunks.includes(trunk);
