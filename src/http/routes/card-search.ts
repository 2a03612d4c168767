/** Search over touched cards, from the projection, which says how old it is. */
import { createRoute, z } from "@hono/zod-openapi";
import { invalidField } from "../../domain/errors.ts";
import { formatSerial, MAX_BATCH_NUMBER, parseSerial } from "../../domain/serial.ts";
import { countCards, listCards, type CardFilter } from "../../storage/cards.ts";
import { readProgress } from "../../storage/reports.ts";
import { createRouter } from "../context.ts";
import { listPage, listQuery, pageOf, totalSchema, type Window } from "../cursor.ts";
import { KEY_REFUSALS, keyed } from "../middleware/key.ts";
import { problem } from "../problem.ts";
import { answers, queryInstant, queryInteger } from "../schemas.ts";
import { cardStatusSchema } from "../wire/cards.ts";
import { listedCardSchema, listedCardWire } from "../wire/listed-cards.ts";
import { projectionSchema, projectionWire } from "../wire/reports.ts";

const serial = z
  .string()
  .refine((text) => parseSerial(text) !== undefined, "A serial such as 000012-0000345.")
  .transform((text) => parseSerial(text) ?? { batch: 0, card: 0 })
  .openapi({ type: "string", example: "000012-0000345" });

const listRoute = createRoute({
  method: "get",
  path: "/v1/cards",
  tags: ["Cards"],
  summary: "Search touched cards",
  description:
    "In the order of serials, by any of the filters together. From the projection, seconds behind: each item says as of when. Untouched cards are not listed; their batch says how many there are.",
  ...keyed("listCards"),
  request: {
    query: z.strictObject({
      ...listQuery,
      partner: z.string().max(64).optional(),
      batch: queryInteger(1, MAX_BATCH_NUMBER).optional(),
      status: cardStatusSchema.optional(),
      from: serial.optional().openapi({ description: "First serial." }),
      to: serial.optional().openapi({ description: "Last serial, inclusive." }),
      changedFrom: queryInstant.optional().openapi({ description: "Last activity at this time or later." }),
      changedBefore: queryInstant.optional().openapi({ description: "Last activity before this time." }),
      codeKey: z
        .string()
        .regex(/^[1-9]\d{0,8}$/, "The number of a code key.")
        .optional()
        .openapi({ description: "Cards whose codes are sealed under this key." }),
    }),
  },
  responses: answers(200, pageOf(listedCardSchema).extend({ total: totalSchema, projection: projectionSchema }), [
    ...KEY_REFUSALS,
    "invalid_input",
  ]),
});

export function cardSearchRoutes() {
  const app = createRouter();

  app.openapi(listRoute, async (c) => {
    const { limit, cursor, from, to, changedFrom, changedBefore, ...named } = c.req.valid("query");
    const { caller, services } = c.var;
    const { db } = services;
    const nowMs = services.now();
    if (from && to && (from.batch > to.batch || (from.batch === to.batch && from.card > to.card)))
      return problem(c, invalidField("/from", "from must not be after to."));
    const partner = caller.partner ?? named.partner ?? null;
    // Another partner's cards are as many as an unknown partner's: none.
    const isForeign = caller.partner !== null && named.partner !== undefined && named.partner !== caller.partner;
    const filter: CardFilter = {
      partner,
      batch: named.batch ?? null,
      status: named.status ?? null,
      codeKey: named.codeKey,
      from,
      to,
      changedFromMs: changedFrom,
      changedBeforeMs: changedBefore,
    };
    const [page, total, progress] = await Promise.all([
      listPage(c, {
        name: "cards 1",
        query: { limit, cursor },
        filter: {
          ...named,
          from: from && formatSerial(from),
          to: to && formatSerial(to),
          changedFrom,
          changedBefore,
        },
        read: async ({ after, take }: Window<[number, number]>) =>
          isForeign ? [] : listCards(db, filter, { after, take }, nowMs),
        positionOf: ({ card }): [number, number] => [card.batch, card.card],
        itemOf: (row) => listedCardWire(row, nowMs),
      }),
      cursor !== undefined || isForeign ? 0 : countCards(db, filter, nowMs),
      readProgress(db, partner),
    ]);
    if (!page.ok) return problem(c, page.error);
    return c.json({ ...page.value, ...(cursor === undefined && { total }), projection: projectionWire(progress) }, 200);
  });

  return app;
}
