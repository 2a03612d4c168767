/** A brand's portal: which site is shown to its cards under the portal's domain. In force as it is written. */
import { createRoute, z } from "@hono/zod-openapi";
import type { Config } from "../../config.ts";
import type { Act } from "../../domain/audit.ts";
import {
  CSP_KINDS,
  DEFAULT_METHODS,
  isCspSource,
  isHostName,
  isLoopbackHost,
  isPathPrefix,
  isUpstreamOrigin,
  MAX_EXIT_HOSTS,
  MAX_HOSTS,
  MAX_PATHS,
  MAX_SOURCES,
  NO_SOURCES,
  PORTAL_METHODS,
  type BrandPortal,
} from "../../domain/portal.ts";
import { refuse, type FieldError } from "../../domain/errors.ts";
import { isOurs, isOwnHost, portalUrl } from "../../portal/hosts.ts";
import { findDraft, type BrandDraft } from "../../storage/brands.ts";
import { findPortal, putPortal } from "../../storage/portals.ts";
import type { Services } from "../../services/services.ts";
import { audited } from "../audited.ts";
import { createRouter } from "../context.ts";
import { KEY_REFUSALS, keyed } from "../middleware/key.ts";
import { problem } from "../problem.ts";
import { answers, BODY_REFUSALS, jsonBody, refusals } from "../schemas.ts";
import { brandKeyOf } from "./brands.ts";

const tags = ["Brands"];
const text = z.string().max(300);
const listOf = (most: number) => z.array(text).max(most).refine(isDistinct, "Each entry once.");
function isDistinct(items: readonly unknown[]): boolean {
  return new Set(items).size === items.length;
}
const sources = listOf(MAX_SOURCES).default([]);

const portalInput = z
  .strictObject({
    origin: text.openapi({
      description: "The upstream: `https://` and a public host name.",
      example: "https://shop.acme.example",
    }),
    hosts: listOf(MAX_HOSTS).default([]).openapi({
      description: "The brand's own host names, which the operator routes here. The first is where links lead.",
    }),
    paths: listOf(MAX_PATHS)
      .min(1)
      .default(["/"])
      .openapi({ description: "`/shop` is that path and what is below it." }),
    methods: z
      .array(z.enum(PORTAL_METHODS))
      .min(1)
      .max(PORTAL_METHODS.length)
      .refine(isDistinct, "Each entry once.")
      .default([...DEFAULT_METHODS]),
    exitHosts: listOf(MAX_EXIT_HOSTS).default([]).openapi({
      description: "Exact hosts a redirect may leave to, over https: payment providers, 3-D Secure.",
    }),
    csp: z.strictObject({ script: sources, frame: sources, connect: sources, form: sources }).default(() => ({
      script: [],
      frame: [],
      connect: [],
      form: [],
    })),
    signOn: z.enum(["jwt", "none"]).default("jwt"),
    webSockets: z.boolean().default(false),
  })
  .openapi("PortalInput");

const portalOutput = z
  .object({ ...portalInput.shape, url: z.string().openapi({ description: "Where the portal is." }) })
  .openapi("Portal");

const params = z.object({ brand: z.string() });
const path = "/v1/brands/{brand}/portal";

const get = createRoute({
  method: "get",
  path,
  tags,
  summary: "Read a brand's portal",
  description: "404 `not_found` while it has none: its cards then use the built-in page.",
  ...keyed("readPortal"),
  request: { params },
  responses: answers(200, portalOutput, [...KEY_REFUSALS, "not_found"]),
});

const put = createRoute({
  method: "put",
  path,
  tags,
  summary: "Set a brand's portal",
  description:
    "Replaces all of it, in force within a minute. It is not a part of the look: publishing and rolling back leave it. Cards reach it once the brand has been published. A host that another brand has is 409 `id_taken`.",
  ...keyed("putPortal"),
  request: { params, ...jsonBody(portalInput) },
  responses: answers(200, portalOutput, [...KEY_REFUSALS, ...BODY_REFUSALS, "invalid_input", "id_taken", "not_found"]),
});

const remove = createRoute({
  method: "delete",
  path,
  tags,
  summary: "Remove a brand's portal",
  description: "Its cards use the built-in page from then on. Removing what is not there is a success too.",
  ...keyed("deletePortal"),
  request: { params },
  responses: { 204: { description: "Removed" }, ...refusals([...KEY_REFUSALS, "not_found"]) },
});

