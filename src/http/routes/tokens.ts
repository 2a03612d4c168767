/** OAuth 2.0: refresh (RFC 6749 section 6) and revocation (RFC 7009). Public clients: no client authentication. */
import { createRoute, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { ACCESS_TOKEN_SECONDS } from "../../auth/signing.ts";
import { type ProblemCode, PROBLEMS, refuse, type Refusal } from "../../domain/errors.ts";
import { err, ok, type Result } from "../../domain/result.ts";
import { cardCall } from "../../services/redeem.ts";
import { createRouter, type AppEnv } from "../context.ts";
import { problem } from "../problem.ts";
import { refusals } from "../schemas.ts";
import { tokensFor } from "../wire/tokens.ts";

const FORM = "application/x-www-form-urlencoded";

const FORM_REFUSALS = ["payload_too_large", "unsupported_media_type", "try_again"] as const;

const tokenRequest = z
  .object({ grant_type: z.literal("refresh_token"), refresh_token: z.string(), client_id: z.string().optional() })
  .openapi("TokenRequest");
const tokenSchema = z
  .object({
    access_token: z.string(),
    token_type: z.literal("Bearer"),
    expires_in: z.number().int(),
    refresh_token: z.string(),
  })
  .openapi("TokenAnswer");
const revokeRequest = z.object({ token: z.string(), token_type_hint: z.string().optional() }).openapi("RevokeRequest");

/** Documented here, read below: unknown parameters are ignored and forms are taken, unlike everywhere else. */
const oauthBody = (schema: z.ZodType) => ({
  body: { content: { [FORM]: { schema }, "application/json": { schema } } },
});

const tokenRoute = (path: "/v1/token" | "/token") =>
  createRoute({
    method: "post",
    path,
    tags: ["Card holder"],
    operationId: path === "/token" ? "refreshTokensAlias" : "refreshTokens",
    summary: path === "/token" ? "Refresh tokens (alias)" : "Refresh tokens",
    description:
      "Each refresh answers the next refresh token. A lost answer may be asked for again with the same token until the new one is used and 10 s after; anything older ends the family.",
    responses: {
      200: { description: "New tokens", content: { "application/json": { schema: tokenSchema } } },
      ...refusals([
        "invalid_request",
        "invalid_grant",
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
  const refreshed = await services.cards.call(call, (card) => card.refresh(call, claim));
  if (!refreshed.ok) return oauthProblem(c, refreshed.error);
  const tokens = await tokensFor(services, call, refreshed.value.refresh, services.now());
  const answer = {
    access_token: tokens.accessToken,
    token_type: "Bearer",
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

type Parameters = Readonly<Record<string, string | undefined>>;

/** A form or a flat JSON object of strings. No parameter may come twice (RFC 6749 section 3.2). */
async function readParameters(c: Context<AppEnv>): Promise<Result<Parameters, Refusal>> {
  const text = await c.req.text();
  if ((c.req.header("Content-Type") ?? "").toLowerCase().startsWith(FORM)) {
    const entries = [...new URLSearchParams(text)];
    const names = new Set(entries.map(([name]) => name));
    return names.size === entries.length
      ? ok(Object.fromEntries(entries))
      : err(refuse("invalid_request", "A parameter came twice."));
  }
  const parsed = z.record(z.string(), z.unknown()).safeParse(parseJson(text));
  if (!parsed.success) return err(refuse("invalid_request", "Send a form, or a JSON object."));
  return ok(
    Object.fromEntries(
      Object.entries(parsed.data).filter((entry): entry is [string, string] => typeof entry[1] === "string"),
    ),
  );
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** OAuth clients read `error` and `error_description` (RFC 6749 section 5.2); the rest of the product reads the problem. */
function oauthProblem(c: Context<AppEnv>, refusal: Refusal): Response {
  return problem(c, refusal, { error: oauthError(refusal.code), error_description: refusal.detail ?? refusal.code });
}

/** Libraries throw a refresh token away at `invalid_grant`: a fault of ours or a block, which both end, are not called that. */
function oauthError(code: ProblemCode): string {
  if (["invalid_request", "invalid_grant", "unsupported_grant_type"].includes(code)) return code;
  if (code === "card_blocked") return "access_denied";
  return PROBLEMS[code].status >= 500 ? "temporarily_unavailable" : "invalid_grant";
}
