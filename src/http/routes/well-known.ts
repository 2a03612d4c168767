import { createRouter } from "../context.ts";

export function wellKnownRoutes() {
  const app = createRouter();
  return app;
}
