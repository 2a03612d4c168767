import { createRouter } from "../context.ts";

export function pageRoutes() {
  const app = createRouter();
  return app;
}
