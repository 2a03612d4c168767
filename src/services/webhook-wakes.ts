/** Waking deliverers: one message a webhook, sent when something there becomes due. */
import { SECOND_MS } from "../domain/time.ts";
import type { WebhookKey } from "../domain/webhook.ts";
import type { Database } from "../storage/database.ts";
import { expireDeliveries, forgetWakes, noteWakes, shortenLog } from "../storage/webhook-wakes.ts";

/** What the queue carries: somewhere something is due. What that is, the database knows. */
export type WakeMessage = { readonly type: "deliver" } & WebhookKey;

/** The queue takes this many messages at once. */
const MOST_AT_ONCE = 100;

export type WakeDeps = {
  readonly db: Database;
  readonly sendWakes: (messages: readonly { body: WakeMessage; delaySeconds: number }[]) => Promise<unknown>;
  readonly now: () => number;
};

/** For these webhooks, or all of them (null). Throws when the messages could not be sent; asking again sends them. */
export async function wakeDeliverers(
  { db, sendWakes, now }: WakeDeps,
  keys: readonly WebhookKey[] | null,
): Promise<void> {
  if (keys?.length === 0) return;
  const nowMs = now();
  const wakes = await noteWakes(db, keys, nowMs);
  try {
    for (let from = 0; from < wakes.length; from += MOST_AT_ONCE) {
      await sendWakes(
        wakes.slice(from, from + MOST_AT_ONCE).map(({ partner, id, atMs }) => ({
          body: { type: "deliver", partner, id },
          delaySeconds: Math.ceil((atMs - nowMs) / SECOND_MS),
        })),
      );
    }
  } catch (error) {
    await forgetWakes(db, wakes);
    throw error;
  }
}

/** By the clock: gives up what is too old, and forgets what is older still. */
export async function tidyWebhooks({ db, now }: WakeDeps): Promise<void> {
  await expireDeliveries(db, now());
  await shortenLog(db, now());
}
