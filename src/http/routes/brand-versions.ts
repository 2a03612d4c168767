/** What the public sees of a brand: published versions, the manifest, and the way back to an older look. */
import { createRoute, z } from "@hono/zod-openapi";
import { refuse } from "../../domain/errors.ts";
import { toRfc3339 } from "../../domain/time.ts";
import {
  findDraft,
  findVersion,
  listVersions,
  publishAgain,
  publishDraft,
  type BrandVersion,
} from "../../storage/brands.ts";
import { audited } from "../audited.ts";
import { createRouter, type Caller } from "../context.ts";
import { listPage, listQuery, pageOf } from "../cursor.ts";
import { etagOf, matchesEtag } from "../etag.ts";
import { KEY_REFUSALS, keyed } from "../middleware/key.ts";
import { problem } from "../problem.ts";
import { answers, BODY_REFUSALS, jsonBody, queryInteger } from "../schemas.ts";
import { brandingSchema, brandingWire } from "../wire/branding.ts";

const tags = ["Brands"];
const MANIFEST_CACHE = "public, max-age=60";

const params = z.object({ brand: z.string() });
const versionNumber = z.number().int().min(1).max(Number.MAX_SAFE_INTEGER);
const published = z.object({ version: z.number().int() }).openapi("PublishedVersion");

const publish = createRoute({
  method: "post",
  path: "/v1/brands/{brand}/publish",
  tags,
  summary: "Publish the draft",
  description:
    "Answers the version that is out now. A draft that is published already makes no further version, so this may be repeated. Shown everywhere within a minute, as a rule.",
  ...keyed("publishBrand"),
  request: { params },
  responses: answers(200, published, [...KEY_REFUSALS, "not_found"]),
});

const rollback = createRoute({
  method: "post",
  path: "/v1/brands/{brand}/rollback",
  tags,
  summary: "Publish an older version again",
  description: "Its document becomes a new version; the draft stays as it is.",
  ...keyed("rollBackBrand"),
  request: { params, ...jsonBody(z.strictObject({ version: versionNumber }).openapi("BrandRollback")) },
  responses: answers(200, published, [...KEY_REFUSALS, ...BODY_REFUSALS, "not_found", "invalid_input"]),
});

const versions = createRoute({
  method: "get",
  path: "/v1/brands/{brand}/versions",
  tags,
  summary: "List published versions",
  description: "Newest first. `by` is the id of the key that published, or `operator`.",
  ...keyed("listBrandVersions"),
  request: { params, query: z.strictObject(listQuery) },
  responses: answers(
    200,
    pageOf(z.object({ version: z.number().int(), publishedAt: z.string(), by: z.string() }).openapi("BrandVersion")),
    [...KEY_REFUSALS, "not_found", "invalid_input"],
  ),
});

const manifest = createRoute({
  method: "get",
  path: "/v1/brands/{brand}/manifest",
  tags,
  operationId: "readBrandManifest",
  summary: "Read what is published",
  description: "For apps, without a key. `version` asks for an older one.",
  request: {
    params,
    query: z.strictObject({ version: queryInteger(1, Number.MAX_SAFE_INTEGER).optional() }),
    headers: z.object({ "if-none-match": z.string().optional() }),
  },
  responses: {
    ...answers(200, brandingSchema, ["not_found", "invalid_input", "try_again"]),
    304: { description: "Not modified" },
  },
});

export function brandVersionRoutes() {
  const app = createRouter();

  app.openapi(publish, async (c) => {
    const { caller, services } = c.var;
    const key = { brand: c.req.valid("param").brand, scope: caller.partner };
    const brand = await findDraft(services.db, key);
    const by = { by: publisherOf(caller), atMs: services.now() };
    const version =
      brand &&
      (await audited(c)(
        { owner: brand.partner, act: "brand.publish", object: `brand:${brand.id}`, details: {} },
        (entry) => publishDraft(services.db, key, by, entry),
      ));
    if (version === undefined) return problem(c, refuse("not_found"));
    await services.catalogue.refreshBrand(key.brand);
    return c.json({ version }, 200);
  });

  app.openapi(rollback, async (c) => {
    const { caller, services } = c.var;
    const key = { brand: c.req.valid("param").brand, scope: caller.partner };
    const wanted = c.req.valid("json").version;
    const publication = { version: wanted, by: publisherOf(caller), atMs: services.now() };
    const brand = await findDraft(services.db, key);
    const version =
      brand &&
      (await audited(c)(
        { owner: brand.partner, act: "brand.rollback", object: `brand:${brand.id}`, details: { to: wanted } },
        (entry) => publishAgain(services.db, key, publication, entry),
      ));
    if (version === undefined) return problem(c, refuse("not_found", "No such version of such a brand."));
    await services.catalogue.refreshBrand(key.brand);
    return c.json({ version }, 200);
  });

  app.openapi(versions, async (c) => {
    const { caller, services } = c.var;
    const { brand } = c.req.valid("param");
    if (!(await findDraft(services.db, { brand, scope: caller.partner }))) return problem(c, refuse("not_found"));
    const page = await listPage(c, {
      name: "brand versions",
      query: c.req.valid("query"),
      filter: { brand },
      read: (window: { after: readonly [number] | null; take: number }) => listVersions(services.db, brand, window),
      positionOf: ({ version }: BrandVersion) => [version] as const,
      itemOf: ({ version, publishedAtMs, publishedBy }) => ({
        version,
        publishedAt: toRfc3339(publishedAtMs),
        by: publishedBy,
      }),
    });
    return page.ok ? c.json(page.value, 200) : problem(c, page.error);
  });

  app.openapi(manifest, async (c) => {
    const { config, services } = c.var;
    const { brand: id } = c.req.valid("param");
    const { version } = c.req.valid("query");
    const brand =
      version === undefined
        ? await services.catalogue.brand(id)
        : await findVersion(services.db, { brand: id, scope: null }, version);
    if (!brand) return problem(c, refuse("not_found"));
    const wire = brandingWire(config, brand);
    const etag = await etagOf(JSON.stringify(wire));
    const headers = { "Cache-Control": MANIFEST_CACHE, ETag: etag };
    return matchesEtag(c.req.header("If-None-Match"), etag) ? c.body(null, 304, headers) : c.json(wire, 200, headers);
  });

  return app;
}

/** A partner sees which of its own keys published; the operator's keys are the operator's business. */
const publisherOf = (caller: Caller): string => (caller.partner === null ? "operator" : caller.keyId);
