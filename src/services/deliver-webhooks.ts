/**
 * Delivering to one webhook: rounds of what is due, a few at a time, until nothing is. Events of a card go one after the
 * other; cards do not wait for each other. A webhook at which everything fails rests, and is then tried with one event.
 */
import { webhookSecretPlace, type Sealer } from "../auth/sealing.ts";
import { signedHeaders } from "../auth/webhook-signing.ts";
import { OPERATOR, type Actor } from "../domain/audit.ts";
import { SECOND_MS, toRfc3339 } from "../domain/time.ts";
import { webhookAddress, type AddressRules } from "../domain/webhook-address.ts";
import {
  eventBody,
  GIVEN_UP_AFTER_MS,
  liveSecrets,
  restMs,
  retryDelayMs,
  type Attempt,
  type Delivery,
  type DisabledReason,
  type WebhookKey,
} from "../domain/webhook.ts";
import {
  disableWebhook,
  openRound,
  readAlertWebhooks,
  settleRound,
  takeDue,
  type Health,
  type Settled,
} from "../storage/webhook-attempts.ts";
import type { AuditTrail } from "./audit.ts";
import { postWebhook } from "./post-webhook.ts";
import { wakeDeliverers, type WakeDeps } from "./webhook-wakes.ts";

/** Within the platform's limit of connections that wait for an answer. */
const AT_ONCE = 5;
const MOST_ROUNDS = 200;
/** Then the rest is left to the next message. */
const WORK_MS = 60 * SECOND_MS;

export type DeliverDeps = WakeDeps & {
  readonly sealer: Sealer;
  readonly addressRules: AddressRules;
  readonly audit: AuditTrail;
};

/** Nobody asked: the service does it by itself. */
const SERVICE: Actor = { key: "service", owner: OPERATOR, requestId: "webhook delivery" };

type Target = NonNullable<Awaited<ReturnType<typeof openRound>>>;

export async function deliverDue(deps: DeliverDeps, key: WebhookKey): Promise<void> {
  const untilMs = deps.now() + WORK_MS;
  for (let round = 0; round < MOST_ROUNDS && deps.now() < untilMs; round += 1)
    if (!(await deliverRound(deps, key))) break;
  await wakeDeliverers(deps, [key]);
}

/** false = nothing more is to be done now. */
async function deliverRound(deps: DeliverDeps, key: WebhookKey): Promise<boolean> {
  const startMs = deps.now();
  const target = await openRound(deps.db, key, startMs);
  if (!target?.enabled || startMs < (target.restUntilMs ?? 0)) return false;
  const taken = await takeDue(deps.db, key, target.failures > 0 ? 1 : AT_ONCE, startMs);
  if (taken.length === 0) return false;
  const secrets = await openSecrets(deps.sealer, key, target, startMs);
  const attempts = await Promise.all(
    taken.map(async (delivery) => ({ delivery, attempt: await attemptAt(deps, target, secrets, delivery) })),
  );
  const nowMs = deps.now();
  const [first, ...others] = attempts.map(({ delivery, attempt }) => settledOf(delivery, attempt, nowMs));
  if (!first) return false;
  const worked = attempts.some(({ attempt }) => attempt.error === null);
  const isBack = worked && target.failures > 0;
  const health = worked ? (isBack ? HEALTHY : null) : failing(target, nowMs);
  await settleRound(deps.db, key, { settled: [first, ...others], health, isBack }, nowMs);
  const reason = reasonToDisable(attempts, health, nowMs);
  if (reason) await disable(deps, key, reason);
  return reason === null && worked;
}

const openSecrets = (sealer: Sealer, { partner, id }: WebhookKey, { secrets }: Target, nowMs: number) =>
  Promise.all(liveSecrets(secrets, nowMs).map(({ sealed }) => sealer.open(webhookSecretPlace(partner, id), sealed)));

/** The address was checked when it was set; the rules may have changed since. */
async function attemptAt(
  { addressRules, now }: DeliverDeps,
  { url }: Target,
  secrets: readonly string[],
  { eventId, body }: Delivery,
): Promise<Attempt> {
  const address = webhookAddress(url, addressRules);
  if (!address.ok) return { error: "address_not_allowed", responseStatus: null };
  return postWebhook({ url: address.value, headers: signedHeaders(secrets, { id: eventId, atMs: now(), body }), body });
}

function settledOf(delivery: Delivery, attempt: Attempt, nowMs: number): Settled {
  const retryAtMs = nowMs + retryDelayMs(delivery.attempts);
  const isOver = attempt.error === null || retryAtMs > delivery.createdAtMs + GIVEN_UP_AFTER_MS;
  return { delivery, attempt, retryAtMs: isOver ? null : retryAtMs };
}

const HEALTHY: Health = { failingSinceMs: null, failures: 0, restUntilMs: null };

const failing = ({ failingSinceMs, failures }: Target, nowMs: number): Health => ({
  failingSinceMs: failingSinceMs ?? nowMs,
  failures: failures + 1,
  restUntilMs: nowMs + restMs(failures + 1),
});

function reasonToDisable(
  attempts: readonly { readonly attempt: Attempt }[],
  health: Health | null,
  nowMs: number,
): DisabledReason | null {
  if (attempts.some(({ attempt }) => attempt.error === "gone")) return "gone";
  const sinceMs = health?.failingSinceMs ?? null;
  return sinceMs !== null && nowMs - sinceMs >= GIVEN_UP_AFTER_MS ? "failing" : null;
}

async function disable(deps: DeliverDeps, key: WebhookKey, reason: DisabledReason): Promise<void> {
  const nowMs = deps.now();
  const eventId = `evt_alert_${crypto.randomUUID()}`;
  const body = eventBody("alert", toRfc3339(nowMs), { alert: "webhook_disabled", webhook: key.id, reason });
  const { partner } = key;
  const others = await readAlertWebhooks(deps.db, key);
  const alerts = others.map((webhook) => ({ partner, webhook, eventId, type: "alert", lane: eventId, body }));
  const act = { owner: partner, act: "webhook.disable", object: `webhook:${key.id}`, details: { reason } } as const;
  const isMine = await deps.audit.run(SERVICE, act, (entry) =>
    disableWebhook(deps.db, key, { reason, alerts, nowMs }, entry),
  );
  if (!isMine) return;
  console.error(JSON.stringify({ event: "alert", alert: "webhook_disabled", partner, webhook: key.id, reason }));
  await wakeDeliverers(
    deps,
    others.map((id) => ({ partner, id })),
  );
}
