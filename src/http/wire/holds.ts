/** Holds as the switch sees them: the answer of every step, and a hold as it stands. */
import { z } from "@hono/zod-openapi";
import type { CardView, MoneyOutcome } from "../../domain/card-calls.ts";
import type { Hold } from "../../domain/hold.ts";
import { formatAmount } from "../../domain/money.ts";
import type { CatalogueTerms } from "../../domain/terms.ts";
import { toRfc3339 } from "../../domain/time.ts";
import { outcomeBalanceWire, shortBalanceSchema, shortBalanceWire } from "./cards.ts";

const callingSchema = z.object({
  routeGroup: z.string().nullable(),
  techPrefix: z.string().nullable(),
  callerId: z.object({ mode: z.enum(["fixed", "anonymous", "card"]), number: z.string().nullable() }),
  concurrentCalls: z.number().int(),
});

const stateSchema = z.enum(["open", "committed", "released", "expired", "late"]);

export const holdAnswerSchema = z
  .object({
    id: z.string(),
    state: stateSchema.openapi({ description: "The hold's present state, also in the answer to a repeated request." }),
    granted: z.string(),
    final: z.boolean().openapi({ description: "Nothing is available after this grant." }),
    sequence: z.number().int(),
    expiresAt: z.string(),
    serverTime: z.string(),
    charged: z.string().openapi({ description: "By this step; of a hold that is read, in all." }),
    released: z.string(),
    shortfall: z.string().openapi({ description: "Used, but neither held nor available." }),
    balance: shortBalanceSchema,
    profile: callingSchema,
  })
  .openapi("HoldAnswer");

const callingWire = ({ trunk, profile }: CatalogueTerms) => ({
  routeGroup: trunk?.routeGroup ?? null,
  techPrefix: trunk?.techPrefix ?? null,
  callerId: { mode: profile?.callerId.mode ?? ("anonymous" as const), number: profile?.callerId.number ?? null },
  concurrentCalls: profile?.concurrentCalls ?? 0,
});

export function holdAnswerWire(terms: CatalogueTerms, outcome: MoneyOutcome): z.infer<typeof holdAnswerSchema> {
  const { currency, hold, nowMs } = outcome;
  return {
    id: outcome.id,
    state: hold?.state ?? "open",
    granted: formatAmount(outcome.grantedMicros, currency),
    final: outcome.availableMicros === 0,
    sequence: hold?.sequence ?? 0,
    expiresAt: toRfc3339(hold?.expiresAtMs ?? nowMs),
    serverTime: toRfc3339(nowMs),
    charged: formatAmount(outcome.movedMicros, currency),
    released: formatAmount(outcome.releasedMicros, currency),
    shortfall: formatAmount(outcome.restMicros, currency),
    balance: outcomeBalanceWire(outcome),
    profile: callingWire(terms),
  };
}

export const heldSchema = z
  .object({
    id: z.string(),
    state: stateSchema,
    amount: z.string().openapi({ description: "Set aside; once settled, what was set aside when it ended." }),
    sequence: z.number().int(),
    charged: z.string(),
    released: z.string(),
    shortfall: z.string(),
    subject: z.string().nullable(),
    destination: z.string().nullable(),
    reference: z.string().nullable(),
    createdAt: z.string(),
    expiresAt: z.string(),
  })
  .openapi("Hold");

export const heldWire = (hold: Hold, currency: string): z.infer<typeof heldSchema> => ({
  id: hold.id,
  state: hold.state,
  amount: formatAmount(hold.amountMicros, currency),
  sequence: hold.sequence,
  charged: formatAmount(hold.chargedMicros, currency),
  released: formatAmount(hold.releasedMicros, currency),
  shortfall: formatAmount(hold.shortfallMicros, currency),
  subject: hold.subject,
  destination: hold.destination,
  reference: hold.reference,
  createdAt: toRfc3339(hold.createdAtMs),
  expiresAt: toRfc3339(hold.expiresAtMs),
});

/** A hold that is read: totals instead of a step's figures, and the card's balance now. */
export function holdNowWire(
  terms: CatalogueTerms,
  hold: Hold,
  card: CardView,
  nowMs: number,
): z.infer<typeof holdAnswerSchema> {
  const { currency } = card;
  return {
    id: hold.id,
    state: hold.state,
    granted: formatAmount(hold.amountMicros, currency),
    final: card.balance.available === 0,
    sequence: hold.sequence,
    expiresAt: toRfc3339(hold.expiresAtMs),
    serverTime: toRfc3339(nowMs),
    charged: formatAmount(hold.chargedMicros, currency),
    released: formatAmount(hold.releasedMicros, currency),
    shortfall: formatAmount(hold.shortfallMicros, currency),
    balance: shortBalanceWire(card.balance, currency),
    profile: callingWire(terms),
  };
}
