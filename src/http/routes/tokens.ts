import { createRouter } from "../context.ts";

export function tokenRoutes() {
  const app = createRouter();
  return app;
}
