/** Code keys, for operators: what was issued under each, and recalling what nobody has touched when one may be known. */
import { createRoute, z } from "@hono/zod-openapi";
import { compromiseCodeKey } from "../../services/compromise-code-key.ts";
import { readCodeKeyUse } from "../../storage/code-keys.ts";
import { audited } from "../audited.ts";
import { createRouter } from "../context.ts";
import { KEY_REFUSALS, keyed } from "../middleware/key.ts";
import { problem } from "../problem.ts";
import { answers, BODY_REFUSALS, jsonBody, visibleText } from "../schemas.ts";

const tags = ["Code keys"];
const MAX_REASON_LENGTH = 200;

const codeKey = z
  .object({
    key: z.string().openapi({ description: "The number of its secret, `CODE_KEY_<n>`.", example: "1" }),
    live: z.boolean().openapi({ description: "The deployment has it: its codes open." }),
    issuing: z.boolean().openapi({ description: "New batches are issued under it." }),
    batches: z.number().int(),
    cards: z.number().int(),
    openBatches: z.number().int().openapi({ description: "Batches whose untouched cards are not recalled." }),
  })
  .openapi("CodeKey");

const list = createRoute({
  method: "get",
  path: "/v1/code-keys",
  tags,
  summary: "List code keys",
  description:
    "Every key that is live or that a batch was issued under, newest first. The keys themselves are never shown.",
  ...keyed("listCodeKeys"),
  responses: answers(200, z.object({ items: z.array(codeKey) }).openapi("CodeKeyList"), KEY_REFUSALS),
});

const compromise = createRoute({
  method: "post",
  path: "/v1/code-keys/{key}/compromise",
  tags,
  summary: "Recall the untouched cards of a code key",
  description:
    "Final. Untouched cards of every batch issued under the key refuse their first redemption with `card_recalled`; cards in use go on, and `GET /v1/cards?codeKey=` lists them. A call recalls up to 50 batches: call again until `done`. Again after that changes nothing, except for batches issued under it meanwhile: rotate the key first.",
  ...keyed("compromiseCodeKey"),
  request: {
    params: z.object({ key: z.string().openapi({ example: "1" }) }),
    ...jsonBody(z.strictObject({ reason: visibleText(MAX_REASON_LENGTH, 1) }).openapi("CodeKeyCompromise")),
  },
  responses: answers(
    200,
    z
      .object({
        key: z.string(),
        batches: z.number().int().openapi({ description: "Batches recalled by this call." }),
        done: z.boolean(),
      })
      .openapi("CodeKeyCompromised"),
    [...KEY_REFUSALS, ...BODY_REFUSALS, "not_found", "invalid_input"],
  ),
});

export function codeKeyRoutes() {
  const app = createRouter();

  app.openapi(list, async (c) => {
    const { config, services } = c.var;
    const live = config.codeKeys.map(({ id }) => id);
    const uses = new Map((await readCodeKeyUse(services.db)).map((use) => [use.id, use]));
    const items = [...new Set([...live, ...uses.keys()])]
      .toSorted((a, b) => Number(b) - Number(a))
      .map((key) => {
        const { batches, cards, openBatches } = uses.get(key) ?? { batches: 0, cards: 0, openBatches: 0 };
        return { key, live: live.includes(key), issuing: key === live[0], batches, cards, openBatches };
      });
    return c.json({ items }, 200);
  });

  app.openapi(compromise, async (c) => {
    const { config, services } = c.var;
    const { key } = c.req.valid("param");
    const compromised = await compromiseCodeKey(
      {
        db: services.db,
        liveKeys: config.codeKeys.map(({ id }) => id),
        refreshTerms: (batch) => services.catalogue.refreshTerms(batch),
        startSweep: (batch) => services.later(services.jobs.sweep(batch)),
        now: services.now,
      },
      audited(c),
      { key, reason: c.req.valid("json").reason },
    );
    return compromised.ok ? c.json({ key, ...compromised.value }, 200) : problem(c, compromised.error);
  });

  return app;
}
