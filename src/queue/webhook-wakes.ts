/** The consumer of wakes: delivers what is due at one webhook. A message that is lost or doubled changes nothing. */
import { z } from "zod";
import { configOf } from "../config.ts";
import { deliverDue } from "../services/deliver-webhooks.ts";
import { servicesOf } from "../services/services.ts";
import type { WakeMessage } from "../services/webhook-wakes.ts";

const wakeSchema = z.object({
  type: z.literal("deliver"),
  partner: z.string(),
  id: z.string(),
}) satisfies z.ZodType<WakeMessage>;

export async function consumeWebhookWakes(batch: MessageBatch, env: Env): Promise<void> {
  const services = servicesOf(env, configOf(env));
  for (const message of batch.messages) {
    const { data } = wakeSchema.safeParse(message.body);
    if (!data) {
      console.error(JSON.stringify({ event: "message_unreadable", id: message.id, attempts: message.attempts }));
      continue;
    }
    const { partner, id } = data;
    try {
      await deliverDue(services, { partner, id });
    } catch (error) {
      const { attempts } = message;
      console.error(JSON.stringify({ event: "webhook_delayed", partner, webhook: id, attempts, error: String(error) }));
      message.retry();
    }
  }
}
