/** `/v1/cards/{serial}`: finds the card a key asks about. A foreign card is as absent as one that was never issued. */
import type { Context } from "hono";
import { z } from "@hono/zod-openapi";
import { refuse, type Refusal } from "../domain/errors.ts";
import { err, ok, type Result } from "../domain/result.ts";
import { parseSerial } from "../domain/serial.ts";
import { cardCall } from "../services/redeem.ts";
import type { CardCall } from "../domain/card.ts";
import type { AppEnv, Caller } from "./context.ts";

export const serialParam = z.object({ serial: z.string().openapi({ example: "000012-0000345" }) });

/** `bySwitch`: the key reaches cards of its trunks, whoever's they are. */
export async function findCard(
  c: Context<AppEnv>,
  serial: string,
  { bySwitch = false } = {},
): Promise<Result<CardCall, Refusal>> {
  const ref = parseSerial(serial);
  const terms = ref && (await c.var.services.catalogue.terms(ref.batch));
  const { caller } = c.var;
  const isReached =
    terms &&
    ref.card <= terms.batch.quantity &&
    (bySwitch ? reachesTrunk(caller, terms.trunk?.id) : true) &&
    (caller.partner === null || caller.partner === terms.batch.partner);
  return isReached ? ok(cardCall(terms, ref.card)) : err(refuse("not_found"));
}

const reachesTrunk = (caller: Caller, trunk: string | undefined): boolean =>
  trunk !== undefined && caller.trunks.includes(trunk);
