/** Access tokens at the door: which device of which card calls. Whether it is still signed in, the card's object says. */
import { createMiddleware } from "hono/factory";
import { cardCall } from "../../services/redeem.ts";
import type { AppEnv } from "../context.ts";
import { problem } from "../problem.ts";
import { bearerOf } from "./key.ts";

export const requireHolder = createMiddleware<AppEnv>(async (c, next) => {
  const { signing, catalogue, now } = c.var.services;
  const token = bearerOf(c.req.header("Authorization"));
  const claim = token === undefined ? undefined : await signing.verifyAccess(token, now());
  const terms = claim && (await catalogue.terms(claim.batch));
  if (!claim || !terms || claim.card > terms.batch.quantity) return problem(c, { code: "unauthenticated" });
  c.set("holder", { claim: { device: claim.device, family: claim.family }, call: cardCall(terms, claim.card), terms });
  return next();
});

/** What a holder's route declares, and the middleware that enforces it. */
export const asHolder = { security: [{ accessToken: [] }], middleware: requireHolder };
