/** The queue's consumer: at least once, any order, so what it does is idempotent. A poisoned message harms no other. */
import { z } from "zod";
import { configOf } from "../config.ts";
import type { ActsEvent, AuditedAct } from "../domain/card-acts.ts";
import type { CardEvent, NoticeEvent, NoticesEvent } from "../domain/card-calls.ts";
import { CARD_NOTICES } from "../domain/card-notices.ts";
import { recordNotices } from "../services/record-notices.ts";
import { servicesOf } from "../services/services.ts";
import { projectCards } from "../storage/cards.ts";
import { cardActionSchema, runJobs, sweepSchema, type Job } from "./jobs.ts";

const micros = z.number().int().nonnegative();
const projectionSchema = z.object({
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

const noticeSchema = z.object({
  type: z.literal("event"),
  event: z.enum(CARD_NOTICES),
  id: z.string(),
  at: z.string(),
  batch: z.number().int(),
  card: z.number().int(),
  data: z.object({
    expiresAt: z.string().nullable(),
    balance: z.object({ available: z.string(), held: z.string(), currency: z.string() }),
    hold: z.object({ id: z.string(), charged: z.string(), shortfall: z.string() }).exactOptional(),
  }),
}) satisfies z.ZodType<NoticeEvent>;

const noticesSchema = z.object({
  type: z.literal("events"),
  events: z.array(noticeSchema),
}) satisfies z.ZodType<NoticesEvent>;

const actsSchema = z.object({
  type: z.literal("acts"),
  acts: z.array(
    z.object({
      id: z.string(),
      atMs: z.number().int(),
      owner: z.string(),
      act: z.string(),
      object: z.string(),
      details: z.record(z.string(), z.unknown()),
      reason: z.string().nullable(),
      actor: z.string(),
      actorOwner: z.string(),
      requestId: z.string(),
    }),
  ),
}) satisfies z.ZodType<ActsEvent>;

/** A notice by itself is what objects of the release before this one send. */
const messageSchema = z.discriminatedUnion("type", [
  projectionSchema,
  noticesSchema,
  noticeSchema,
  actsSchema,
  sweepSchema,
  cardActionSchema,
]);

/** While the database is down, the next time comes later and later, up to a quarter of an hour. */
const FIRST_RETRY_SECONDS = 5;
const LONGEST_RETRY_SECONDS = 900;

export async function consumeCardEvents(batch: MessageBatch, env: Env): Promise<void> {
  const services = servicesOf(env, configOf(env));
  const jobs: Job[] = [];
  const events: CardEvent[] = [];
  const notices: NoticeEvent[] = [];
  const acts: AuditedAct[] = [];
  for (const message of batch.messages) {
    const { data } = messageSchema.safeParse(message.body);
    if (data?.type === "card") events.push(data);
    else if (data?.type === "events") notices.push(...data.events);
    else if (data?.type === "event") notices.push(data);
    else if (data?.type === "acts") acts.push(...data.acts);
    else if (data) jobs.push({ message, job: data });
    else console.error(JSON.stringify({ event: "message_unreadable", id: message.id, attempts: message.attempts }));
  }
  // Only the newest of each card: one statement must not meet the same row twice.
  const newest = new Map<string, CardEvent>();
  for (const event of events) {
    const key = `${event.state.batch}-${event.state.card}`;
    const known = newest.get(key);
    if (!known || known.state.version < event.state.version) newest.set(key, event);
  }
  try {
    if (newest.size > 0) await projectCards(services.db, [...newest.values()], services.now());
    await recordNotices(services, notices);
    if (acts.length > 0) await services.audit.recordAll(acts);
  } catch (error) {
    // The whole batch comes again; that is safe, and D1 being down fails all of it alike.
    const attempts = Math.max(...batch.messages.map((message) => message.attempts));
    console.error(JSON.stringify({ event: "card_events_delayed", attempts, error: String(error) }));
    batch.retryAll({ delaySeconds: Math.min(FIRST_RETRY_SECONDS * 2 ** (attempts - 1), LONGEST_RETRY_SECONDS) });
    return;
  }
  await runJobs(services, jobs);
}
