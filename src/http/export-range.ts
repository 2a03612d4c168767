/** Which codes of a batch a request may have: for a sheet of data and for one to print alike. */
import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import type { Config } from "../config.ts";
import type { Batch } from "../domain/batch.ts";
import type { CodeKey } from "../domain/code/seal.ts";
import { invalidField, refuse, type Refusal } from "../domain/errors.ts";
import { err, ok, type Result } from "../domain/result.ts";
import { MAX_CARD_NUMBER } from "../domain/serial.ts";
import { findBatch } from "../storage/batches.ts";
import { readTouchedCards } from "../storage/touched-cards.ts";
import type { AppEnv, Caller } from "./context.ts";
import { batchNumber } from "./routes/batches.ts";
import { queryInteger, visibleText } from "./schemas.ts";

const card = queryInteger(1, MAX_CARD_NUMBER);

export const exportQuery = z.strictObject({
  from: card.optional().openapi({ description: "First card number, default 1." }),
  to: card.optional().openapi({ description: "Last card number, inclusive; default the last of the batch." }),
  includeTouched: z.enum(["true", "false"]).optional().openapi({ description: "Operator keys only, with a reason." }),
  reason: visibleText(200, 1).optional(),
});

type Asked = z.infer<typeof exportQuery>;

/** What is exported: `omitted` = the cards of a part of it that are left out, because somebody has touched them. */
type Export = {
  readonly batch: Batch;
  readonly key: CodeKey;
  readonly from: number;
  readonly to: number;
  readonly includeTouched: boolean;
  readonly omitted: (from: number, to: number) => Promise<ReadonlySet<number>>;
};

const NO_CARDS: ReadonlySet<number> = new Set();

export async function readyToExport(
  c: Context<AppEnv>,
  param: string,
  asked: Asked,
  mostRows: number,
): Promise<Result<Export, Refusal>> {
  const { caller, config, services } = c.var;
  const number = batchNumber(param);
  const found = number && (await findBatch(services.db, { number, scope: caller.partner }));
  if (!found) return err(refuse("not_found"));
  const { batch } = found;
  const range = rangeOf(batch, asked, mostRows);
  if (!range.ok) return range;
  const withTouched = mayIncludeTouched(caller, asked);
  if (!withTouched.ok) return withTouched;
  const includeTouched = withTouched.value;
  const key = config.codeKeys.find(({ id }) => id === batch.keyId);
  if (!key) return err(refuse("invalid_input", `The code key ${batch.keyId} of this batch is retired.`));
  const omitted = async (from: number, to: number) =>
    includeTouched ? NO_CARDS : readTouchedCards(services.db, { batch: batch.number, from, to });
  return ok({ batch, key, ...range.value, includeTouched, omitted });
}

export const linkBase = ({ publicOrigin }: Config): string => `${publicOrigin}/r#`;

function rangeOf(
  { quantity }: Batch,
  { from = 1, to = quantity }: Asked,
  mostRows: number,
): Result<{ from: number; to: number }, Refusal> {
  if (from > quantity) return err(invalidField("/from", `The batch has ${quantity} cards.`));
  if (to > quantity) return err(invalidField("/to", `The batch has ${quantity} cards.`));
  if (from > to) return err(invalidField("/from", "from must not be after to."));
  return to - from < mostRows
    ? ok({ from, to })
    : err(invalidField("/to", `At most ${mostRows} rows at a time; ask for the next ones with from.`));
}

/** A touched card's code is in somebody's hands, so giving it out again needs the operator and a reason. */
function mayIncludeTouched(caller: Caller, { includeTouched, reason }: Asked): Result<boolean, Refusal> {
  if (includeTouched !== "true") return ok(false);
  if (caller.partner !== null)
    return err(refuse("insufficient_scope", "Touched cards are exported with an operator's key only."));
  return reason === undefined ? err(invalidField("/reason", "Touched cards need a reason.")) : ok(true);
}
