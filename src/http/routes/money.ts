/** Credits and debits of one card, and their reversals: ids make every retry safe; the answer is 200 however often it is asked. */
import { createRoute, z } from "@hono/zod-openapi";
import { invalidField } from "../../domain/errors.ts";
import type { MoneyCommand } from "../../domain/ledger/commands.ts";
import { formatAmount } from "../../domain/money.ts";
import { creditWithinLimits } from "../../services/credit-within-limits.ts";
import { createRouter } from "../context.ts";
import { findCard } from "../find-card.ts";
import { KEY_REFUSALS, keyed } from "../middleware/key.ts";
import { problem } from "../problem.ts";
import { moneyProblem, runMoney } from "../run-money.ts";
import {
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
import { outcomeBalanceWire, shortBalanceSchema } from "../wire/cards.ts";

const moneyParams = z.object({ serial: z.string().openapi({ example: "000012-0000345" }), id: callerId });

const MONEY_REFUSALS = [
  "not_found",
  "card_not_redeemed",
  "card_not_activated",
  "card_expired",
  "card_recalled",
  "card_closed",
  "invalid_input",
  "currency_mismatch",
  "id_reused",
  "card_halted",
  ...KEY_REFUSALS,
  ...BODY_REFUSALS,
] as const;

const creditRoute = createRoute({
  method: "put",
  path: "/v1/cards/{serial}/credits/{id}",
  tags: ["Money"],
  summary: "Credit a card",
  description:
    "Pays debt first. The same id with the same body has one effect and one answer for the card's life. Beyond what the partner may credit in a day of its time zone, or may have outstanding: 402 `limit_exceeded`.",
  ...keyed("creditCard"),
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
    [...MONEY_REFUSALS, "limit_exceeded"],
  ),
});

const debitRoute = createRoute({
  method: "put",
  path: "/v1/cards/{serial}/debits/{id}",
  tags: ["Switch"],
  summary: "Debit a card",
  description: "Takes the amount, or with `minimum` what there is down to it. Never below zero.",
  ...keyed("debitCard"),
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
          call: callDetailsSchema.optional(),
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

const reversalRoute = (of: "credits" | "debits") =>
  createRoute({
    method: "post",
    path: `/v1/cards/{serial}/${of}/{id}/reversals/{reversal}`,
    tags: ["Money"],
    summary: of === "credits" ? "Take a credit back" : "Give a debit back",
    description:
      of === "credits"
        ? "Takes what is available; the rest becomes debt, which blocks the card until later credit has paid it. All reversals of a credit together are at most the credit."
        : "Gives back what was spent, debt first. All reversals of a debit together are at most what it collected.",
    ...keyed(of === "credits" ? "reverseCredit" : "reverseDebit"),
    request: {
      params: z.object({ ...moneyParams.shape, reversal: callerId }),
      ...jsonBody(
        z.strictObject({ amount: positiveAmount.optional(), reason: visibleText(200, 1) }).openapi("Reversal"),
      ),
    },
    responses: answers(
      200,
      z
        .object({ id: z.string(), amount: z.string(), debt: z.string(), balance: shortBalanceSchema })
        .openapi("Reversed"),
      MONEY_REFUSALS,
    ),
  });

export function moneyRoutes() {
  const app = createRouter();
  addMoves(app);
  addReversals(app);
  return app;
}

type Router = ReturnType<typeof createRouter>;

function addMoves(app: Router): void {
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
    const found = await findCard(c, serial);
    if (!found.ok) return problem(c, found.error);
    const { terms, card } = found.value.call;
    const done = await creditWithinLimits(
      c.var.services,
      { terms, card, id, amountMicros: command.amountMicros, currency: unit },
      () => runMoney(c, found.value, command),
    );
    if (!done.ok) return moneyProblem(c, found.value, done.error);
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
    const { amount, currency: unit, minimum, subject, call } = c.req.valid("json");
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
    const found = await findCard(c, serial, "none");
    if (!found.ok) return problem(c, found.error);
    const done = await runMoney(c, found.value, command, readCallDetails(call));
    if (!done.ok) return moneyProblem(c, found.value, done.error);
    const { movedMicros, restMicros } = done.value;
    const balance = outcomeBalanceWire(done.value);
    return c.json(
      { id, collected: formatAmount(movedMicros, unit), shortfall: formatAmount(restMicros, unit), balance },
      200,
    );
  });
}

function addReversals(app: Router): void {
  for (const of of ["credits", "debits"] as const) {
    app.openapi(reversalRoute(of), async (c) => {
      const { serial, id: original, reversal: id } = c.req.valid("param");
      const { amount, reason } = c.req.valid("json");
      const type = of === "credits" ? "credit_reversal" : "debit_reversal";
      const command: MoneyCommand = {
        type,
        id,
        original,
        amountMicros: amount === undefined ? null : microsOf(amount),
        reason,
      };
      const found = await findCard(c, serial);
      if (!found.ok) return problem(c, found.error);
      const done = await runMoney(c, found.value, command);
      if (!done.ok) return moneyProblem(c, found.value, done.error);
      const { movedMicros, restMicros, currency: unit } = done.value;
      return c.json(
        {
          id,
          amount: formatAmount(movedMicros, unit),
          debt: formatAmount(restMicros, unit),
          balance: outcomeBalanceWire(done.value),
        },
        200,
      );
    });
  }
}
