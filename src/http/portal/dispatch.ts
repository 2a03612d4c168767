/** Host comes first: the API's own hosts, a brand's portal, or nothing. No page of one is ever shown on another. */
import { createMiddleware } from "hono/factory";
import type { Context } from "hono";
import { PROBLEMS } from "../../domain/errors.ts";
import { isUnder, OWN_PREFIX } from "../../domain/portal.ts";
import type { Brand } from "../../domain/branding.ts";
import { readCookies } from "../../portal/cookies.ts";
import { portalNameOf, portalOrigin } from "../../portal/hosts.ts";
import { Unavailable } from "../../storage/unavailable.ts";
import type { AppEnv } from "../context.ts";
import { describe } from "../middleware/errors.ts";
import { problem } from "../problem.ts";
import { buildFile, ownRoute } from "./own-routes.ts";
import { portalPage, refusalPage } from "./pages.tsx";
import { proxy } from "./proxy.ts";

export const dispatchOnHost = createMiddleware<AppEnv>(async (c, next) => {
  const host = (c.req.header("Host") ?? new URL(c.req.url).host).toLowerCase();
  const { config } = c.var;
  if (config.hosts.has(host)) return next();
  if (config.portalDomain === null) return problem(c, { code: "not_found", detail: "Nothing is served on this host." });
  return portalOn(c, host);
});

async function portalOn(c: Context<AppEnv>, host: string): Promise<Response> {
  let brand: Brand | null = null;
  try {
    const { pathname } = new URL(c.req.raw.url);
    const file = await buildFile({ c }, pathname);
    if (file) return file;
    brand = await brandAt(c, host);
    if (!brand?.portal) return await portalPage(null, "unknown_host");
    const ownOrigin = portalOrigin(c.var.config, new URL(`http://${host}`).hostname);
    const cookies = readCookies(c.req.header("Cookie") ?? null);
    const visit = { c, brand, portal: brand.portal, ownOrigin, cookies };
    return await (isUnder(pathname, OWN_PREFIX) ? ownRoute(visit, pathname) : proxy(visit));
  } catch (error) {
    // People see this, on a host that is not the API's: a page, never a problem document.
    console.error(JSON.stringify({ event: "request_failed", requestId: c.var.requestId, error: describe(error) }));
    const code = error instanceof Unavailable ? "try_again" : "internal_error";
    const page = brand ? await refusalPage(brand, { code }) : await portalPage(null, "upstream_failed");
    page.headers.set("Retry-After", "2");
    return new Response(page.body, { status: PROBLEMS[code].status, headers: page.headers });
  }
}

async function brandAt(c: Context<AppEnv>, host: string): Promise<Brand | null> {
  const { catalogue } = c.var.services;
  const name = portalNameOf(c.var.config, host);
  if (!name) return null;
  if ("brand" in name) return catalogue.brand(name.brand);
  const id = await catalogue.brandOfHost(name.host);
  const brand = id === null ? null : await catalogue.brand(id);
  // The brand's own list decides; the index of names may be a little older.
  return brand?.portal?.hosts.includes(name.host) ? brand : null;
}
