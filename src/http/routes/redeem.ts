import { createRouter } from "../context.ts";

export function redeemRoutes() {
  const app = createRouter();
  return app;
}
