import { createRouter } from "../context.ts";

export function cardRoutes() {
  const app = createRouter();
  return app;
}
