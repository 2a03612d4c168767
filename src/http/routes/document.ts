import { createRouter } from "../context.ts";

export function documentRoutes() {
  const app = createRouter();
  return app;
}
