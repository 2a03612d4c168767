import { createRouter } from "../context.ts";

export function trunkRoutes() {
  const app = createRouter();
  return app;
}
