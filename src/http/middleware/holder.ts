/** Access tokens at the door: which device of which card calls. Whether it is still signed in, the card's object says. */
import type { Context } from "hono";
import { createMiddleware } from "hono/factory";
import { cardCall } from "../../services/redeem.ts";
import type { AppEnv } from "../context.ts";
import { problem } from "../problem.ts";
import { bearerOf } from "./key.ts";

const holderBy = (tokenOf: (c: Context<AppEnv>) => string | undefined) =>
  createMiddleware<AppEnv>(async (c, next) => {
    const { signing, catalogue, now } = c.get("services");
    const token = tokenOf(c);
    const access = token === undefined ? undefined : await signing.verifyAccess(token, now());
    const terms = access && (await catalogue.terms(access.batch));
    if (!access || !terms || access.card > terms.batch.quantity) return problem(c, { code: "unauthenticated" });
    const claim = { device: access.device, family: access.family };
    c.set("holder", { claim, call: cardCall(terms, access.card), terms, tokenEndsAtMs: access.expiresAtMs });
    return next();
  });

export const requireHolder = holderBy((c) => bearerOf(c.req.header("Authorization")));

/** Browsers set no header on a WebSocket but its subprotocols: `bearer`, then the token. */
export const SUBPROTOCOL = "bearer";
const subprotocolToken = (c: Context<AppEnv>): string | undefined =>
  /^bearer[ \t]*,[ \t]*([A-Za-z0-9._-]{1,4096})$/.exec(c.req.header("Sec-WebSocket-Protocol") ?? "")?.[1];

/** As `requireHolder`, and by the subprotocol of a WebSocket; where one is offered, it is the one that counts. */
export const requireListener = holderBy((c) =>
  c.req.header("Sec-WebSocket-Protocol") === undefined ? bearerOf(c.req.header("Authorization")) : subprotocolToken(c),
);

/** What a holder's route declares, and the middleware that enforces it. */
export const asHolder = { security: [{ accessToken: [] }], middleware: requireHolder };
