/** The codes of a batch, made again whenever they are asked for: none is stored. */
import { createRoute, z } from "@hono/zod-openapi";
import { SHEET_TYPES, SHEET_WRITERS, sheetFormat } from "../../domain/code-sheet.ts";
import { MAX_SHEET_ROWS, streamSheet } from "../../services/export-codes.ts";
import { recordAct } from "../audited.ts";
import { createRouter } from "../context.ts";
import { exportQuery, linkBase, readyToExport } from "../export-range.ts";
import { KEY_REFUSALS, keyed } from "../middleware/key.ts";
import { problem } from "../problem.ts";
import { refusals } from "../schemas.ts";

const row = z.object({ serial: z.string(), code: z.string(), link: z.string() });
const text = (description: string) => ({ schema: z.string().openapi({ description }) });

const get = createRoute({
  method: "get",
  path: "/v1/batches/{batch}/codes",
  tags: ["Batches"],
  summary: "Export codes",
  description: `Streams at most ${MAX_SHEET_ROWS} rows, in the order of the cards, as Accept says: CSV (also for \`*/*\`), NDJSON or JSON. A download that broke off is resumed with \`from\` = the number behind the last whole row.\n\nCards that somebody has touched are left out; one touched in the last seconds may still be in. An operator's key gets them too with \`includeTouched=true\` and a \`reason\`. Recalled cards are in. A batch whose code key is retired cannot be exported any more: 422.`,
  ...keyed("exportCodes"),
  request: {
    params: z.object({ batch: z.string().openapi({ example: "12" }) }),
    query: exportQuery,
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
    const asked = c.req.valid("query");
    const ready = await readyToExport(c, c.req.valid("param").batch, asked, MAX_SHEET_ROWS);
    if (!ready.ok) return problem(c, ready.error);
    const { batch, key, from, to, omitted, includeTouched } = ready.value;
    const format = sheetFormat(c.req.header("Accept"));
    const stream = await streamSheet(
      { omitted },
      {
        batch: batch.number,
        format: batch.format,
        key,
        from,
        to,
        linkBase: linkBase(c.var.config),
        writer: SHEET_WRITERS[format],
      },
    );
    await recordAct(c, {
      owner: batch.partner,
      act: "batch.export",
      object: `batch:${batch.number}`,
      details: { from, to, format, includeTouched },
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
