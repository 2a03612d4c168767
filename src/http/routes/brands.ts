import { createRouter } from "../context.ts";

export function brandRoutes() {
  const app = createRouter();
  return app;
}
