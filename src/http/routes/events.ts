/** The live channel: a WebSocket that is told the card now, and again with every change. */
import { createRoute, z } from "@hono/zod-openapi";
import { createRouter } from "../context.ts";
import { requireListener, subprotocolOf } from "../middleware/holder.ts";
import { problem } from "../problem.ts";
import { refusals } from "../schemas.ts";

const eventsRoute = createRoute({
  method: "get",
  path: "/v1/me/events",
  tags: ["Card holder"],
  operationId: "watchCard",
  summary: "The card now and with every change (WebSocket)",
  description: [
    "Offer the subprotocols `bearer` and the access token, in this order; the answer is `bearer`. A token bound to a key",
    "goes with `dpop`, the token and a proof by it; the answer is `dpop`. Clients that can set",
    "headers may send `Authorization` instead. Messages are `{type, version, data}`: `card` at once and within a second",
    "of every change, with `card`, `balance` and `devices` as in `GET /v1/me`. A card that is blocked, recalled or closed",
    "meanwhile says so. The text `ping` is answered `pong`.",
    '\n\nBefore the token ends, send `{"type":"token","token":"<new access token>"}`, answered with `token` and its',
    "`expiresAt`; anything else you send is ignored, and more than 8,192 characters close with 1009. Closed with 4401 when",
    "the device is signed out or another token is sent, 4408 when the token ends, 1011 when the card is halted.",
    "At most 8 sockets a device: the ninth is refused with `too_many_attempts`.",
  ].join(" "),
  security: [{ accessToken: [] }],
  request: {
    headers: z.object({
      Upgrade: z.literal("websocket"),
      "Sec-WebSocket-Protocol": z.string().optional().openapi({ example: "bearer, <access token>" }),
    }),
  },
  responses: {
    101: { description: "Connected" },
    ...refusals([
      "bad_request",
      "unauthenticated",
      "card_blocked",
      "device_signed_out",
      "card_recalled",
      "card_closed",
      "too_many_attempts",
      "try_again",
      "card_halted",
    ]),
  },
});

export function eventRoutes() {
  const app = createRouter();
  app.openAPIRegistry.registerPath(eventsRoute);

  app.get(eventsRoute.path, requireListener, async (c) => {
    const { call, claim, tokenEndsAtMs } = c.var.holder;
    const { cards, now } = c.var.services;
    if (c.req.header("Upgrade")?.toLowerCase() !== "websocket")
      return problem(c, { code: "bad_request", detail: "This address speaks WebSocket: send Upgrade: websocket." });
    // Other calls forgive a skewed clock; a socket would be closed at once.
    if (tokenEndsAtMs <= now()) return problem(c, { code: "unauthenticated" });
    const signedIn = await cards.call(call, (card) => card.holder(call, claim));
    if (!signedIn.ok) return problem(c, signedIn.error);
    const opened = await cards.listen(call, { ...claim, expiresAtMs: tokenEndsAtMs });
    if (!opened.ok) return problem(c, opened.error);
    const subprotocol = subprotocolOf(c);
    return new Response(null, {
      status: 101,
      webSocket: opened.value,
      headers: subprotocol === undefined ? {} : { "Sec-WebSocket-Protocol": subprotocol },
    });
  });

  return app;
}
