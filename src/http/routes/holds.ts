/** The switch's side: credit held before a call, extended during, committed after. Every step may be sent again. */
import { createRoute, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import type { CallDetails } from "../../domain/card-calls.ts";
import { invalidField, type ProblemCode } from "../../domain/errors.ts";
import type { HoldCommand } from "../../domain/ledger/commands.ts";
import { createRouter, type AppEnv } from "../context.ts";
import { listPage, listQuery, pageOf, type Window } from "../cursor.ts";
import { findCard } from "../find-card.ts";
import { KEY_REFUSALS, keyed } from "../middleware/key.ts";
import { problem } from "../problem.ts";
import { moneyProblem, runMoney } from "../run-money.ts";
import {
  amount,
  answers,
  BODY_REFUSALS,
  callerId,
  currency,
  jsonBody,
  microsOf,
  positiveAmount,
  visibleText,
} from "../schemas.ts";
import { callDetailsSchema, readCallDetails } from "../wire/call-details.ts";
import { serialOf } from "../wire/cards.ts";
import { heldSchema, heldWire, holdAnswerSchema, holdAnswerWire, holdNowWire } from "../wire/holds.ts";

const tags = ["Switch"];
const params = z.object({ serial: z.string().openapi({ example: "000012-0000345" }), id: callerId });
const ttlSeconds = z.number().int().min(1).max(86_400);
const overrun = z.enum(["refuse", "collect"]).default("refuse");

const DOOR = ["not_found", "invalid_input", "card_halted", ...KEY_REFUSALS, ...BODY_REFUSALS] as const;
const SPEND = [
  "insufficient_credit",
  "card_blocked",
  "card_not_redeemed",
  "card_not_activated",
  "card_expired",
  "card_recalled",
  "card_closed",
] as const satisfies readonly ProblemCode[];

const placeRoute = createRoute({
  method: "put",
  path: "/v1/cards/{serial}/holds/{id}",
  tags,
  summary: "Hold credit for a call",
  description:
    "Sets credit aside for `ttlSeconds`. With `minimum` a part may be granted. `destination` is checked against the profile, longest prefix first; `subject` against the card's signed-in devices.",
  ...keyed("placeHold"),
  request: {
    params,
    ...jsonBody(
      z
        .strictObject({
          amount: positiveAmount,
          currency,
          ttlSeconds,
          minimum: positiveAmount.optional(),
          subject: z
            .string()
            .max(64)
            .optional()
            .openapi({ description: "The authenticated SIP user, without domain." }),
          destination: visibleText(64, 1).optional(),
          reference: visibleText(128, 1).optional(),
        })
        .openapi("HoldRequest"),
    ),
  },
  responses: answers(200, holdAnswerSchema, [
    ...DOOR,
    ...SPEND,
    "credential_revoked",
    "destination_not_allowed",
    "too_many_calls",
    "currency_mismatch",
    "id_reused",
  ]),
});

const extendRoute = createRoute({
  method: "post",
  path: "/v1/cards/{serial}/holds/{id}/extend",
  tags,
  summary: "Charge what was used and hold again",
  description:
    "`sequence` counts from 1 without gaps. With nothing left: granted 0.00, final; what was used is charged all the same.",
  ...keyed("extendHold"),
  request: {
    params,
    ...jsonBody(
      z
        .strictObject({
          sequence: z.number().int().min(1).max(1_000_000),
          used: amount,
          amount: positiveAmount,
          ttlSeconds,
          overrun,
        })
        .openapi("HoldExtension"),
    ),
  },
  responses: answers(200, holdAnswerSchema, [
    ...DOOR,
    ...SPEND,
    "hold_unknown",
    "hold_settled",
    "sequence_gap",
    "commit_exceeds_hold",
    "id_reused",
  ]),
});

const commitRoute = createRoute({
  method: "post",
  path: "/v1/cards/{serial}/holds/{id}/commit",
  tags,
  summary: "Charge the rest and settle",
  description:
    "`amount` is what was used since the last step. Up to 24 hours after the hold expired it collects what is still there; the state is then `late`. Allowed in every status of the card.",
  ...keyed("commitHold"),
  request: {
    params,
    ...jsonBody(z.strictObject({ amount, overrun, call: callDetailsSchema.optional() }).openapi("HoldCommit")),
  },
  responses: answers(200, holdAnswerSchema, [
    ...DOOR,
    "hold_unknown",
    "hold_settled",
    "commit_exceeds_hold",
    "id_reused",
  ]),
});

const releaseRoute = createRoute({
  method: "post",
  path: "/v1/cards/{serial}/holds/{id}/release",
  tags,
  summary: "Give the credit back and settle",
  description:
    "No body needed. Support (cards:write) gives a reason. On an expired hold a success that changes nothing.",
  ...keyed("releaseHold"),
  request: {
    params,
    body: { content: { "application/json": { schema: z.strictObject({ reason: visibleText(200, 1).optional() }) } } },
  },
  responses: answers(200, holdAnswerSchema, [...DOOR, "hold_unknown", "hold_settled"]),
});

const readRoute = createRoute({
  method: "get",
  path: "/v1/cards/{serial}/holds/{id}",
  tags,
  summary: "One hold now",
  ...keyed("getHold"),
  request: { params },
  responses: answers(200, holdAnswerSchema, [...DOOR, "hold_unknown"]),
});

const listRoute = createRoute({
  method: "get",
  path: "/v1/cards/{serial}/holds",
  tags,
  summary: "A card's holds",
  description: "With `state=open`: what a crashed switch left behind.",
  ...keyed("listHolds"),
  request: {
    params: params.pick({ serial: true }),
    query: z.strictObject({ ...listQuery, state: z.literal("open").optional() }),
  },
  responses: answers(200, pageOf(heldSchema), DOOR),
});

export function holdRoutes() {
  const app = createRouter();
  addSteps(app);
  addReads(app);
  return app;
}

type Router = ReturnType<typeof createRouter>;

function addSteps(app: Router): void {
  app.openapi(placeRoute, async (c) => {
    const { id } = c.req.valid("param");
    const body = c.req.valid("json");
    const minimumMicros = body.minimum === undefined ? null : microsOf(body.minimum);
    const amountMicros = microsOf(body.amount);
    if ((minimumMicros ?? 0) > amountMicros) return problem(c, invalidField("/minimum", "At most the amount."));
    const { subject = null, destination = null, reference = null } = body;
    return step(c, {
      type: "hold",
      id,
      amountMicros,
      currency: body.currency,
      ttlSeconds: body.ttlSeconds,
      minimumMicros,
      subject,
      destination,
      reference,
    });
  });

  app.openapi(extendRoute, async (c) => {
    const { id } = c.req.valid("param");
    const { sequence, used, amount: next, ttlSeconds: seconds, overrun: beyond } = c.req.valid("json");
    return step(c, {
      type: "extend",
      id,
      sequence,
      usedMicros: microsOf(used),
      amountMicros: microsOf(next),
      ttlSeconds: seconds,
      overrun: beyond,
    });
  });

  app.openapi(commitRoute, async (c) => {
    const { id } = c.req.valid("param");
    const { amount: used, overrun: beyond, call } = c.req.valid("json");
    return step(c, { type: "commit", id, usedMicros: microsOf(used), overrun: beyond }, readCallDetails(call));
  });

  app.openapi(releaseRoute, async (c) => {
    const { id } = c.req.valid("param");
    const { reason = null } = c.req.valid("json");
    if (reason === null && !c.var.caller.scopes.has("switch"))
      return problem(c, invalidField("/reason", "Support says why."));
    return step(c, { type: "release", id, reason });
  });
}

function addReads(app: Router): void {
  app.openapi(readRoute, async (c) => {
    const { serial, id } = c.req.valid("param");
    const found = await findCard(c, serial, "cards:read");
    if (!found.ok) return problem(c, found.error);
    const { call, terms } = found.value;
    const read = await c.var.services.cards.call(call, (card) => card.hold(call, id));
    return read.ok
      ? c.json(holdNowWire(terms, read.value.hold, read.value.card, c.var.services.now()), 200)
      : problem(c, read.error);
  });

  app.openapi(listRoute, async (c) => {
    const { state, ...query } = c.req.valid("query");
    const found = await findCard(c, c.req.valid("param").serial, "cards:read");
    if (!found.ok) return problem(c, found.error);
    const { call, terms } = found.value;
    const openOnly = state === "open";
    // Refusals (a halted card) are told before the page is made.
    const first = await c.var.services.cards.call(call, (card) =>
      card.holds(call, { after: null, limit: 1, openOnly }),
    );
    if (!first.ok) return problem(c, first.error);
    const page = await listPage(c, {
      name: "holds 1",
      query,
      filter: { serial: serialOf(call), openOnly },
      read: async ({ after, take }: Window<[string]>) => {
        const holds = await c.var.services.cards.call(call, (card) =>
          card.holds(call, { after: after?.[0] ?? null, limit: take, openOnly }),
        );
        return holds.ok ? holds.value : [];
      },
      positionOf: ({ id }): [string] => [id],
      itemOf: (hold) => heldWire(hold, terms.batch.currency),
    });
    return page.ok ? c.json(page.value, 200) : problem(c, page.error);
  });
}

/** Any step of a hold: the same way in, the same answer out. A release may also come from support. */
async function step(c: Context<AppEnv>, command: HoldCommand, details: CallDetails | null = null) {
  const found = await findCard(c, c.req.param("serial") ?? "", command.type === "release" ? "cards:write" : "none");
  if (!found.ok) return problem(c, found.error);
  const done = await runMoney(c, found.value, command, details);
  return done.ok
    ? c.json(holdAnswerWire(found.value.terms, done.value), 200)
    : moneyProblem(c, found.value, done.error);
}
