import { createRouter } from "../context.ts";

export function moneyRoutes() {
  const app = createRouter();
  return app;
}
