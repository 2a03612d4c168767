/** What no route answered: bugs, failed dependencies, unknown paths, wrong methods. */
import type { Context, ErrorHandler, NotFoundHandler } from "hono";
import { HTTPException } from "hono/http-exception";
import { ConfigError } from "../../config.ts";
import { Unavailable } from "../../storage/unavailable.ts";
import type { AppEnv } from "../context.ts";
import { problem } from "../problem.ts";

export const onError: ErrorHandler<AppEnv> = (error, c) => {
  if (error instanceof ConfigError) return misconfigured(c, error);
  if (error instanceof HTTPException && error.status === 415) return problem(c, { code: "unsupported_media_type" });
  if (error instanceof HTTPException && error.status < 500) {
    return problem(c, { code: "bad_request", detail: "The body is not well-formed JSON." });
  }
  // The cause is for our log only; the caller learns what to do, not what broke.
  console.error(JSON.stringify({ event: "request_failed", requestId: c.var.requestId, error: describe(error) }));
  return problem(c, { code: error instanceof Unavailable ? "try_again" : "internal_error" });
};

export const describe = (error: unknown): string =>
  error instanceof Error
    ? `${error.name}: ${error.message}${error.cause ? ` <- ${describe(error.cause)}` : ""}`
    : typeof error;

/** Without configuration there is no origin to build problem types from; the message names settings, never values. */
function misconfigured(c: Context<AppEnv>, error: ConfigError): Response {
  console.error(error.message);
  return c.text(`Ringfare is not configured.\n${error.problems.join("\n")}\n`, 500, { "Cache-Control": "no-store" });
}

type RouteTable = readonly { readonly method: string; readonly path: string }[];

/** 404 for paths nobody has, 405 with Allow for paths that exist under another method. */
export function notFound(routes: () => RouteTable): NotFoundHandler<AppEnv> {
  let table: { pattern: RegExp; method: string }[] | undefined;
  return (c) => {
    table ??= routes()
      .filter(({ method, path }) => method !== "ALL" && !path.includes("*"))
      .map(({ method, path }) => ({
        method,
        pattern: new RegExp(`^${path.replaceAll(/:[^/]+/g, "[^/]+").replaceAll(".", "\\.")}$`),
      }));
    const methods = new Set(table.filter(({ pattern }) => pattern.test(c.req.path)).map(({ method }) => method));
    if (methods.size === 0) return problem(c, { code: "not_found" });
    if (methods.has("GET")) methods.add("HEAD");
    const answer = problem(c, { code: "method_not_allowed" });
    answer.headers.set("Allow", [...methods].toSorted().join(", "));
    return answer;
  };
}
