/** The OpenAPI document, generated from the routes themselves, and the health check. */
import { createRoute, z, type OpenAPIHono } from "@hono/zod-openapi";
import { createRouter, type AppEnv } from "../context.ts";

const healthRoute = createRoute({
  method: "get",
  path: "/healthz",
  tags: ["Discovery"],
  operationId: "checkHealth",
  summary: "Is this isolate serving?",
  description:
    "Configuration is right and the Worker runs. Touches no storage, so that a slow database does not take the service out of rotation.",
  responses: {
    200: { description: "It is", content: { "application/json": { schema: z.object({ status: z.literal("ok") }) } } },
  },
});

export function documentRoutes() {
  const app = createRouter();
  app.openapi(healthRoute, (c) => c.json({ status: "ok" as const }, 200));
  return app;
}

/** The two credentials, as the document names them. */
const SECURITY_SCHEMES = {
  apiKey: { type: "http", scheme: "bearer", description: "An API key: `rf_<id>_<secret><checksum>`." },
  accessToken: { type: "http", scheme: "bearer", bearerFormat: "JWT", description: "What redeeming a code gave." },
} as const;

/** Generated when it is asked for: at start-up every cold start would pay for it. */
export function serveDocument(app: OpenAPIHono<AppEnv>): void {
  for (const [name, scheme] of Object.entries(SECURITY_SCHEMES))
    app.openAPIRegistry.registerComponent("securitySchemes", name, scheme);
  app.doc31("/openapi.json", (c) => ({
    openapi: "3.1.0",
    info: {
      title: "Ringfare",
      version: "1",
      description:
        "Calling cards at the edge. Refusals are RFC 9457 problems; every `code` has a page under /problems.",
    },
    servers: [{ url: c.var.config.publicOrigin }],
  }));
}
