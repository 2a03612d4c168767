import { createRouter } from "../context.ts";

export function partnerRoutes() {
  const app = createRouter();
  return app;
}
