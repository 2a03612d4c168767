/** One act for many cards: ordered once per id, done in the background, with a result per card. */
import { createRoute, z } from "@hono/zod-openapi";
import { MAX_LISTED_SERIALS, MAX_RANGE_CARDS, type Targets } from "../../domain/bulk-action.ts";
import { invalidField, refuse, type Refusal } from "../../domain/errors.ts";
import { err, ok, type Result } from "../../domain/result.ts";
import { parseSerial } from "../../domain/serial.ts";
import { orderCardAction } from "../../services/card-actions.ts";
import { findCardAction, listCardActions, listResults } from "../../storage/card-actions.ts";
import type { Catalogue } from "../../services/catalogue.ts";
import { audited } from "../audited.ts";
import { createRouter, ownerOf, type Caller } from "../context.ts";
import { listPage, listQuery, pageOf } from "../cursor.ts";
import { KEY_REFUSALS, keyed } from "../middleware/key.ts";
import { problem } from "../problem.ts";
import { answers, BODY_REFUSALS, callerId, jsonBody } from "../schemas.ts";
import { actFields, readAction } from "../wire/acts.ts";
import { bulkActionSchema, bulkActionWire, bulkResultSchema, bulkResultWire } from "../wire/card-actions.ts";

const tags = ["Cards"];
const serial = z.string().max(64).openapi({ example: "000012-0000345" });

const order = createRoute({
  method: "post",
  path: "/v1/cards/actions",
  tags,
  summary: "Act on many cards",
  description: `Up to ${MAX_LISTED_SERIALS} serials, or all cards between two of one batch, inclusive, up to ${MAX_RANGE_CARDS}. Done in the background, each card once under this \`id\`, whatever is repeated; the same order again answers how far it is. With \`dryRun\` nothing is changed, and the results say what would happen. \`activate\` is also allowed to keys with cards:activate.`,
  ...keyed("orderCardAction"),
  request: {
    ...jsonBody(
      z
        .strictObject({
          id: callerId,
          ...actFields,
          serials: z.array(serial).min(1).max(MAX_LISTED_SERIALS).optional(),
          from: serial.optional(),
          to: serial.optional(),
          dryRun: z.boolean().default(false),
        })
        .openapi("CardActionOrder"),
    ),
  },
  responses: answers(202, bulkActionSchema, [...KEY_REFUSALS, ...BODY_REFUSALS, "invalid_input", "id_reused"]),
});

const params = z.object({ id: z.string().openapi({ example: "easter-sale" }) });

const list = createRoute({
  method: "get",
  path: "/v1/cards/actions",
  tags,
  summary: "List acts on many cards",
  description: "Newest first.",
  ...keyed("listCardActions"),
  request: { query: z.strictObject(listQuery) },
  responses: answers(200, pageOf(bulkActionSchema), [...KEY_REFUSALS, "invalid_input"]),
});

const get = createRoute({
  method: "get",
  path: "/v1/cards/actions/{id}",
  tags,
  summary: "How far an act on many cards is",
  ...keyed("readCardAction"),
  request: { params },
  responses: answers(200, bulkActionSchema, [...KEY_REFUSALS, "not_found"]),
});

const results = createRoute({
  method: "get",
  path: "/v1/cards/actions/{id}/results",
  tags,
  summary: "What became of each card",
  description: "In the order of the cards, as far as the action has come.",
  ...keyed("listCardActionResults"),
  request: { params, query: z.strictObject({ ...listQuery, outcome: z.enum(["done", "failed"]).optional() }) },
  responses: answers(200, pageOf(bulkResultSchema), [...KEY_REFUSALS, "not_found", "invalid_input"]),
});

