/** POST /v1/cards/{serial}/replace: an untouched card takes the place and the balance of another. */
import { createRoute, z } from "@hono/zod-openapi";
import { REPLACEMENT_FIELD } from "../../domain/ledger/transfers.ts";
import { formatAmount } from "../../domain/money.ts";
import { doerOf } from "../audited.ts";
import { createRouter } from "../context.ts";
import { findCard, serialParam } from "../find-card.ts";
import { keyed } from "../middleware/key.ts";
import { problem } from "../problem.ts";
import { moneyProblem } from "../run-money.ts";
import { answers, callerId, jsonBody } from "../schemas.ts";
import { serialOf, shortBalanceSchema, shortBalanceWire } from "../wire/cards.ts";

const replaceRoute = createRoute({
  method: "post",
  path: "/v1/cards/{serial}/replace",
  tags: ["Cards"],
  summary: "Replace a card",
  description:
    "Moves what is available to `to`, an untouched card of the same partner, mode and currency, instead of its face value, and closes the old card. `to` is then in use: redeeming its code credits nothing more, and its life begins now. Blocked and recalled cards can be replaced; open holds settle on the old card first, and a debt is paid first. While the balance is on its way both cards answer 503 `try_again`.",
  ...keyed("replaceCard"),
  request: {
    params: serialParam,
    ...jsonBody(
      z
        .strictObject({ id: callerId, to: z.string().max(64).openapi({ example: "000012-0000346" }) })
        .openapi("Replacement"),
    ),
  },
  responses: answers(
    200,
    z
      .object({
        id: z.string(),
        from: z.string(),
        to: z.string(),
        moved: z.string().openapi({ example: "7.30" }),
        balance: shortBalanceSchema.openapi({ description: "Of the new card, when the balance had moved." }),
      })
      .openapi("Replaced"),
    [
      "bad_request",
      "unauthenticated",
      "insufficient_scope",
      "card_blocked",
      "not_found",
      "card_not_redeemed",
      "card_not_activated",
      "too_many_calls",
      "card_expired",
      "card_closed",
      "invalid_input",
      "id_reused",
      "try_again",
      "card_halted",
    ],
  ),
});

export function replaceRoutes() {
  const app = createRouter();
  app.openapi(replaceRoute, async (c) => {
    const { id, to } = c.req.valid("json");
    const old = await findCard(c, c.req.valid("param").serial);
    if (!old.ok) return problem(c, old.error);
    const next = await findCard(c, to);
    if (!next.ok) return problem(c, REPLACEMENT_FIELD);
    const { call } = old.value;
    const request = { id, to: next.value.call, ...doerOf(c) };
    const done = await c.var.services.cards.call(call, (card) => card.replace(call, request));
    const replayed = done.ok ? done.value.replayed : done.error.replayed === true;
    if (replayed) c.header("Idempotency-Replayed", "true");
    if (!done.ok) return moneyProblem(c, old.value, done.error);
    const { movedMicros, availableMicros, heldMicros, currency, other } = done.value;
    return c.json(
      {
        id,
        from: serialOf(call),
        to: other,
        moved: formatAmount(movedMicros, currency),
        balance: shortBalanceWire({ available: availableMicros, held: heldMicros }, currency),
      },
      200,
    );
  });
  return app;
}
