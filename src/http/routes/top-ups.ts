/** POST /v1/me/top-ups: a voucher's code pays into the holder's card. */
import { createRoute, z } from "@hono/zod-openapi";
import { formatAmount } from "../../domain/money.ts";
import { sourceOf } from "../../domain/source.ts";
import { topUp } from "../../services/top-up.ts";
import { createRouter } from "../context.ts";
import { asHolder } from "../middleware/holder.ts";
import { problem } from "../problem.ts";
import { answers, callerId, jsonBody } from "../schemas.ts";
import { shortBalanceSchema, shortBalanceWire } from "../wire/cards.ts";

const topUpRoute = createRoute({
  method: "post",
  path: "/v1/me/top-ups",
  tags: ["Card holder"],
  operationId: "topUp",
  summary: "Top up with a voucher",
  description:
    "Pays in the voucher's face value × `multiplier` + `addition` of its batch's bonus. A voucher pays once; the card it paid into gets its first answer again under any id. At most 20 codes a card and day that pay nothing in.",
  ...asHolder,
  request: jsonBody(
    z
      .strictObject({
        id: callerId,
        code: z.string().openapi({ example: "7K3M-Q9TX-2WHD-PC4V", description: "As printed on the voucher." }),
      })
      .openapi("TopUpRequest"),
  ),
  responses: answers(
    200,
    z
      .object({
        id: z.string(),
        credited: z.string().openapi({ example: "10.00" }),
        voucher: z.string().openapi({ example: "000013-0000007", description: "The voucher's serial." }),
        balance: shortBalanceSchema,
      })
      .openapi("ToppedUp"),
    [
      "bad_request",
      "unauthenticated",
      "card_blocked",
      "device_signed_out",
      "code_unknown",
      "voucher_used",
      "card_not_activated",
      "batch_paused",
      "card_expired",
      "card_recalled",
      "card_closed",
      "voucher_expired",
      "payload_too_large",
      "unsupported_media_type",
      "invalid_input",
      "code_malformed",
      "check_failed",
      "wrong_kind",
      "currency_mismatch",
      "id_reused",
      "too_many_attempts",
      "try_again",
      "card_halted",
    ],
  ),
});

export function topUpRoutes() {
  const app = createRouter();
  app.openapi(topUpRoute, async (c) => {
    const { id, code } = c.req.valid("json");
    const { config, holder, services } = c.var;
    const { catalogue, budget, cards } = services;
    const deps = { catalogue, budget, cards, codeKeys: config.codeKeys };
    const source = sourceOf(c.req.header("CF-Connecting-IP") ?? null);
    const done = await topUp(deps, holder, { id, code, source });
    const replayed = done.ok ? done.value.replayed : done.error.replayed === true;
    if (replayed) c.header("Idempotency-Replayed", "true");
    if (!done.ok) return problem(c, done.error);
    const { movedMicros, availableMicros, heldMicros, currency, other } = done.value;
    return c.json(
      {
        id: done.value.id,
        credited: formatAmount(movedMicros, currency),
        voucher: other,
        balance: shortBalanceWire({ available: availableMicros, held: heldMicros }, currency),
      },
      200,
    );
  });
  return app;
}
