/** Reports: what became of issued batches. From the projection, seconds behind; no money question is answered here. */
import { createRoute, z } from "@hono/zod-openapi";
import { MAX_BATCH_NUMBER } from "../../domain/serial.ts";
import { readBatchReport, readProgress, type BatchFigures, type Figures } from "../../storage/reports.ts";
import { createRouter } from "../context.ts";
import { listPage, listQuery, pageOf, type Window } from "../cursor.ts";
import { keyed } from "../middleware/key.ts";
import { problem } from "../problem.ts";
import { answers, currency } from "../schemas.ts";
import {
  batchReportSchema,
  batchReportWire,
  figuresWire,
  projectionSchema,
  projectionWire,
  totalsSchema,
} from "../wire/reports.ts";

const batchesRoute = createRoute({
  method: "get",
  path: "/v1/reports/batches",
  tags: ["Reports"],
  summary: "What became of issued batches",
  description: `Newest first, from the projection of touched cards; a partner's key sees its own. The arithmetic, all of it exact:

- \`issued\` = quantity × face value. Every card is \`redeemed\`, or touched before its first use (blocked, activated), or \`untouched\` = quantity − touched.
- \`unredeemed\` = cards without a first use that could still have one, at face value: of the untouched all but those of recalled ranges, and none when the batch or its untouched cards are recalled or its fixed end is over; and of the touched those neither recalled, closed nor ended. Cards waiting for activation or blocked count: both can be lifted.
- Over redeemed cards, at every instant: \`credits\` + \`debt\` = \`available\` + \`held\` + \`spent\` + \`reversed\` + \`expired\`.
- \`expired\` is breakage. \`shortfall\` was used and never collected; it is in no other sum.
- \`liability\` = \`unredeemed\` + \`available\` + \`held\`: what could still be spent. \`debt\` is not subtracted.

\`totals\` come with the first page only: one per partner and currency over everything the filter matches, test batches left out.`,
  ...keyed("reportBatches"),
  request: {
    query: z.strictObject({
      ...listQuery,
      partner: z.string().max(64).optional(),
      batch: z.coerce.number().int().min(1).max(MAX_BATCH_NUMBER).optional(),
      currency: currency.optional(),
    }),
  },
  responses: answers(
    200,
    pageOf(batchReportSchema).extend({
      totals: z.array(totalsSchema).optional().openapi({ description: "With the first page." }),
      projection: projectionSchema,
    }),
    ["unauthenticated", "partner_suspended", "insufficient_scope", "invalid_input", "try_again"],
  ),
});

export function reportRoutes() {
  const app = createRouter();

  app.openapi(batchesRoute, async (c) => {
    const { caller, services } = c.var;
    const { limit, cursor, ...filter } = c.req.valid("query");
    const { db } = services;
    const nowMs = services.now();
    const partner = caller.partner ?? filter.partner ?? null;
    // Another partner's batches are as many as an unknown partner's: none.
    const isForeign = caller.partner !== null && filter.partner !== undefined && filter.partner !== caller.partner;
    const scope = { partner, batch: filter.batch ?? null, currency: filter.currency ?? null };
    let totals: readonly Figures[] | null = null;
    const read = async (window: Window<[number]>): Promise<readonly BatchFigures[]> => {
      const report = isForeign ? { items: [], totals: [] } : await readBatchReport(db, scope, window, nowMs);
      ({ totals } = report);
      return report.items;
    };
    const [page, progress] = await Promise.all([
      listPage(c, {
        name: "report batches 1",
        query: { limit, cursor },
        filter,
        read,
        positionOf: ({ number }): [number] => [number],
        itemOf: batchReportWire,
      }),
      readProgress(db, partner),
    ]);
    if (!page.ok) return problem(c, page.error);
    const shown = totals as readonly Figures[] | null;
    return c.json(
      { ...page.value, ...(shown && { totals: shown.map(figuresWire) }), projection: projectionWire(progress) },
      200,
    );
  });

  return app;
}
