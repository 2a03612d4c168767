/** API keys: the operator's own, and a partner's. Lists never show what opens anything. */
import { createRoute, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { OPERATOR } from "../../domain/audit.ts";
import { refuse } from "../../domain/errors.ts";
import { PRESETS, type Preset, SCOPES } from "../../domain/scopes.ts";
import { parseRfc3339, toRfc3339 } from "../../domain/time.ts";
import { grantKey } from "../../services/grant-key.ts";
import { type ApiKey, listApiKeys, revokeApiKey } from "../../storage/api-keys.ts";
import { partnerExists } from "../../storage/partners.ts";
import { audited } from "../audited.ts";
import { type AppEnv, createRouter } from "../context.ts";
import { listPage, listQuery, pageOf } from "../cursor.ts";
import { KEY_REFUSALS, keyed } from "../middleware/key.ts";
import { problem } from "../problem.ts";
import { answers, BODY_REFUSALS, dnsLabel, instant, jsonBody, refusals, visibleText } from "../schemas.ts";
import { isDistinct } from "../sip-schemas.ts";
import { mayActOn } from "../tenancy.ts";

const tags = ["Keys"];
const MAX_TRUNKS = 100;
const PRESET_NAMES = Object.keys(PRESETS) as [Preset, ...Preset[]];

const keyInput = z
  .strictObject({
    name: visibleText(80, 1),
    scopes: z.array(z.enum(SCOPES)).min(1).max(SCOPES.length).refine(isDistinct, "Each scope once.").optional(),
    preset: z.enum(PRESET_NAMES).optional(),
    expiresAt: instant.optional(),
    trunks: z
      .array(dnsLabel)
      .min(1)
      .max(MAX_TRUNKS)
      .refine(isDistinct, "Each trunk once.")
      .optional()
      .openapi({ description: "Required with the switch scope, and only with it." }),
  })
  .refine(({ scopes, preset }) => (scopes === undefined) !== (preset === undefined), {
    path: ["scopes"],
    message: "Either scopes or a preset.",
  })
  .openapi("KeyInput");

const keyOutput = z
  .object({
    id: z.string(),
    name: z.string(),
    scopes: z.array(z.enum(SCOPES)),
    trunks: z.array(z.string()),
    partner: z.string().nullable(),
    expiresAt: z.string().nullable(),
    createdAt: z.string(),
    lastUsedAt: z.string().nullable().openapi({ description: "Noted at most every ten minutes; null = not used yet." }),
  })
  .openapi("Key");

const newKeyOutput = keyOutput
  .extend({ key: z.string().openapi({ description: "Shown this once; only its hash is stored." }) })
  .openapi("NewKey");

const partnerParams = z.object({ partner: z.string() });

const listRoute = createRoute({
  method: "get",
  path: "/v1/keys",
  tags,
  summary: "List the operator's keys",
  ...keyed("listOperatorKeys"),
  request: { query: z.strictObject(listQuery) },
  responses: answers(200, pageOf(keyOutput), [...KEY_REFUSALS, "invalid_input"]),
});

const createRouteOfOperator = createRoute({
  method: "post",
  path: "/v1/keys",
  tags,
  summary: "Make an operator's key",
  description: "A key can grant only a subset of its own scopes.",
  ...keyed("createOperatorKey"),
  request: jsonBody(keyInput),
  responses: answers(201, newKeyOutput, [...KEY_REFUSALS, ...BODY_REFUSALS, "invalid_input"]),
});

const revokeRoute = createRoute({
  method: "delete",
  path: "/v1/keys/{id}",
  tags,
  summary: "Revoke an operator's key",
  description: "Takes effect everywhere within 60 s. Revoking again is a success.",
  ...keyed("revokeOperatorKey"),
  request: { params: z.object({ id: z.string() }) },
  responses: { 204: { description: "Revoked" }, ...refusals([...KEY_REFUSALS, "not_found"]) },
});

const listOfPartnerRoute = createRoute({
  method: "get",
  path: "/v1/partners/{partner}/keys",
  tags,
  summary: "List a partner's keys",
  ...keyed("listPartnerKeys"),
  request: { params: partnerParams, query: z.strictObject(listQuery) },
  responses: answers(200, pageOf(keyOutput), [...KEY_REFUSALS, "not_found", "invalid_input"]),
});

const createOfPartnerRoute = createRoute({
  method: "post",
  path: "/v1/partners/{partner}/keys",
  tags,
  summary: "Make a partner's key",
  description: "A key can grant only a subset of its own scopes.",
  ...keyed("createPartnerKey"),
  request: { params: partnerParams, ...jsonBody(keyInput) },
  responses: answers(201, newKeyOutput, [...KEY_REFUSALS, ...BODY_REFUSALS, "not_found", "invalid_input"]),
});

const revokeOfPartnerRoute = createRoute({
  method: "delete",
  path: "/v1/partners/{partner}/keys/{id}",
  tags,
  summary: "Revoke a partner's key",
  description: "Takes effect everywhere within 60 s. Revoking again is a success.",
  ...keyed("revokePartnerKey"),
  request: { params: partnerParams.extend({ id: z.string() }) },
  responses: { 204: { description: "Revoked" }, ...refusals([...KEY_REFUSALS, "not_found"]) },
});

export function keyRoutes() {
  const app = createRouter();

  app.openapi(listRoute, async (c) => {
    const page = await pageOfKeys(c, null, c.req.valid("query"));
    return page.ok ? c.json(page.value, 200) : problem(c, page.error);
  });
  app.openapi(createRouteOfOperator, async (c) => {
    const granted = await grant(c, null, c.req.valid("json"));
    return granted.ok ? c.json(toNewWire(granted.value), 201) : problem(c, granted.error);
  });
  app.openapi(revokeRoute, async (c) => revoke(c, null, c.req.valid("param").id));

  app.openapi(listOfPartnerRoute, async (c) => {
    const { partner } = c.req.valid("param");
    if (!(await isHere(c, partner))) return problem(c, refuse("not_found"));
    const page = await pageOfKeys(c, partner, c.req.valid("query"));
    return page.ok ? c.json(page.value, 200) : problem(c, page.error);
  });
  app.openapi(createOfPartnerRoute, async (c) => {
    const { partner } = c.req.valid("param");
    if (!(await isHere(c, partner))) return problem(c, refuse("not_found"));
    const granted = await grant(c, partner, c.req.valid("json"));
    return granted.ok ? c.json(toNewWire(granted.value), 201) : problem(c, granted.error);
  });
  app.openapi(revokeOfPartnerRoute, async (c) => {
    const { partner, id } = c.req.valid("param");
    return mayActOn(c.var.caller, partner) ? revoke(c, partner, id) : problem(c, refuse("not_found"));
  });

  return app;
}

const isHere = async (c: Context<AppEnv>, partner: string): Promise<boolean> =>
  mayActOn(c.var.caller, partner) && (await partnerExists(c.var.services.db, partner));

const pageOfKeys = (
  c: Context<AppEnv>,
  partner: string | null,
  query: { readonly limit: number; readonly cursor?: string | undefined },
) =>
  listPage(c, {
    name: "keys",
    query,
    filter: { partner },
    read: (window) => listApiKeys(c.var.services.db, partner, window),
    positionOf: (key: ApiKey) => [key.createdAtMs, key.id] as const,
    itemOf: toWire,
  });

const grant = (c: Context<AppEnv>, partner: string | null, input: z.infer<typeof keyInput>) =>
  grantKey(c.var.services, audited(c), {
    granter: c.var.caller,
    order: {
      partner,
      name: input.name,
      scopes: input.preset ? PRESETS[input.preset] : (input.scopes ?? []),
      trunks: input.trunks ?? [],
      expiresAtMs: input.expiresAt === undefined ? null : (parseRfc3339(input.expiresAt) ?? null),
    },
  });

async function revoke(c: Context<AppEnv>, partner: string | null, id: string) {
  const { services } = c.var;
  const outcome = await audited(c)(
    { owner: partner ?? OPERATOR, act: "key.revoke", object: `key:${id}`, details: {} },
    async (entry) => revokeApiKey(services.db, partner, { id, atMs: services.now() }, entry),
  );
  if (outcome === "absent") return problem(c, refuse("not_found"));
  services.keys.forget(id);
  return c.body(null, 204);
}

const toWire = ({
  expiresAtMs,
  createdAtMs,
  lastUsedAtMs,
  scopes,
  trunks,
  ...key
}: ApiKey): z.infer<typeof keyOutput> => ({
  id: key.id,
  name: key.name,
  scopes: [...scopes],
  trunks: [...trunks],
  partner: key.partner,
  expiresAt: expiresAtMs === null ? null : toRfc3339(expiresAtMs),
  createdAt: toRfc3339(createdAtMs),
  lastUsedAt: lastUsedAtMs === null ? null : toRfc3339(lastUsedAtMs),
});

const toNewWire = ({ key, ...record }: ApiKey & { readonly key: string }): z.infer<typeof newKeyOutput> => ({
  ...toWire(record),
  key,
});
