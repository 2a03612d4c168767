/** The queue's consumer: at least once, any order, so what it does is idempotent. A poisoned message harms no other. */
import { z } from "zod";
import { configOf } from "../config.ts";
import type { CardEvent } from "../domain/card-calls.ts";
import { servicesOf } from "../services/services.ts";
import { projectCards } from "../storage/cards.ts";

const micros = z.number().int().nonnegative();
const eventSchema = z.object({
  type: z.literal("card"),
  atMs: z.number().int(),
  state: z.object({
    batch: z.number().int(),
    card: z.number().int(),
    version: z.number().int(),
    status: z.enum(["issued", "not_activated", "active", "blocked", "expired", "recalled", "closed"]),
    balance: z.object({
      credits: micros,
      debt: micros,
      available: micros,
      held: micros,
      spent: micros,
      reversed: micros,
      expired: micros,
    }),
    shortfallMicros: micros,
    firstUsedAtMs: z.number().int().nullable(),
    expiresAtMs: z.number().int().nullable(),
    devices: z.number().int(),
    openHolds: z.number().int(),
  }),
}) satisfies z.ZodType<CardEvent>;

export async function consumeCardEvents(batch: MessageBatch, env: Env): Promise<void> {
  const { db, now } = servicesOf(env, configOf(env));
  const events: CardEvent[] = [];
  for (const message of batch.messages) {
    const parsed = eventSchema.safeParse(message.body);
    if (parsed.success) events.push(parsed.data);
    else console.error(JSON.stringify({ event: "message_unreadable", id: message.id, attempts: message.attempts }));
  }
  // Only the newest of each card: one statement must not meet the same row twice.
  const newest = new Map<string, CardEvent>();
  for (const event of events) {
    const key = `${event.state.batch}-${event.state.card}`;
    const known = newest.get(key);
    if (!known || known.state.version < event.state.version) newest.set(key, event);
  }
  // A failure retries the whole batch; that is safe, and D1 being down fails all of it alike.
  if (newest.size > 0) await projectCards(db, [...newest.values()], now());
}
