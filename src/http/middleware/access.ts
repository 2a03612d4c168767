/** Cloudflare Access at the door, where the deployment uses it. The header counts for nothing until it was verified. */
import { createMiddleware } from "hono/factory";
import type { AppEnv } from "../context.ts";
import { problem } from "../problem.ts";

export const ACCESS_HEADER = "Cf-Access-Jwt-Assertion";

export const requireAccess = createMiddleware<AppEnv>(async (c, next) => {
  const { access } = c.var.services;
  if (access === null || (await access.admits(c.req.header(ACCESS_HEADER)))) return next();
  return problem(c, { code: "unauthenticated", detail: "The console must be reached through Cloudflare Access." });
});
