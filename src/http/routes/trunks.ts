/** Trunks: the operator's SIP side. Secrets go in and never come out. */
import { createRoute, z } from "@hono/zod-openapi";
import { refuse } from "../../domain/errors.ts";
import { saveTrunk, type TrunkOrder } from "../../services/save-trunk.ts";
import { findTrunk, type GrantedTrunk, listTrunks } from "../../storage/trunks.ts";
import { audited } from "../audited.ts";
import { createRouter } from "../context.ts";
import { listPage, listQuery, pageOf } from "../cursor.ts";
import { KEY_REFUSALS, keyed } from "../middleware/key.ts";
import { problem } from "../problem.ts";
import { answers, BODY_REFUSALS, dnsLabel, jsonBody, visibleText } from "../schemas.ts";
import { hostName, iceUri, isDistinct, listOf, realm, sharedSecret, sipUri, webSocketUri } from "../sip-schemas.ts";

const tags = ["Trunks"];
const MAX_PARTNERS = 1000;

const digestShape = {
  mac: z.enum(["sha1", "sha256"]).default("sha1"),
  algorithm: z.enum(["MD5", "SHA-256"]).default("MD5"),
};

const routeGroup = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, "1 to 64 of A-Z a-z 0-9 . _ -.");
const techPrefix = z.string().regex(/^[A-Za-z0-9*#+]{1,16}$/, "1 to 16 of A-Z a-z 0-9 * # +.");

const commonShape = {
  name: visibleText(80, 1),
  domain: hostName.openapi({ description: "Belongs to exactly one trunk." }),
  proxies: listOf(sipUri).default([]),
  webSockets: listOf(webSocketUri).default([]),
  routeGroup: routeGroup.optional(),
  techPrefix: techPrefix.optional(),
};

const trunkInput = z
  .strictObject({
    ...commonShape,
    partners: z
      .array(dnsLabel)
      .max(MAX_PARTNERS)
      .refine(isDistinct, "Each partner once.")
      .default([])
      .openapi({ description: "Who may use it in profiles." }),
    realm: realm.optional().openapi({ description: "Default: the domain." }),
    digest: z
      .strictObject({ ...digestShape, secret: sharedSecret.optional() })
      .default({ mac: "sha1", algorithm: "MD5" }),
    ice: z.strictObject({ urls: listOf(iceUri, 1), secret: sharedSecret.optional() }).optional(),
  })
  .openapi("TrunkInput");

const trunkOutput = z
  .object({
    id: z.string(),
    ...commonShape,
    partners: z.array(z.string()),
    realm: z.string(),
    digest: z.object(digestShape),
    ice: z.object({ urls: z.array(z.string()) }).optional(),
  })
  .openapi("Trunk");

const list = createRoute({
  method: "get",
  path: "/v1/trunks",
  tags,
  summary: "List trunks",
  ...keyed("listTrunks"),
  request: { query: z.strictObject(listQuery) },
  responses: answers(200, pageOf(trunkOutput), [...KEY_REFUSALS, "invalid_input"]),
});

const get = createRoute({
  method: "get",
  path: "/v1/trunks/{trunk}",
  tags,
  summary: "Read a trunk",
  ...keyed("readTrunk"),
  request: { params: z.object({ trunk: z.string() }) },
  responses: answers(200, trunkOutput, [...KEY_REFUSALS, "not_found"]),
});

const put = createRoute({
  method: "put",
  path: "/v1/trunks/{trunk}",
  tags,
  summary: "Create or replace a trunk",
  description: "Replaces everything but secrets that are left out. 201 when the trunk is new.",
  ...keyed("putTrunk"),
  request: { params: z.object({ trunk: dnsLabel }), ...jsonBody(trunkInput) },
  responses: {
    ...answers(201, trunkOutput),
    ...answers(200, trunkOutput, [...KEY_REFUSALS, ...BODY_REFUSALS, "id_taken", "invalid_input"]),
  },
});

export function trunkRoutes() {
  const app = createRouter();

  app.openapi(list, async (c) => {
    const page = await listPage(c, {
      name: "trunks",
      query: c.req.valid("query"),
      read: (window) => listTrunks(c.var.services.db, window),
      positionOf: (trunk: GrantedTrunk) => [trunk.id] as const,
      itemOf: toWire,
    });
    return page.ok ? c.json(page.value, 200) : problem(c, page.error);
  });

  app.openapi(get, async (c) => {
    const trunk = await findTrunk(c.var.services.db, c.req.valid("param").trunk);
    return trunk ? c.json(toWire(trunk), 200) : problem(c, refuse("not_found"));
  });

  app.openapi(put, async (c) => {
    const saved = await saveTrunk(
      c.var.services,
      audited(c),
      fromWire(c.req.valid("param").trunk, c.req.valid("json")),
    );
    if (!saved.ok) return problem(c, saved.error);
    const { outcome, trunk } = saved.value;
    return outcome === "created" ? c.json(toWire(trunk), 201) : c.json(toWire(trunk), 200);
  });

  return app;
}

const fromWire = (id: string, input: z.infer<typeof trunkInput>): TrunkOrder => ({
  id,
  name: input.name,
  partners: input.partners,
  domain: input.domain,
  realm: input.realm ?? input.domain,
  proxies: input.proxies,
  webSockets: input.webSockets,
  routeGroup: input.routeGroup ?? null,
  techPrefix: input.techPrefix ?? null,
  digest: { ...input.digest, secret: input.digest.secret ?? null },
  ice: input.ice ? { urls: input.ice.urls, secret: input.ice.secret ?? null } : null,
});

/** Field by field: what is not named here cannot leak. */
const toWire = (trunk: GrantedTrunk): z.infer<typeof trunkOutput> => ({
  id: trunk.id,
  name: trunk.name,
  partners: [...trunk.partners],
  domain: trunk.domain,
  realm: trunk.realm,
  proxies: [...trunk.proxies],
  webSockets: [...trunk.webSockets],
  ...(trunk.routeGroup !== null && { routeGroup: trunk.routeGroup }),
  ...(trunk.techPrefix !== null && { techPrefix: trunk.techPrefix }),
  digest: { mac: trunk.digest.mac, algorithm: trunk.digest.algorithm },
  ...(trunk.ice && { ice: { urls: [...trunk.ice.urls] } }),
});
