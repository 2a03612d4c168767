/** Credits and debits of one card: the id in the path makes every retry safe; the answer is 200 however often it is asked. */
import { createRoute, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import type { CardCall } from "../../domain/card.ts";
import type { MoneyOutcome } from "../../domain/card-calls.ts";
import { invalidField, type Refusal } from "../../domain/errors.ts";
import type { MoneyCommand } from "../../domain/ledger/commands.ts";
import { formatAmount } from "../../domain/money.ts";
import type { Result } from "../../domain/result.ts";
import { createRouter, type AppEnv } from "../context.ts";
import { findCard } from "../find-card.ts";
import { keyed } from "../middleware/key.ts";
import { problem } from "../problem.ts";
import { answers, callerId, currency, jsonBody, microsOf, positiveAmount, visibleText } from "../schemas.ts";
import { outcomeBalanceWire, shortBalanceSchema } from "../wire/cards.ts";

const moneyParams = z.object({ serial: z.string().openapi({ example: "000012-0000345" }), id: callerId });

const MONEY_REFUSALS = [
  "bad_request",
  "unauthenticated",
  "insufficient_scope",
  "not_found",
  "card_not_redeemed",
  "card_not_activated",
  "card_expired",
  "card_recalled",
  "card_closed",
  "invalid_input",
  "currency_mismatch",
  "id_reused",
  "try_again",
  "card_halted",
] as const;

const creditRoute = createRoute({
  method: "put",
  path: "/v1/cards/{serial}/credits/{id}",
  tags: ["Money"],
  summary: "Credit a card",
  description: "Pays debt first. The same id with the same body has one effect and one answer for the card's life.",
  ...keyed({ scopes: ["credit:write"] }),
  request: {
    params: moneyParams,
    ...jsonBody(
      z
        .strictObject({
          amount: positiveAmount,
          currency,
          source: z.enum(["top_up", "payment", "goodwill", "refund"]),
          reason: visibleText(200, 1).optional(),
        })
        .openapi("Credit"),
    ),
  },
  responses: answers(
    200,
    z
      .object({
        id: z.string(),
        amount: z.string(),
        currency: z.string(),
        balance: shortBalanceSchema,
        debtPaid: z.string(),
      })
      .openapi("Credited"),
    MONEY_REFUSALS,
  ),
});

const debitRoute = createRoute({
  method: "put",
  path: "/v1/cards/{serial}/debits/{id}",
  tags: ["Switch"],
  summary: "Debit a card",
  description: "Takes the amount, or with `minimum` what there is down to it. Never below zero.",
  ...keyed({ scopes: ["switch"] }),
  request: {
    params: moneyParams,
    ...jsonBody(
      z
        .strictObject({
          amount: positiveAmount,
          currency,
          minimum: positiveAmount.optional(),
          subject: z
            .string()
            .max(64)
            .optional()
            .openapi({ description: "The authenticated SIP user; a signed-out device's is refused." }),
        })
        .openapi("Debit"),
    ),
  },
  responses: answers(
    200,
    z
      .object({ id: z.string(), collected: z.string(), shortfall: z.string(), balance: shortBalanceSchema })
      .openapi("Debited"),
    [...MONEY_REFUSALS, "insufficient_credit", "card_blocked", "credential_revoked"],
  ),
});

export function moneyRoutes() {
  const app = createRouter();

  app.openapi(creditRoute, async (c) => {
    const { serial, id } = c.req.valid("param");
    const { amount, currency: unit, source, reason } = c.req.valid("json");
    const command: MoneyCommand = {
      type: "credit",
      id,
      amountMicros: microsOf(amount),
      currency: unit,
      source,
      reason: reason ?? null,
    };
    const call = await findCard(c, serial);
    if (!call.ok) return problem(c, call.error);
    const done = await run(c, call.value, command);
    if (!done.ok) return problem(c, done.error);
    const { movedMicros, restMicros } = done.value;
    const balance = outcomeBalanceWire(done.value);
    return c.json(
      {
        id,
        amount: formatAmount(movedMicros, unit),
        currency: unit,
        balance,
        debtPaid: formatAmount(restMicros, unit),
      },
      200,
    );
  });

  app.openapi(debitRoute, async (c) => {
    const { serial, id } = c.req.valid("param");
    const { amount, currency: unit, minimum, subject } = c.req.valid("json");
    const minimumMicros = minimum === undefined ? null : microsOf(minimum);
    const command: MoneyCommand = {
      type: "debit",
      id,
      amountMicros: microsOf(amount),
      currency: unit,
      minimumMicros,
      subject: subject ?? null,
    };
    if ((minimumMicros ?? 0) > command.amountMicros) return problem(c, invalidField("/minimum", "At most the amount."));
    const call = await findCard(c, serial, { bySwitch: true });
    if (!call.ok) return problem(c, call.error);
    const done = await run(c, call.value, command);
    if (!done.ok) return problem(c, done.error);
    const { movedMicros, restMicros } = done.value;
    const balance = outcomeBalanceWire(done.value);
    return c.json(
      { id, collected: formatAmount(movedMicros, unit), shortfall: formatAmount(restMicros, unit), balance },
      200,
    );
  });

  return app;
}

/** One command at the card's object; a repeated one says so in a header, whether it was applied or refused. */
async function run(c: Context<AppEnv>, call: CardCall, command: MoneyCommand): Promise<Result<MoneyOutcome, Refusal>> {
  const done = await c.var.services.cards.call(call, (card) => card.money(call, command));
  const replayed = done.ok ? done.value.replayed : done.error.replayed === true;
  if (replayed) c.header("Idempotency-Replayed", "true");
  return done;
}
