/** One card for operators and partners: live, its ledger, and what can be done to it. */
import { createRoute, z } from "@hono/zod-openapi";
import { doerOf } from "../audited.ts";
import { createRouter } from "../context.ts";
import { listPage, listQuery, pageOf, type Window } from "../cursor.ts";
import { findCard, serialParam } from "../find-card.ts";
import { KEY_REFUSALS, keyed } from "../middleware/key.ts";
import { problem } from "../problem.ts";
import { answers, jsonBody } from "../schemas.ts";
import { actFields, readAction } from "../wire/acts.ts";
import { cardSchema, cardWire, postingSchema, postingWire, serialOf } from "../wire/cards.ts";

const CARD_REFUSALS = [...KEY_REFUSALS, "not_found", "card_halted"] as const;

const getRoute = createRoute({
  method: "get",
  path: "/v1/cards/{serial}",
  tags: ["Cards"],
  summary: "One card, live",
  description: "An untouched card is answered from its batch's terms; asking creates nothing.",
  ...keyed("getCard"),
  request: { params: serialParam },
  responses: answers(200, cardSchema, CARD_REFUSALS),
});

const postingsRoute = createRoute({
  method: "get",
  path: "/v1/cards/{serial}/postings",
  tags: ["Cards"],
  summary: "A card's ledger, newest first",
  ...keyed("listPostings"),
  request: { params: serialParam, query: z.strictObject(listQuery) },
  responses: answers(200, pageOf(postingSchema), [...CARD_REFUSALS, "invalid_input"]),
});

const actBody = z.strictObject(actFields).openapi("CardAction");

const actRoute = createRoute({
  method: "patch",
  path: "/v1/cards/{serial}",
  tags: ["Cards"],
  summary: "Act on one card",
  description:
    "Counts from the card's next command. `activate` is also allowed to keys with cards:activate; `deactivate` within 15 minutes while untouched.",
  ...keyed("actOnCard"),
  request: { params: serialParam, ...jsonBody(actBody) },
  responses: answers(200, cardSchema, [...CARD_REFUSALS, "card_recalled", "card_closed", "invalid_input"]),
});

export function cardRoutes() {
  const app = createRouter();

  app.openapi(getRoute, async (c) => {
    const found = await findCard(c, c.req.valid("param").serial);
    if (!found.ok) return problem(c, found.error);
    const { call } = found.value;
    const view = await c.var.services.cards.call(call, (card) => card.inspect(call));
    return view.ok ? c.json(cardWire(call, view.value), 200) : problem(c, view.error);
  });

  app.openapi(postingsRoute, async (c) => {
    const found = await findCard(c, c.req.valid("param").serial);
    if (!found.ok) return problem(c, found.error);
    const { call } = found.value;
    const { cards } = c.var.services;
    const page = await listPage(c, {
      name: "postings 1",
      query: c.req.valid("query"),
      filter: { serial: serialOf(call) },
      read: async ({ after, take }: Window<[number]>) =>
        cards.call(call, (card) => card.postings(call, { before: after?.[0] ?? null, limit: take })),
      positionOf: ({ seq }): [number] => [seq],
      itemOf: (posting) => postingWire(posting, call.terms, c.var.caller.partner !== null),
    });
    return page.ok ? c.json(page.value, 200) : problem(c, page.error);
  });

  app.openapi(actRoute, async (c) => {
    const body = c.req.valid("json");
    const action = readAction(body, c.var.caller);
    if (!action.ok) return problem(c, action.error);
    const found = await findCard(c, c.req.valid("param").serial);
    if (!found.ok) return problem(c, found.error);
    const { call } = found.value;
    const journal = { reason: body.reason, ...doerOf(c) };
    const view = await c.var.services.cards.call(call, (card) => card.act(call, action.value, journal));
    return view.ok ? c.json(cardWire(call, view.value), 200) : problem(c, view.error);
  });

  return app;
}
