/** One money command at a card's object, for every route that moves money. */
import type { Context } from "hono";
import type { CallDetails, MoneyOutcome } from "../domain/card-calls.ts";
import { destinationIsAllowed } from "../domain/destination.ts";
import type { Refusal } from "../domain/errors.ts";
import type { MoneyCommand } from "../domain/ledger/commands.ts";
import type { Result } from "../domain/result.ts";
import { doerOf } from "./audited.ts";
import type { AppEnv } from "./context.ts";
import type { FoundCard } from "./find-card.ts";
import { problem } from "./problem.ts";
import { heldWire } from "./wire/holds.ts";

/** A repeated command says so in a header, whether it was applied or refused. */
export async function runMoney(
  c: Context<AppEnv>,
  { call, terms }: FoundCard,
  command: MoneyCommand,
  details: CallDetails | null = null,
): Promise<Result<MoneyOutcome, Refusal>> {
  const destination = command.type === "hold" ? command.destination : null;
  const rules = {
    concurrentCalls: terms.profile?.concurrentCalls ?? 0,
    destinationAllowed:
      destination === null || (terms.profile !== null && destinationIsAllowed(terms.profile.destinations, destination)),
  };
  const request = { command, rules, details, ...doerOf(c) };
  const done = await c.get("services").cards.call(call, (card) => card.money(call, request));
  const replayed = done.ok ? done.value.replayed : done.error.replayed === true;
  if (replayed) c.header("Idempotency-Replayed", "true");
  return done;
}

/** A refusal of a money command with what belongs to it: the settled hold, the open ones, the step to send. */
export function moneyProblem(c: Context<AppEnv>, { terms }: FoundCard, refusal: Refusal): ReturnType<typeof problem> {
  const { hold, holds, expected } = refusal;
  const { currency } = terms.batch;
  return problem(c, refusal, {
    ...(hold && { hold: heldWire(hold, currency) }),
    ...(holds && { holds: holds.map((each) => heldWire(each, currency)) }),
    ...(expected !== undefined && { expected }),
  });
}
