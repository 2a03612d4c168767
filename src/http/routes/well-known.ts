/** What verifiers and clients discover: keys and metadata. Two metadata names, one document, one issuer. */
import { createRoute, z } from "@hono/zod-openapi";
import { PROOF_ALGORITHM } from "../../auth/dpop.ts";
import type { Config } from "../../config.ts";
import { createRouter } from "../context.ts";
import { problem } from "../problem.ts";
import { refusals } from "../schemas.ts";

/** Short enough that a new key is everywhere before it signs. */
const KEYS_CACHE = "public, max-age=300";

const jwksSchema = z
  .object({
    keys: z.array(
      z.object({
        kty: z.literal("EC"),
        crv: z.literal("P-256"),
        x: z.string(),
        y: z.string(),
        kid: z.string(),
        use: z.literal("sig"),
        alg: z.literal("ES256"),
        x5c: z.array(z.string()).openapi({ description: "Certificates in base64, the key's own first." }),
      }),
    ),
  })
  .openapi("JsonWebKeySet");

const metadataSchema = z
  .object({
    issuer: z.string(),
    jwks_uri: z.string(),
    token_endpoint: z.string(),
    revocation_endpoint: z.string(),
    introspection_endpoint: z.string(),
    response_types_supported: z.array(z.string()),
    grant_types_supported: z.array(z.string()),
    token_endpoint_auth_methods_supported: z.array(z.string()),
    revocation_endpoint_auth_methods_supported: z.array(z.string()),
    dpop_signing_alg_values_supported: z.array(z.string()),
    subject_types_supported: z.array(z.string()),
    id_token_signing_alg_values_supported: z.array(z.string()),
    service_documentation: z.string(),
  })
  .openapi("AuthorizationServerMetadata");

const found = <T extends z.ZodType>(schema: T) => ({
  200: { description: "Success", content: { "application/json": { schema } } },
});

const jwksRoute = createRoute({
  method: "get",
  path: "/.well-known/jwks.json",
  tags: ["Discovery"],
  operationId: "readKeySet",
  summary: "Public keys (RFC 7517)",
  responses: found(jwksSchema),
});

const pemRoute = createRoute({
  method: "get",
  path: "/.well-known/keys/{file}",
  tags: ["Discovery"],
  operationId: "readPublicKey",
  summary: "One public key as PEM",
  description: "`{kid}.pem`, for SIP servers that read keys from disk.",
  request: { params: z.object({ file: z.string().openapi({ example: "k1.pem" }) }) },
  responses: {
    200: { description: "SubjectPublicKeyInfo", content: { "application/x-pem-file": { schema: z.string() } } },
    ...refusals(["not_found"]),
  },
});

const METADATA_PATHS = [
  ["/.well-known/oauth-authorization-server", "readServerMetadata"],
  ["/.well-known/openid-configuration", "readServerMetadataAlias"],
] as const;

const metadataRoute = (path: string, operationId: string) =>
  createRoute({
    method: "get",
    path,
    tags: ["Discovery"],
    operationId,
    summary: "Authorization server metadata (RFC 8414)",
    responses: found(metadataSchema),
  });

export function wellKnownRoutes() {
  const app = createRouter();

  app.openapi(jwksRoute, (c) =>
    c.json(c.var.services.signing.jwks(c.var.services.now()), 200, {
      "Cache-Control": KEYS_CACHE,
    }),
  );

  app.openapi(pemRoute, async (c) => {
    const kid = /^([A-Za-z0-9]{1,32})\.pem$/.exec(c.req.valid("param").file)?.[1];
    const pem = kid === undefined ? undefined : await c.var.services.signing.pem(kid, c.var.services.now());
    if (pem === undefined) return problem(c, { code: "not_found" });
    return c.body(`${pem.trimEnd()}\n`, 200, { "Content-Type": "application/x-pem-file", "Cache-Control": KEYS_CACHE });
  });

  for (const [path, operationId] of METADATA_PATHS) {
    app.openapi(metadataRoute(path, operationId), (c) =>
      c.json(metadata(c.var.config), 200, { "Cache-Control": KEYS_CACHE }),
    );
  }
  return app;
}

/** RFC 8414 section 2. There is no authorization endpoint: a card's code is redeemed, and the rest is refresh. */
const metadata = ({ publicOrigin }: Config): z.infer<typeof metadataSchema> => ({
  issuer: publicOrigin,
  jwks_uri: `${publicOrigin}/.well-known/jwks.json`,
  token_endpoint: `${publicOrigin}/v1/token`,
  revocation_endpoint: `${publicOrigin}/v1/revoke`,
  introspection_endpoint: `${publicOrigin}/v1/introspect`,
  response_types_supported: [],
  grant_types_supported: ["refresh_token"],
  token_endpoint_auth_methods_supported: ["none"],
  revocation_endpoint_auth_methods_supported: ["none"],
  dpop_signing_alg_values_supported: [PROOF_ALGORITHM],
  subject_types_supported: ["public"],
  id_token_signing_alg_values_supported: ["ES256"],
  service_documentation: `${publicOrigin}/docs`,
});
