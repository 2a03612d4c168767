import { createRouter } from "../context.ts";

export function codeRoutes() {
  const app = createRouter();
  return app;
}
