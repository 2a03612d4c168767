/** Reconciliation on demand: whether touched cards' postings, balances, holds and projection agree. */
import { createRoute, z } from "@hono/zod-openapi";
import { MAX_BATCH_NUMBER } from "../../domain/serial.ts";
import { reconcileCards } from "../../services/reconcile.ts";
import { listCards, type ProjectedCard } from "../../storage/cards.ts";
import { createRouter } from "../context.ts";
import { listPage, listQuery, type Window } from "../cursor.ts";
import { keyed } from "../middleware/key.ts";
import { problem } from "../problem.ts";
import { answers, jsonBody } from "../schemas.ts";

const reconcileBody = z
  .strictObject({
    batch: z.number().int().min(1).max(MAX_BATCH_NUMBER).optional(),
    limit: z.number().int().min(1).max(200).default(100).openapi({ description: "Cards to check now." }),
    cursor: listQuery.cursor,
  })
  .openapi("ReconciliationInput");

const reconcileRoute = createRoute({
  method: "post",
  path: "/v1/reports/reconciliations",
  tags: ["Reports"],
  summary: "Prove that touched cards' postings give their balances",
  description:
    "Replays each card's postings from the first inside the card and compares with its balance, its holds and the projection. Changes nothing and may be repeated; go on with `nextCursor` until it is null. The same walk runs by schedule, in slices, and logs an `alert` for every mismatch. Amounts in `what` are micros (10^-6 of the unit).",
  ...keyed("reconcileCards"),
  request: jsonBody(reconcileBody),
  responses: answers(
    200,
    z
      .object({
        checked: z.number().int(),
        mismatches: z.array(z.object({ serial: z.string(), what: z.string() })),
        unreachable: z.array(z.string()).openapi({ description: "Serials of cards that did not answer: not proven." }),
        nextCursor: z.string().nullable(),
      })
      .openapi("Reconciliation"),
    ["unauthenticated", "insufficient_scope", "invalid_input", "bad_request", "try_again"],
  ),
});

export function reconciliationRoutes() {
  const app = createRouter();

  app.openapi(reconcileRoute, async (c) => {
    const { batch, ...query } = c.req.valid("json");
    const { db, now, catalogue, cards } = c.var.services;
    const filter = { partner: null, batch: batch ?? null, status: null };
    const page = await listPage(c, {
      name: "reconciliation 1",
      query,
      filter,
      read: async ({ after, take }: Window<[number, number]>) => listCards(db, filter, { after, take }, now()),
      positionOf: ({ card }): [number, number] => [card.batch, card.card],
      itemOf: (row: ProjectedCard) => row,
    });
    if (!page.ok) return problem(c, page.error);
    const { items, nextCursor } = page.value;
    const { checked, mismatches, unreachable } = await reconcileCards(
      { catalogue, callCard: (call, use) => cards.call(call, use) },
      items,
    );
    return c.json({ checked, mismatches: [...mismatches], unreachable: [...unreachable], nextCursor }, 200);
  });

  return app;
}
