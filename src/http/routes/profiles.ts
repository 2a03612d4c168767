import { createRouter } from "../context.ts";

export function profileRoutes() {
  const app = createRouter();
  return app;
}
