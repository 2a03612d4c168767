import { createRouter } from "../context.ts";

export function meRoutes() {
  const app = createRouter();
  return app;
}
