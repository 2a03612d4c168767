import { createRouter } from "../context.ts";

export function batchRoutes() {
  const app = createRouter();
  return app;
}
