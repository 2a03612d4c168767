import { createRouter } from "../context.ts";

export function keyRoutes() {
  const app = createRouter();
  return app;
}
