/**
 * Pages for people: the holder's, the API reference, and one per problem. Not part of the API's document.
 * Only the paths named here reach the asset server; everything else stays the API's own 404.
 */
import type { Context } from "hono";
import { codeOfSlug } from "../../domain/errors.ts";
import { type AppEnv, createRouter } from "../context.ts";
import { requireAccess } from "../middleware/access.ts";
import { type PageKind, pageHeaders } from "../pages/headers.ts";
import { problemIndexPage, problemPage } from "../pages/problem-page.tsx";
import { problem } from "../problem.ts";

/** Path → what kind of page it is; the asset server finds `/r` in `r.html`. */
const STATIC_PAGES: Readonly<Record<string, PageKind>> = {
  "/": "page",
  "/r": "page",
  "/docs": "reference",
  "/docs/sip": "page",
};
/** Behind Cloudflare Access where it is used, whoever serves them. */
const OPERATOR_PAGES = ["/console", "/console/*"];
/** Configurations of SIP servers: shown, never run or saved as something else. */
const SNIPPETS = "/docs/sip/*";
const STATIC_FILES = ["/build/*", "/favicon.svg", "/robots.txt"];

export function pageRoutes() {
  const app = createRouter();
  for (const path of OPERATOR_PAGES) app.use(path, requireAccess);
  for (const [path, kind] of Object.entries(STATIC_PAGES)) app.get(path, (c) => fromAssets(c, kind));
  for (const path of STATIC_FILES) app.get(path, (c) => fromAssets(c, "page"));
  app.get(SNIPPETS, async (c) => {
    const answer = await fromAssets(c, "page");
    if (answer.status === 200) answer.headers.set("Content-Type", "text/plain; charset=utf-8");
    return answer;
  });

  app.get("/problems", (c) => c.html(problemIndexPage(), 200, pageHeaders()));
  app.get("/problems/:slug", (c) => {
    const code = codeOfSlug(c.req.param("slug"));
    return code ? c.html(problemPage(code), 200, pageHeaders()) : problem(c, { code: "not_found" });
  });
  return app;
}

/**
 * The file of this very path. The query and the caller's other headers stay out of it,
 * and a redirect of the asset server (it would strip `.html`) is no address of ours.
 */
async function fromAssets(c: Context<AppEnv>, kind: PageKind): Promise<Response> {
  const ifNoneMatch = c.req.header("If-None-Match");
  const asset = await c.env.ASSETS.fetch(new URL(c.req.path, c.var.config.publicOrigin), {
    method: c.req.raw.method,
    headers: ifNoneMatch === undefined ? {} : { "If-None-Match": ifNoneMatch },
    redirect: "manual",
  });
  if (asset.status !== 200 && asset.status !== 304) return problem(c, { code: "not_found" });
  const headers = new Headers(asset.headers);
  for (const [name, value] of Object.entries(pageHeaders(kind, c.req.path))) headers.set(name, value);
  return new Response(asset.body, { status: asset.status, headers });
}
