/** What owners do with their webhooks: set up, rotate the secret, ask for a test. Secrets leave here once, when made. */
import { webhookSecretPlace } from "../auth/sealing.ts";
import { newWebhookSecret } from "../auth/webhook-signing.ts";
import { invalidField, refuse, type Refusal } from "../domain/errors.ts";
import { err, ok, type Result } from "../domain/result.ts";
import { SECOND_MS, toRfc3339 } from "../domain/time.ts";
import {
  eventBody,
  MAX_WEBHOOKS,
  rotated,
  subscribe,
  TEST_EVENT,
  type Webhook,
  type WebhookEvent,
  type WebhookKey,
} from "../domain/webhook.ts";
import { webhookAddress } from "../domain/webhook-address.ts";
import { addTest } from "../storage/webhook-deliveries.ts";
import { findWebhook, putWebhook, replaceSecrets } from "../storage/webhooks.ts";
import type { Audited } from "./audit.ts";
import type { Services } from "./services.ts";
import { wakeDeliverers } from "./webhook-wakes.ts";

const MAX_TRIES = 10;

type Deps = Pick<Services, "db" | "sealer" | "sendWakes" | "addressRules" | "now">;

export type WebhookOrder = WebhookKey & {
  readonly url: string;
  readonly events: readonly WebhookEvent[];
  readonly enabled: boolean;
};

export type SavedWebhook = {
  readonly webhook: Webhook;
  /** null = it was there before, and its secret with it. */
  readonly secret: string | null;
};

/** Creates or replaces. The partner must exist. */
export async function saveWebhook(
  deps: Deps,
  audited: Audited,
  order: WebhookOrder,
): Promise<Result<SavedWebhook, Refusal>> {
  const { partner, id, events, enabled } = order;
  const { db, sealer, now } = deps;
  const address = webhookAddress(order.url, deps.addressRules);
  if (!address.ok) return err(invalidField("/url", address.error));
  const nowMs = now();
  const before = await findWebhook(db, order);
  const secret = newWebhookSecret();
  const ordered = {
    partner,
    id,
    url: address.value,
    events: subscribe(events, before, nowMs),
    enabled,
    disabledReason: enabled ? null : ("request" as const),
    secrets: [{ sealed: await sealer.seal(webhookSecretPlace(partner, id), secret), untilMs: null }],
    createdAtMs: nowMs,
  };
  const act = {
    owner: partner,
    act: "webhook.put",
    object: `webhook:${id}`,
    details: { url: address.value, events, enabled },
  } as const;
  const saved = await audited(act, (entry) => putWebhook(db, ordered, entry));
  if (saved === "too_many") return err(invalidField("", `A partner has at most ${MAX_WEBHOOKS} webhooks.`));
  const { outcome, webhook } = saved;
  // What waited while it was disabled, or rested because it failed, is tried at once.
  if (outcome === "replaced") await wakeDeliverers(deps, [order]);
  return ok({ webhook, secret: outcome === "created" ? secret : null });
}

/** A new secret; the one before signs beside it until the overlap ends, so that receivers change over in their own time. */
export async function rotateSecret(
  { db, sealer, now }: Deps,
  audited: Audited,
  { partner, id, overlapSeconds }: WebhookKey & { readonly overlapSeconds: number },
): Promise<Result<{ readonly secret: string; readonly overlapUntilMs: number }, Refusal>> {
  const secret = newWebhookSecret();
  const sealed = await sealer.seal(webhookSecretPlace(partner, id), secret);
  const overlapMs = overlapSeconds * SECOND_MS;
  const act = { owner: partner, act: "webhook.rotate", object: `webhook:${id}`, details: { overlapSeconds } } as const;
  return audited(act, async (entry) => {
    for (let tries = 0; tries < MAX_TRIES; tries += 1) {
      const webhook = await findWebhook(db, { partner, id });
      if (!webhook) return err(refuse("not_found"));
      const nowMs = now();
      const to = rotated(webhook.secrets, sealed, { nowMs, overlapMs });
      if (await replaceSecrets(db, { partner, id }, { from: webhook.secrets, to }, entry))
        return ok({ secret, overlapUntilMs: nowMs + overlapMs });
    }
    return err(refuse("try_again"));
  });
}

/** Sends a test event the way every event goes. Asked again while one waits, it is that one. */
export async function requestTest(deps: Deps, key: WebhookKey): Promise<Result<string, Refusal>> {
  const { partner, id } = key;
  const nowMs = deps.now();
  const eventId = `evt_test_${crypto.randomUUID()}`;
  const body = eventBody(TEST_EVENT, toRfc3339(nowMs), { webhook: id });
  const row = { partner, webhook: id, eventId, type: TEST_EVENT, lane: eventId, body };
  const waiting = await addTest(deps.db, row, nowMs);
  if (waiting === undefined) return err(refuse((await findWebhook(deps.db, key)) ? "webhook_disabled" : "not_found"));
  await wakeDeliverers(deps, [key]);
  return ok(waiting);
}
