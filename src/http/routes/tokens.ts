/** OAuth 2.0: refresh (RFC 6749 section 6) and revocation (RFC 7009). Public clients: no client authentication. */
import { createRoute, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { ACCESS_TOKEN_SECONDS } from "../../auth/signing.ts";
import { refuse, type Refusal } from "../../domain/errors.ts";
import { err, ok, type Result } from "../../domain/result.ts";
import { cardCall } from "../../services/redeem.ts";
import { createRouter, type AppEnv } from "../context.ts";
import { FORM_REFUSALS, oauthBody, oauthProblem, readParameters } from "../oauth.ts";
import { refusals } from "../schemas.ts";
import { presentedProof } from "../proof.ts";
import { tokensFor, tokenType } from "../wire/tokens.ts";

const tokenRequest = z
  .object({ grant_type: z.literal("refresh_token"), refresh_token: z.string(), client_id: z.string().optional() })
  .openapi("TokenRequest");
const tokenSchema = z
  .object({
    access_token: z.string(),
    token_type: tokenType,
    expires_in: z.number().int(),
    refresh_token: z.string(),
  })
  .openapi("TokenAnswer");
const revokeRequest = z.object({ token: z.string(), token_type_hint: z.string().optional() }).openapi("RevokeRequest");

const tokenRoute = (path: "/v1/token" | "/token") =>
  createRoute({
    method: "post",
    path,
    tags: ["Card holder"],
    operationId: path === "/token" ? "refreshTokensAlias" : "refreshTokens",
    summary: path === "/token" ? "Refresh tokens (alias)" : "Refresh tokens",
    description:
      "Each refresh answers the next refresh token. A lost answer may be asked for again with the same token until the new one is used and 10 s after; anything older ends the family. A device that registered a key sends a `DPoP` proof by it (RFC 9449).",
    responses: {
      200: { description: "New tokens", content: { "application/json": { schema: tokenSchema } } },
      ...refusals([
        "invalid_request",
        "invalid_grant",
        "invalid_dpop_proof",
        "too_many_attempts",
        "unsupported_grant_type",
        "card_blocked",
        "card_recalled",
        "card_closed",
        "card_halted",
        ...FORM_REFUSALS,
      ]),
    },
  });

const revokeRoute = createRoute({
  method: "post",
  path: "/v1/revoke",
  tags: ["Card holder"],
  operationId: "revokeTokens",
  summary: "Revoke a device's tokens",
  description: "RFC 7009: 200 whatever the token was. The device keeps its place on the card and may redeem again.",
  responses: {
    200: { description: "Revoked, or nothing to revoke" },
    ...refusals(["invalid_request", ...FORM_REFUSALS]),
  },
});

export function tokenRoutes() {
  const app = createRouter();
  for (const path of ["/v1/token", "/token"] as const) {
    app.openAPIRegistry.registerPath({ ...tokenRoute(path), request: oauthBody(tokenRequest) });
    app.post(path, refreshHandler);
  }
  app.openAPIRegistry.registerPath({ ...revokeRoute, request: oauthBody(revokeRequest) });
  app.post("/v1/revoke", revokeHandler);
  return app;
}

async function refreshHandler(c: Context<AppEnv>): Promise<Response> {
  const { services } = c.var;
  const token = await refreshTokenOf(c);
  if (!token.ok) return oauthProblem(c, token.error);
  const claim = await services.refreshTokens.open(token.value);
  const terms = claim && (await services.catalogue.terms(claim.batch));
  if (!claim || !terms || claim.card > terms.batch.quantity) return oauthProblem(c, refuse("invalid_grant"));
  const call = cardCall(terms, claim.card);
  const proof = await presentedProof(c);
  if (!proof.ok) return oauthProblem(c, proof.error);
  const refreshed = await services.cards.call(call, (card) => card.refresh(call, claim, proof.value));
  if (!refreshed.ok) return oauthProblem(c, refreshed.error);
  const tokens = await tokensFor(services, call, refreshed.value, services.now());
  const answer = {
    access_token: tokens.accessToken,
    token_type: tokens.tokenType,
    expires_in: ACCESS_TOKEN_SECONDS,
    refresh_token: tokens.refreshToken,
  };
  return c.json(answer, 200, { "Cache-Control": "no-store", Pragma: "no-cache" });
}

async function refreshTokenOf(c: Context<AppEnv>): Promise<Result<string, Refusal>> {
  const parameters = await readParameters(c);
  if (!parameters.ok) return parameters;
  const { grant_type: grant, refresh_token: token } = parameters.value;
  if (grant === undefined) return err(refuse("invalid_request", "grant_type is missing."));
  if (grant !== "refresh_token") return err(refuse("unsupported_grant_type"));
  return token === undefined || token === "" ? err(refuse("invalid_request", "refresh_token is missing.")) : ok(token);
}

async function revokeHandler(c: Context<AppEnv>): Promise<Response> {
  const { services } = c.var;
  const parameters = await readParameters(c);
  if (!parameters.ok) return oauthProblem(c, parameters.error);
  const { token } = parameters.value;
  if (token === undefined || token === "") return oauthProblem(c, refuse("invalid_request", "token is missing."));
  const claim =
    (await services.refreshTokens.open(token)) ?? (await services.signing.verifyAccess(token, services.now()));
  const terms = claim && (await services.catalogue.terms(claim.batch));
  if (claim && terms && claim.card <= terms.batch.quantity) {
    const call = cardCall(terms, claim.card);
    const revoked = await services.cards.call(call, (card) =>
      card.revokeFamily(call, { device: claim.device, family: claim.family }),
    );
    if (!revoked.ok) return oauthProblem(c, revoked.error);
  }
  return c.body(null, 200, { "Cache-Control": "no-store" });
}
