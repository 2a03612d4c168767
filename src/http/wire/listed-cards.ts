/** A card as the projection knows it: what search shows, with the time it was true. */
import { z } from "@hono/zod-openapi";
import { formatSerial } from "../../domain/serial.ts";
import { toRfc3339 } from "../../domain/time.ts";
import type { ProjectedCard } from "../../storage/cards.ts";
import { cardSchema, cardStatusSchema, fullBalanceWire, timeOrNull, wireTime } from "./cards.ts";

export const listedCardSchema = z
  .object({
    ...cardSchema.pick({
      serial: true,
      batch: true,
      partner: true,
      brand: true,
      profile: true,
      kind: true,
      mode: true,
      balance: true,
      openHolds: true,
    }).shape,
    status: cardStatusSchema,
    devices: z.number().int(),
    expiresAt: timeOrNull,
    firstUsedAt: timeOrNull,
    changedAt: z.string().openapi({ description: "The card's last change that is known here." }),
    asOf: z.string().openapi({ description: "When the projection learnt of it." }),
  })
  .openapi("ListedCard");

export function listedCardWire({ card, partner, brand, profile, currency, kind, mode }: ProjectedCard, nowMs: number) {
  const hasEnded = card.status === "active" && card.expiresAtMs !== null && card.expiresAtMs < nowMs;
  const balance = {
    credits: card.creditsMicros,
    debt: card.debtMicros,
    available: card.availableMicros,
    held: card.heldMicros,
    spent: card.spentMicros,
    reversed: card.reversedMicros,
    expired: card.expiredMicros,
  };
  return {
    serial: formatSerial({ batch: card.batch, card: card.card }),
    batch: card.batch,
    partner,
    brand,
    profile,
    kind,
    mode,
    status: hasEnded ? ("expired" as const) : (card.status as z.infer<typeof cardStatusSchema>),
    balance: fullBalanceWire(balance, currency),
    devices: card.devices,
    openHolds: card.openHolds,
    expiresAt: wireTime(card.expiresAtMs),
    firstUsedAt: wireTime(card.firstUsedAtMs),
    changedAt: toRfc3339(card.changedAtMs),
    asOf: toRfc3339(card.projectedAtMs),
  };
}