export function brandPortalRoutes() {
  const app = createRouter();

  app.openapi(get, async (c) => {
    const key = brandKeyOf(c.var.caller, c.req.valid("param").brand);
    const portal = await findPortal(c.var.services.db, key);
    return portal ? c.json(portalWire(c.var.config, key.brand, portal), 200) : problem(c, refuse("not_found"));
  });

  app.openapi(put, async (c) => {
    const { caller, config, services } = c.var;
    const key = brandKeyOf(caller, c.req.valid("param").brand);
    const portal: BrandPortal = c.req.valid("json");
    const errors = faultsOf(config, portal);
    if (errors.length > 0) return problem(c, { code: "invalid_input", errors });
    const found = await findDraft(services.db, key);
    if (!found) return problem(c, refuse("not_found"));
    const { result, hosts } = await audited(c)(portalAct(found, portal), (entry) =>
      putPortal(services.db, key, portal, entry),
    );
    if (result === "absent") return problem(c, refuse("not_found"));
    if (result === "host_taken") return problem(c, refuse("id_taken", "One of the hosts belongs to another brand."));
    await renewCopies(services, key.brand, hosts);
    return c.json(portalWire(config, key.brand, portal), 200);
  });

  app.openapi(remove, async (c) => {
    const { caller, services } = c.var;
    const key = brandKeyOf(caller, c.req.valid("param").brand);
    const found = await findDraft(services.db, key);
    if (!found) return problem(c, refuse("not_found"));
    const { hosts } = await audited(c)(portalAct(found, { portal: null }), (entry) =>
      putPortal(services.db, key, null, entry),
    );
    await renewCopies(services, key.brand, hosts);
    return c.body(null, 204);
  });

  return app;
}

const portalAct = ({ id, partner }: BrandDraft, details: Act["details"]): Act => ({
  owner: partner,
  act: "brand.portal",
  object: `brand:${id}`,
  details,
});

async function renewCopies({ catalogue }: Services, brand: string, hosts: readonly string[]): Promise<void> {
  await Promise.all([catalogue.refreshBrand(brand), ...hosts.map((host) => catalogue.refreshHost(host))]);
}

const portalWire = (config: Config, brand: string, portal: BrandPortal): z.infer<typeof portalOutput> => ({
  origin: portal.origin,
  hosts: [...portal.hosts],
  paths: [...portal.paths],
  methods: [...portal.methods],
  exitHosts: [...portal.exitHosts],
  csp: Object.fromEntries(CSP_KINDS.map((kind) => [kind, [...portal.csp[kind]]])) as z.infer<
    typeof portalOutput
  >["csp"],
  signOn: portal.signOn,
  webSockets: portal.webSockets,
  url: portalUrl(config, { brand, portal }),
});

/** What of the settings may not be, each under its own pointer. */
function faultsOf(config: Config, portal: BrandPortal): FieldError[] {
  const { insecureUpstreams } = config;
  const faults: FieldError[] = [];
  const check = (pointer: string, isRight: boolean, detail: string) => {
    if (!isRight) faults.push({ pointer, detail });
  };
  const each = (field: string, items: readonly string[], isRight: (item: string) => boolean, detail: string) =>
    items.forEach((item, index) => check(`/${field}/${index}`, isRight(item), detail));
  check(
    "/origin",
    isUpstreamOrigin(portal.origin, insecureUpstreams),
    "https:// and a public host name, nothing more.",
  );
  if (faults.length === 0) check("/origin", !isOurs(config, portal.origin), "This is a host of this service.");
  each("hosts", portal.hosts, (host) => isOwnHost(config, host), "A public host name of the brand's own.");
  each("paths", portal.paths, isPathPrefix, "A plain path such as /shop, without //, ; or encoded slashes.");
  const isExitHost = (host: string) => isHostName(host) || (insecureUpstreams && isLoopbackHost(host));
  each("exitHosts", portal.exitHosts, isExitHost, "A public host name.");
  for (const kind of CSP_KINDS) {
    const isRight = (source: string) => isCspSource(source, kind, insecureUpstreams);
    each(`csp/${kind}`, (portal.csp ?? NO_SOURCES)[kind], isRight, "https://host or https://*.host.");
  }
  return faults;
}
