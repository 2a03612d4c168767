/** The card as its holder's device sees it. Every call asks the card's object whether the device is still signed in. */
import { createRoute, z } from "@hono/zod-openapi";
import { holderView } from "../../domain/holder-view.ts";
import { formatSerial } from "../../domain/serial.ts";
import { toRfc3339 } from "../../domain/time.ts";
import { portalUrl } from "../../portal/hosts.ts";
import { brandOf } from "../../services/redeem.ts";
import { createRouter } from "../context.ts";
import { listPage, listQuery, pageOf, type Window } from "../cursor.ts";
import { matchesEtag } from "../etag.ts";
import { asHolder } from "../middleware/holder.ts";
import { problem } from "../problem.ts";
import { answers, BODY_REFUSALS, jsonBody, pinSchema, refusals } from "../schemas.ts";
import { holderCardSchema, postingSchema, postingWire, serialOf, shortBalanceSchema } from "../wire/cards.ts";
import { provisioningSchema, provisioningWire } from "../wire/provisioning.ts";
import { provisionFor } from "../wire/tokens.ts";

const HOLDER_REFUSALS = [
  "unauthenticated",
  "card_blocked",
  "device_signed_out",
  "card_recalled",
  "card_closed",
  "try_again",
  "card_halted",
] as const;

const meSchema = z
  .object({
    card: holderCardSchema,
    balance: shortBalanceSchema,
    brand: z.object({ brand: z.string(), version: z.number().int() }),
    devices: z.array(
      z.object({ number: z.number().int(), name: z.string().nullable(), current: z.boolean(), sipSeat: z.boolean() }),
    ),
    portal: z.object({ url: z.string() }),
    serverTime: z.string(),
  })
  .openapi("Me");

const common = { tags: ["Card holder"], ...asHolder };

const meRoute = createRoute({
  method: "get",
  path: "/v1/me",
  operationId: "readMe",
  summary: "The card now",
  ...common,
  responses: {
    ...answers(200, meSchema, HOLDER_REFUSALS),
    304: { description: "Not changed since the ETag sent in If-None-Match" },
  },
});

const postingsRoute = createRoute({
  method: "get",
  path: "/v1/me/postings",
  operationId: "listMyPostings",
  summary: "Statement, newest first",
  ...common,
  request: { query: z.strictObject(listQuery) },
  responses: answers(200, pageOf(postingSchema), [...HOLDER_REFUSALS, "invalid_input"]),
});

const credentialsRoute = createRoute({
  method: "post",
  path: "/v1/me/sip-credentials",
  operationId: "makeSipCredentials",
  summary: "Fresh SIP and TURN credentials",
  description:
    "Older ones stay valid until they expire, so a running call is not cut. A device that linked a softphone has given its seat away and gets none.",
  ...common,
  responses: answers(200, provisioningSchema, HOLDER_REFUSALS),
});

const pinRoute = createRoute({
  method: "put",
  path: "/v1/me/pin",
  operationId: "setPin",
  summary: "Set the takeover PIN",
  description:
    "Another device that shows the code and this PIN may take the card, where its profile says so. The card's first device sets it; changing it needs `currentPin`. Five wrong PINs a day, of all devices together. It ends when nobody is signed in any more.",
  ...common,
  request: jsonBody(z.strictObject({ pin: pinSchema, currentPin: pinSchema.optional() }).openapi("PinRequest")),
  responses: {
    204: { description: "Set" },
    ...refusals([
      ...HOLDER_REFUSALS,
      ...BODY_REFUSALS,
      "pin_required",
      "pin_wrong",
      "invalid_input",
      "too_many_attempts",
    ]),
  },
});

const signOutRoute = createRoute({
  method: "delete",
  path: "/v1/me/device",
  operationId: "signOutDevice",
  summary: "Sign this device out",
  description:
    "Its tokens end at once and its place on the card is free; a softphone it linked goes with it. SIP credentials at a registrar end when they expire.",
  ...common,
  responses: { 204: { description: "Signed out" }, ...refusals(HOLDER_REFUSALS) },
});

export function meRoutes() {
  const app = createRouter();

  app.openapi(meRoute, async (c) => {
    const { call, claim, terms } = c.var.holder;
    const { cards, catalogue, now } = c.var.services;
    const [found, brand] = await Promise.all([
      cards.call(call, (card) => card.holder(call, claim)),
      brandOf(catalogue, terms),
    ]);
    if (!found.ok) return problem(c, found.error);
    const view = found.value;
    const portal = { url: portalUrl(c.var.config, brand) };
    const etag = `W/"${view.version}.${view.status}.${brand.version}.${claim.device}.${portal.url}"`;
    c.header("ETag", etag);
    c.header("Cache-Control", "private, no-cache");
    if (matchesEtag(c.req.header("If-None-Match"), etag)) return c.body(null, 304);
    const { brand: id, version } = brand;
    const serverTime = toRfc3339(now());
    const me = { ...holderView(serialOf(call), view, claim.device), brand: { brand: id, version }, portal, serverTime };
    return c.json(me, 200);
  });

  app.openapi(postingsRoute, async (c) => {
    const { call, claim, terms } = c.var.holder;
    const { cards } = c.var.services;
    const signedIn = await cards.call(call, (card) => card.holder(call, claim));
    if (!signedIn.ok) return problem(c, signedIn.error);
    const page = await listPage(c, {
      name: "me-postings 1",
      owner: formatSerial({ batch: terms.batch.number, card: call.card }),
      query: c.req.valid("query"),
      read: async ({ after, take }: Window<[number]>) =>
        cards.call(call, (card) => card.postings(call, { before: after?.[0] ?? null, limit: take })),
      positionOf: ({ seq }): [number] => [seq],
      itemOf: (posting) => postingWire(posting, terms.batch),
    });
    return page.ok ? c.json(page.value, 200) : problem(c, page.error);
  });

  app.openapi(credentialsRoute, async (c) => {
    const { call, claim, terms } = c.var.holder;
    const { services } = c.var;
    const [found, brand] = await Promise.all([
      services.cards.call(call, (card) => card.holder(call, claim)),
      brandOf(services.catalogue, terms),
    ]);
    if (!found.ok) return problem(c, found.error);
    const provisioning = await provisionFor(services, { call, terms, view: found.value, claim, nowMs: services.now() });
    return c.json(provisioningWire(provisioning, brand.name), 200);
  });

  app.openapi(pinRoute, async (c) => {
    const { call, claim } = c.var.holder;
    const { cards, pins } = c.var.services;
    const { pin, currentPin } = c.req.valid("json");
    const serial = serialOf(call);
    const change = {
      request: c.var.requestId,
      pin: await pins.present(serial, pin),
      current: currentPin === undefined ? null : await pins.present(serial, currentPin),
    };
    const set = await cards.call(call, (card) => card.setPin(call, claim, change));
    return set.ok ? c.body(null, 204) : problem(c, set.error);
  });

  app.openapi(signOutRoute, async (c) => {
    const { call, claim } = c.var.holder;
    const signedOut = await c.var.services.cards.call(call, (card) => card.signOut(call, claim));
    return signedOut.ok ? c.body(null, 204) : problem(c, signedOut.error);
  });

  return app;
}
