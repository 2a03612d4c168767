/** The public key a device may register: an EC P-256 JWK (RFC 7517), never a private one. */
import { z } from "@hono/zod-openapi";
import { keyText } from "../../auth/dpop.ts";
import { invalidField, type Refusal } from "../../domain/errors.ts";
import { err, ok, type Result } from "../../domain/result.ts";

const coordinate = z.string().regex(/^[A-Za-z0-9_-]{43}$/, "32 bytes in base64url.");

/** Members that WebCrypto's export adds are allowed and not kept. */
export const publicKeySchema = z.strictObject({
  kty: z.literal("EC"),
  crv: z.literal("P-256"),
  x: coordinate,
  y: coordinate,
  alg: z.literal("ES256").optional(),
  use: z.literal("sig").optional(),
  kid: z.string().max(128).optional(),
  ext: z.boolean().optional(),
  key_ops: z.array(z.literal("verify")).max(1).optional(),
});

/** The key in one spelling; refused when the point is not on the curve. */
export async function readPublicKey({
  kty,
  crv,
  x,
  y,
}: z.infer<typeof publicKeySchema>): Promise<Result<string, Refusal>> {
  try {
    await crypto.subtle.importKey("jwk", { kty, crv, x, y }, { name: "ECDSA", namedCurve: "P-256" }, false, ["verify"]);
    return ok(keyText({ kty, crv, x, y }));
  } catch {
    return err(invalidField("/device/publicKey", "Not a point on P-256."));
  }
}
