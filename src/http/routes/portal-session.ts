/** The way from an app into the portal: a ticket in the fragment of an address, good once and for a minute. */
import { createRoute, z } from "@hono/zod-openapi";
import { TICKET_SECONDS } from "../../domain/portal-session.ts";
import { SECOND_MS, toRfc3339 } from "../../domain/time.ts";
import { brandOrigin, OPEN_PATH, portalUrl } from "../../portal/hosts.ts";
import { brandOf } from "../../services/redeem.ts";
import { createRouter } from "../context.ts";
import { asHolder } from "../middleware/holder.ts";
import { problem } from "../problem.ts";
import { answers } from "../schemas.ts";

const portalSession = createRoute({
  method: "post",
  path: "/v1/me/portal-session",
  operationId: "openPortal",
  summary: "Open the portal, signed in",
  description:
    "Show `url` in a browser at once: it works one time, until `expiresAt`. The secret is in the fragment, so no server's log sees it. Where the brand has no portal of its own, `url` is the built-in page.",
  tags: ["Card holder"],
  ...asHolder,
  responses: answers(200, z.object({ url: z.string(), expiresAt: z.string() }).openapi("PortalSession"), [
    "unauthenticated",
    "card_blocked",
    "device_signed_out",
    "card_recalled",
    "card_closed",
    "try_again",
    "card_halted",
  ]),
});

export function portalSessionRoutes() {
  const app = createRouter();

  app.openapi(portalSession, async (c) => {
    const { call, claim, terms } = c.var.holder;
    const { config, services } = c.var;
    const [found, brand] = await Promise.all([
      services.cards.call(call, (card) => card.holder(call, claim)),
      brandOf(services.catalogue, terms),
    ]);
    if (!found.ok) return problem(c, found.error);
    const atSeconds = Math.floor(services.now() / SECOND_MS) + TICKET_SECONDS;
    const expiresAt = toRfc3339(atSeconds * SECOND_MS);
    const origin = brandOrigin(config, brand);
    if (origin === null) return c.json({ url: portalUrl(config, brand), expiresAt }, 200);
    const { token } = await services.portalTokens.tickets.issue({
      batch: terms.batch.number,
      card: call.card,
      ...claim,
      atSeconds,
    });
    return c.json({ url: `${origin}${OPEN_PATH}#${token}`, expiresAt }, 200);
  });

  return app;
}
