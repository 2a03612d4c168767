/** First in line: request id, security headers, the host this deployment answers on. */
import { createMiddleware } from "hono/factory";
import { configOf } from "../../config.ts";
import { servicesOf } from "../../services/services.ts";
import type { AppEnv } from "../context.ts";
import { problem } from "../problem.ts";
import { startTimings } from "../timings.ts";

/** API answers are data: nothing may run, frame or sniff them. Pages set their own policy. */
const API_CSP = "default-src 'none'; frame-ancestors 'none'";

export const requestContext = createMiddleware<AppEnv>(async (c, next) => {
  const config = configOf(c.env);
  const requestId = crypto.randomUUID();
  const timings = startTimings();
  c.set("config", config);
  c.set("requestId", requestId);
  c.set("timings", timings);
  c.set("services", servicesOf(c.env, config));
  await next();
  const { headers } = c.res;
  // How long our parts take is nobody's business but the operator's.
  if (config.isLocal || c.get("caller")?.partner === null) headers.set("Server-Timing", timings.header());
  headers.set("X-Request-Id", requestId);
  headers.set("X-Content-Type-Options", "nosniff");
  headers.set("Referrer-Policy", "no-referrer");
  if (!config.isLocal) headers.set("Strict-Transport-Security", "max-age=31536000; includeSubDomains");
  if (!headers.has("Content-Security-Policy")) headers.set("Content-Security-Policy", API_CSP);
  if (!headers.has("Cache-Control")) headers.set("Cache-Control", "no-store");
});

/** Host comes first: a name we do not serve shows nothing of ours (a portal host must never show the console). */
export const knownHostsOnly = createMiddleware<AppEnv>(async (c, next) => {
  const host = (c.req.header("Host") ?? new URL(c.req.url).host).toLowerCase();
  if (!c.get("config").hosts.has(host))
    return problem(c, { code: "not_found", detail: "Nothing is served on this host." });
  return next();
});
