/** Webhooks and their deliveries on the wire. Secrets are no part of a webhook: they are shown beside it, once. */
import { z } from "@hono/zod-openapi";
import { toRfc3339 } from "../../domain/time.ts";
import {
  DELIVERY_ERRORS,
  DELIVERY_STATUSES,
  type Delivery,
  liveSecrets,
  WEBHOOK_EVENTS,
  type Webhook,
} from "../../domain/webhook.ts";
import { isDistinct } from "../sip-schemas.ts";

const events = z.array(z.enum(WEBHOOK_EVENTS)).min(1).max(WEBHOOK_EVENTS.length).refine(isDistinct, "Each event once.");

export const webhookInput = z
  .strictObject({
    url: z
      .string()
      .openapi({ example: "https://hooks.acme.example/ringfare", description: "https, a public host name." }),
    events,
    enabled: z.boolean().default(true),
  })
  .openapi("WebhookInput");

const instant = z.string().nullable();

export const webhookOutput = z
  .object({
    id: z.string(),
    url: z.string(),
    events: z.array(z.enum(WEBHOOK_EVENTS)),
    enabled: z.boolean(),
    disabledReason: z.enum(["request", "gone", "failing"]).nullable().openapi({
      description: "`gone`: the receiver answered 410. `failing`: nothing was delivered for three days.",
    }),
    failingSince: instant.openapi({ description: "The first failure since the last delivery." }),
    oldSecretsUntil: instant.openapi({ description: "Until when events are signed with an older secret too." }),
    createdAt: z.string(),
  })
  .openapi("Webhook");

export const newWebhookOutput = webhookOutput
  .extend({
    secret: z.string().openapi({ description: "Shown this once. `whsec_` and base64, as the libraries take it." }),
  })
  .openapi("NewWebhook");

export const rotatedOutput = z
  .object({ secret: z.string(), oldSecretsUntil: z.string() })
  .openapi("RotatedWebhookSecret");

export const deliveryOutput = z
  .object({
    id: z.string().openapi({ description: "The event's id, sent as `webhook-id` with every attempt." }),
    type: z.string(),
    card: z.string().nullable(),
    status: z.enum(DELIVERY_STATUSES),
    attempts: z.number().int(),
    responseStatus: z.number().int().nullable(),
    error: z.enum(DELIVERY_ERRORS).nullable().openapi({ description: "Of the last attempt." }),
    createdAt: z.string(),
    lastAttemptAt: instant,
    nextAttemptAt: instant.openapi({
      description: "null while an earlier event of the same card is not delivered, and once it has ended.",
    }),
    endedAt: instant,
  })
  .openapi("WebhookDelivery");

const timeOf = (ms: number | null): string | null => (ms === null ? null : toRfc3339(ms));

export function toWebhookWire(webhook: Webhook, nowMs: number): z.infer<typeof webhookOutput> {
  const ends = liveSecrets(webhook.secrets, nowMs).flatMap(({ untilMs }) => untilMs ?? []);
  return {
    id: webhook.id,
    url: webhook.url,
    events: WEBHOOK_EVENTS.filter((type) => webhook.events[type] !== undefined),
    enabled: webhook.enabled,
    disabledReason: webhook.disabledReason,
    failingSince: timeOf(webhook.failingSinceMs),
    oldSecretsUntil: timeOf(ends.length === 0 ? null : Math.max(...ends)),
    createdAt: toRfc3339(webhook.createdAtMs),
  };
}

export const toRotatedWire = ({
  secret,
  overlapUntilMs,
}: {
  readonly secret: string;
  readonly overlapUntilMs: number;
}): z.infer<typeof rotatedOutput> => ({ secret, oldSecretsUntil: toRfc3339(overlapUntilMs) });

export const toDeliveryWire = (delivery: Delivery): z.infer<typeof deliveryOutput> => ({
  id: delivery.eventId,
  type: delivery.type,
  card: delivery.lane === delivery.eventId ? null : delivery.lane,
  status: delivery.status,
  attempts: delivery.attempts,
  responseStatus: delivery.responseStatus,
  error: delivery.error,
  createdAt: toRfc3339(delivery.createdAtMs),
  lastAttemptAt: timeOf(delivery.lastAttemptAtMs),
  nextAttemptAt: timeOf(delivery.nextAttemptAtMs),
  endedAt: timeOf(delivery.endedAtMs),
});
