/** First in line: request id and security headers. */
import { createMiddleware } from "hono/factory";
import { configOf } from "../../config.ts";
import { servicesOf } from "../../services/services.ts";
import type { AppEnv } from "../context.ts";
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
  if (!headers.has("Referrer-Policy")) headers.set("Referrer-Policy", "no-referrer");
  if (!config.isLocal) headers.set("Strict-Transport-Security", "max-age=31536000; includeSubDomains");
  if (!headers.has("Content-Security-Policy")) headers.set("Content-Security-Policy", API_CSP);
  if (!headers.has("Cache-Control")) headers.set("Cache-Control", "no-store");
});
