/** Access tokens at the door: which device of which card calls. Whether it is still signed in, the card's object says. */
import type { Context } from "hono";
import { createMiddleware } from "hono/factory";
import { PROOF_ALGORITHM } from "../../auth/dpop.ts";
import { cardCall } from "../../services/redeem.ts";
import type { AppEnv } from "../context.ts";
import { problem } from "../problem.ts";
import { provenBy } from "../proof.ts";
import { bearerOf } from "./key.ts";

/** A token as it was presented; `proof` null = as a bearer's. */
type Presented = { readonly token: string; readonly proof: string | null };

const holderBy = (presentedBy: (c: Context<AppEnv>) => Presented | undefined) =>
  createMiddleware<AppEnv>(async (c, next) => {
    const { signing, catalogue, now } = c.get("services");
    const presented = presentedBy(c);
    const access = presented && (await signing.verifyAccess(presented.token, now()));
    const terms = access && (await catalogue.terms(access.batch));
    if (!access || !terms || access.card > terms.batch.quantity) return problem(c, { code: "unauthenticated" });
    if (!(await isPossessed(c, presented, access.thumbprint))) return unproven(c);
    const claim = { device: access.device, family: access.family };
    c.set("holder", { claim, call: cardCall(terms, access.card), terms, tokenEndsAtMs: access.expiresAtMs });
    return next();
  });

/** A bound token never passes as a bearer's, nor the reverse (RFC 9449 section 7.2). */
async function isPossessed(c: Context<AppEnv>, { token, proof }: Presented, thumbprint: string | null) {
  if (thumbprint === null || proof === null) return thumbprint === proof;
  const { seenProofs, now } = c.get("services");
  const proven = await provenBy(c, proof, token);
  return proven?.thumbprint === thumbprint && seenProofs.isNew(proven, now());
}

function unproven(c: Context<AppEnv>): Response {
  const detail = "The token is bound to a key: send Authorization: DPoP and a new proof by it (RFC 9449).";
  const answer = problem(c, { code: "unauthenticated", detail });
  answer.headers.set("WWW-Authenticate", `DPoP error="invalid_dpop_proof", algs="${PROOF_ALGORITHM}"`);
  return answer;
}

function presentedInHeaders(c: Context<AppEnv>): Presented | undefined {
  const authorization = c.req.header("Authorization");
  const bearer = bearerOf(authorization);
  if (bearer !== undefined) return { token: bearer, proof: null };
  const token = /^DPoP ([\x21-\x7e]{1,4096})$/i.exec(authorization ?? "")?.[1];
  return token === undefined ? undefined : { token, proof: c.req.header("DPoP") ?? "" };
}

export const requireHolder = holderBy(presentedInHeaders);

/** Browsers set no header on a WebSocket but its subprotocols: `bearer` and the token, or `dpop`, the token and a proof. */
function presentedInSubprotocols(c: Context<AppEnv>): Presented | undefined {
  const offered = (c.req.header("Sec-WebSocket-Protocol") ?? "").split(",").map((name) => name.trim());
  const [scheme, token = "", proof] = offered;
  if (offered.some((name) => !/^[A-Za-z0-9._-]{1,4096}$/.test(name))) return undefined;
  if (scheme === "bearer" && offered.length === 2) return { token, proof: null };
  return scheme === "dpop" && proof !== undefined && offered.length === 3 ? { token, proof } : undefined;
}

/** The one of the offered subprotocols that is answered. */
export const subprotocolOf = (c: Context<AppEnv>): string | undefined =>
  c.req.header("Sec-WebSocket-Protocol")?.split(",")[0]?.trim();

/** As `requireHolder`, and by the subprotocols of a WebSocket; where some are offered, they are what counts. */
export const requireListener = holderBy((c) =>
  subprotocolOf(c) === undefined ? presentedInHeaders(c) : presentedInSubprotocols(c),
);

/** What a holder's route declares, and the middleware that enforces it. */
export const asHolder = { security: [{ accessToken: [] }], middleware: requireHolder };
