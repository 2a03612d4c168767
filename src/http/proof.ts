/** The `DPoP` header of a request (RFC 9449), read against the request itself. */
import type { Context } from "hono";
import { readProof, type ProvenKey } from "../auth/dpop.ts";
import type { PresentedProof } from "../domain/card-calls.ts";
import { refuse, type Refusal } from "../domain/errors.ts";
import { err, ok, type Result } from "../domain/result.ts";
import type { AppEnv } from "./context.ts";

/** A proof for this very request; the address is ours, whatever Host says. */
export const provenBy = (
  c: Context<AppEnv>,
  proof: string,
  accessToken: string | null,
): Promise<ProvenKey | undefined> =>
  readProof(proof, {
    method: c.req.method,
    url: `${c.get("config").publicOrigin}${c.req.path}`,
    accessToken,
    nowMs: c.get("services").now(),
  });

/** For calls that go with no token: null when no proof was sent, which only a card whose device has a key minds. */
export async function presentedProof(c: Context<AppEnv>): Promise<Result<PresentedProof | null, Refusal>> {
  const header = c.req.header("DPoP");
  if (header === undefined) return ok(null);
  const proven = await provenBy(c, header, null);
  if (!proven) return err(refuse("invalid_dpop_proof"));
  return ok({ publicKey: proven.publicKey, jti: proven.jti, request: c.get("requestId") });
}
