/**
 * POST /v1/introspect (RFC 7662): is this SIP token good now? For switches that cannot verify a JWT, and for those that
 * want to know of a sign-out or a block before the token ends.
 */
import { createRoute, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import type { VerifiedSip } from "../../auth/signing.ts";
import { refuse } from "../../domain/errors.ts";
import { formatSerial } from "../../domain/serial.ts";
import { SECOND_MS } from "../../domain/time.ts";
import { createRouter, type AppEnv } from "../context.ts";
import { findCard } from "../find-card.ts";
import { KEY_REFUSALS, keyed } from "../middleware/key.ts";
import { FORM_REFUSALS, oauthBody, oauthProblem, readParameters } from "../oauth.ts";
import { refusals } from "../schemas.ts";

const introspectRequest = z
  .object({ token: z.string(), token_type_hint: z.string().optional() })
  .openapi("IntrospectionRequest");

const introspectionSchema = z
  .object({
    active: z.boolean(),
    scope: z.literal("sip").optional(),
    username: z.string().optional().openapi({ description: "The SIP user: what a hold names as `subject`." }),
    token_type: z.literal("Bearer").optional(),
    iss: z.string().optional(),
    sub: z.string().optional(),
    aud: z.string().optional(),
    exp: z.number().int().optional(),
    iat: z.number().int().optional(),
    jti: z.string().optional(),
    sip_identity: z.string().optional(),
    partner: z.string().optional(),
  })
  .openapi("Introspection", { description: "Of a token that is not active, nothing but that." });

type Introspection = z.infer<typeof introspectionSchema>;

const introspectRoute = createRoute({
  method: "post",
  path: "/v1/introspect",
  tags: ["Switch"],
  summary: "Is this SIP token good now? (RFC 7662)",
  description: [
    "Active while the SIP token is genuine and not expired, its card is active, and its device is signed in and has its",
    'SIP seat. Anything else is `{"active": false}`: other tokens, and those of cards that this key\'s trunks do not',
    "carry. Check that the From of the request is `sip_identity`, and for whom you route that `partner` is.",
  ].join(" "),
  ...keyed("introspectToken"),
  responses: {
    200: { description: "What the token is worth", content: { "application/json": { schema: introspectionSchema } } },
    ...refusals(["invalid_request", ...KEY_REFUSALS, ...FORM_REFUSALS]),
  },
});

export function introspectionRoutes() {
  const app = createRouter();
  app.openAPIRegistry.registerPath({ ...introspectRoute, request: oauthBody(introspectRequest) });
  app.post(introspectRoute.path, introspectRoute.middleware, async (c) => {
    const parameters = await readParameters(c);
    if (!parameters.ok) return oauthProblem(c, parameters.error);
    const { token } = parameters.value;
    if (token === undefined || token === "") return oauthProblem(c, refuse("invalid_request", "token is missing."));
    const sip = await c.var.services.signing.verifySip(token, c.var.services.now());
    const isActive = sip !== undefined && (await isInForce(c, sip));
    return c.json<Introspection>(isActive ? wire(sip) : { active: false }, 200, { "Cache-Control": "no-store" });
  });
  return app;
}

/** As the card and its device are now, and only where this key's switch carries the domain the token is for. */
async function isInForce(c: Context<AppEnv>, { device, domain, partner, claims, ...card }: VerifiedSip) {
  if (claims.exp * SECOND_MS <= c.var.services.now()) return false;
  const found = await findCard(c, formatSerial(card), "none");
  if (!found.ok || found.value.terms.trunk?.domain !== domain || found.value.terms.batch.partner !== partner)
    return false;
  const { call } = found.value;
  const view = await c.var.services.cards.call(call, (object) => object.inspect(call));
  const seat = view.ok ? view.value.devices.find(({ number }) => number === device) : undefined;
  return view.ok && view.value.status === "active" && seat?.status === "active" && seat.sipSeat;
}

const wire = ({ user, partner, claims }: VerifiedSip): Introspection => ({
  active: true,
  scope: "sip",
  username: user,
  token_type: "Bearer",
  ...claims,
  partner,
});
