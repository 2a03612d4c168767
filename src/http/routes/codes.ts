/** The codes of a batch, made again whenever they are asked for: none is stored. */
import { createRoute, z } from "@hono/zod-openapi";
import type { Batch } from "../../domain/batch.ts";
import { SHEET_TYPES, SHEET_WRITERS, sheetFormat } from "../../domain/code-sheet.ts";
import { invalidField, refuse, type Refusal } from "../../domain/errors.ts";
import { err, ok, type Result } from "../../domain/result.ts";
import { MAX_CARD_NUMBER } from "../../domain/serial.ts";
import { MAX_SHEET_ROWS, streamSheet } from "../../services/export-codes.ts";
import { findBatch } from "../../storage/batches.ts";
import { readTouchedCards } from "../../storage/touched-cards.ts";
import { recordAct } from "../audited.ts";
import { createRouter, type Caller } from "../context.ts";
import { KEY_REFUSALS, keyed } from "../middleware/key.ts";
import { problem } from "../problem.ts";
import { queryInteger, refusals, visibleText } from "../schemas.ts";
import { batchNumber } from "./batches.ts";

const NO_CARDS: ReadonlySet<number> = new Set();

const card = queryInteger(1, MAX_CARD_NUMBER);
const row = z.object({ serial: z.string(), code: z.string(), link: z.string() });
const text = (description: string) => ({ schema: z.string().openapi({ description }) });

const query = z.strictObject({
  from: card.optional().openapi({ description: "First card number, default 1." }),
  to: card.optional().openapi({ description: "Last card number, inclusive; default the last of the batch." }),
  includeTouched: z.enum(["true", "false"]).optional().openapi({ description: "Operator keys only, with a reason." }),
  reason: visibleText(200, 1).optional(),
});

const get = createRoute({
  method: "get",
  path: "/v1/batches/{batch}/codes",
  tags: ["Batches"],
  summary: "Export codes",
  description: `Streams at most ${MAX_SHEET_ROWS} rows, in the order of the cards, as Accept says: CSV (also for \`*/*\`), NDJSON or JSON. A download that broke off is resumed with \`from\` = the number behind the last whole row.\n\nCards that somebody has touched are left out; one touched in the last seconds may still be in. An operator's key gets them too with \`includeTouched=true\` and a \`reason\`. Recalled cards are in. A batch whose code key is retired cannot be exported any more: 422.`,
  ...keyed("exportCodes"),
  request: {
    params: z.object({ batch: z.string().openapi({ example: "12" }) }),
    query,
    headers: z.object({ accept: z.string().optional() }),
  },
  responses: {
    200: {
      description: "The sheet",
      content: {
        "text/csv": text("RFC 4180 with the header `serial,code,link`."),
        "application/x-ndjson": text('One `{"serial", "code", "link"}` a line.'),
        "application/json": { schema: z.object({ items: z.array(row) }).openapi("CodeSheet") },
      },
    },
    ...refusals([...KEY_REFUSALS, "not_found", "invalid_input"]),
  },
});

export function codeRoutes() {
  const app = createRouter();

  app.openapi(get, async (c) => {
    const { caller, config, services } = c.var;
    const asked = c.req.valid("query");
    const number = batchNumber(c.req.valid("param").batch);
    const found = number && (await findBatch(services.db, { number, scope: caller.partner }));
    if (!found) return problem(c, refuse("not_found"));
    const { batch } = found;
    const range = rangeOf(batch, asked);
    if (!range.ok) return problem(c, range.error);
    const withTouched = mayIncludeTouched(caller, asked);
    if (!withTouched.ok) return problem(c, withTouched.error);
    const key = config.codeKeys.find(({ id }) => id === batch.keyId);
    if (!key)
      return problem(c, { code: "invalid_input", detail: `The code key ${batch.keyId} of this batch is retired.` });

    const format = sheetFormat(c.req.header("Accept"));
    const { from, to } = range.value;
    const stream = await streamSheet(
      {
        omitted: async (first, last) =>
          withTouched.value ? NO_CARDS : readTouchedCards(services.db, { batch: batch.number, from: first, to: last }),
      },
      {
        batch: batch.number,
        format: batch.format,
        key,
        from,
        to,
        linkBase: `${config.publicOrigin}/r#`,
        writer: SHEET_WRITERS[format],
      },
    );
    await recordAct(c, {
      owner: batch.partner,
      act: "batch.export",
      object: `batch:${batch.number}`,
      details: { from, to, format, includeTouched: withTouched.value },
      reason: asked.reason ?? null,
    });
    // The name is made of numbers: a label is anybody's text.
    const name = `batch-${String(batch.number).padStart(6, "0")}-cards-${from}-${to}.${format}`;
    return c.body(stream, 200, {
      "Content-Type": SHEET_TYPES[format],
      "Content-Disposition": `attachment; filename="${name}"`,
      Vary: "Accept",
    });
  });

  return app;
}

type Asked = z.infer<typeof query>;

function rangeOf(
  { quantity }: Batch,
  { from = 1, to = quantity }: Asked,
): Result<{ from: number; to: number }, Refusal> {
  if (from > quantity) return err(invalidField("/from", `The batch has ${quantity} cards.`));
  if (to > quantity) return err(invalidField("/to", `The batch has ${quantity} cards.`));
  if (from > to) return err(invalidField("/from", "from must not be after to."));
  return to - from < MAX_SHEET_ROWS
    ? ok({ from, to })
    : err(invalidField("/to", `At most ${MAX_SHEET_ROWS} rows at a time; ask for the next ones with from.`));
}

/** A touched card's code is in somebody's hands, so giving it out again needs the operator and a reason. */
function mayIncludeTouched(caller: Caller, { includeTouched, reason }: Asked): Result<boolean, Refusal> {
  if (includeTouched !== "true") return ok(false);
  if (caller.partner !== null)
    return err(refuse("insufficient_scope", "Touched cards are exported with an operator's key only."));
  return reason === undefined ? err(invalidField("/reason", "Touched cards need a reason.")) : ok(true);
}