export function cardActionRoutes() {
  const app = createRouter();

  app.openapi(order, async (c) => {
    const { caller, services } = c.var;
    const { id, reason, dryRun, ...body } = c.req.valid("json");
    const action = readAction(body, caller, "many");
    if (!action.ok) return problem(c, action.error);
    const targets = await readTargets(body, caller, services.catalogue);
    if (!targets.ok) return problem(c, targets.error);
    const ordered = await orderCardAction(
      services,
      audited(c),
      { id, reason, dryRun, action: action.value, targets: targets.value },
      { owner: ownerOf(caller), partner: caller.partner, actor: caller.keyId },
    );
    if (!ordered.ok) return problem(c, ordered.error);
    if (ordered.value.isReplay) c.header("Idempotency-Replayed", "true");
    return c.json(bulkActionWire(ordered.value.action), 202);
  });

  app.openapi(list, async (c) => {
    const owner = ownerOf(c.var.caller);
    const page = await listPage(c, {
      name: "card actions 1",
      query: c.req.valid("query"),
      read: async (window: { after: readonly [number] | null; take: number }) =>
        listCardActions(c.var.services.db, owner, window),
      positionOf: ({ number }) => [number] as const,
      itemOf: bulkActionWire,
    });
    return page.ok ? c.json(page.value, 200) : problem(c, page.error);
  });

  app.openapi(get, async (c) => {
    const { caller, services } = c.var;
    const found = await findCardAction(services.db, { owner: ownerOf(caller), id: c.req.valid("param").id });
    return found ? c.json(bulkActionWire(found), 200) : problem(c, refuse("not_found"));
  });

  app.openapi(results, async (c) => {
    const { caller, services } = c.var;
    const { outcome, ...query } = c.req.valid("query");
    const found = await findCardAction(services.db, { owner: ownerOf(caller), id: c.req.valid("param").id });
    if (!found) return problem(c, refuse("not_found"));
    const page = await listPage(c, {
      name: "card action results 1",
      query,
      filter: { action: found.number, outcome },
      read: async (window: { after: readonly [number] | null; take: number }) =>
        listResults(services.db, { action: found.number, outcome }, window),
      positionOf: ({ position }) => [position] as const,
      itemOf: bulkResultWire,
    });
    return page.ok ? c.json(page.value, 200) : problem(c, page.error);
  });

  return app;
}

type Named = {
  readonly serials?: readonly string[] | undefined;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
};

/** A list, or a range of one batch; a listed card that is not the caller's shows in its own result, as absent. */
async function readTargets(
  { serials, from, to }: Named,
  caller: Caller,
  catalogue: Catalogue,
): Promise<Result<Targets, Refusal>> {
  const isRange = from !== undefined && to !== undefined;
  if ((serials !== undefined) === isRange || (from === undefined) !== (to === undefined))
    return err(invalidField("/serials", "Either serials, or from and to together."));
  if (serials !== undefined) return readList(serials);
  const [first, last] = [parseSerial(from ?? ""), parseSerial(to ?? "")];
  if (!first) return err(invalidField("/from", "A serial such as 000012-0000345."));
  if (!last) return err(invalidField("/to", "A serial such as 000012-0000345."));
  if (first.batch !== last.batch) return err(invalidField("/to", "Both serials are of one batch."));
  if (first.card > last.card) return err(invalidField("/from", "from must not be after to."));
  const terms = await catalogue.terms(first.batch);
  const isOwn = terms !== null && (caller.partner === null || caller.partner === terms.batch.partner);
  if (!isOwn) return err(invalidField("/from", "There is no such card."));
  if (last.card > terms.batch.quantity) return err(invalidField("/to", `The batch has ${terms.batch.quantity} cards.`));
  return last.card - first.card < MAX_RANGE_CARDS
    ? ok({ batch: first.batch, from: first.card, to: last.card })
    : err(invalidField("/to", `At most ${MAX_RANGE_CARDS} cards at a time; order the next ones under another id.`));
}

function readList(serials: readonly string[]): Result<Targets, Refusal> {
  const seen = new Set<string>();
  for (const [index, text] of serials.entries()) {
    if (!parseSerial(text)) return err(invalidField(`/serials/${index}`, "A serial such as 000012-0000345."));
    if (seen.has(text)) return err(invalidField(`/serials/${index}`, "This card is listed twice."));
    seen.add(text);
  }
  return ok({ serials });
}
