/** Messages by queue, whatever the deployment's queues are called before their last words. */
import { consumeCardEvents } from "./card-events.ts";
import { consumeWebhookWakes } from "./webhook-wakes.ts";

export const consume = (batch: MessageBatch, env: Env): Promise<void> =>
  batch.queue.endsWith("-webhooks") ? consumeWebhookWakes(batch, env) : consumeCardEvents(batch, env);
