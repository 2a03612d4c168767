/**
 * Outgoing webhooks: what partners are told, where to, and when it is tried again. Pure.
 * Bodies follow Standard Webhooks 1.0.0: `{type, timestamp, data}`.
 */
import { CARD_NOTICES } from "./card-notices.ts";
import { DAY_MS, SECOND_MS } from "./time.ts";

export const WEBHOOK_EVENTS = [...CARD_NOTICES, "alert"] as const;
export type WebhookEvent = (typeof WEBHOOK_EVENTS)[number];

/** Sent on request, whatever the webhook has subscribed to. */
export const TEST_EVENT = "webhook.test";

export const MAX_WEBHOOKS = 20;

/** Since when each type is told of; a type that is missing is not. */
export type Subscriptions = Readonly<Partial<Record<WebhookEvent, number>>>;

/** Why nothing is sent: somebody said so, the receiver answered 410, or it failed for days. */
export type DisabledReason = "request" | "gone" | "failing";

/** Newest first; all but the newest end. Ciphertext. */
export type SealedSecret = { readonly sealed: string; readonly untilMs: number | null };

export type WebhookKey = { readonly partner: string; readonly id: string };

export type Webhook = WebhookKey & {
  readonly url: string;
  readonly events: Subscriptions;
  readonly enabled: boolean;
  readonly disabledReason: DisabledReason | null;
  readonly secrets: readonly SealedSecret[];
  /** The first failure since the last success; null = it works, or nothing was tried yet. */
  readonly failingSinceMs: number | null;
  /** In a row. */
  readonly failures: number;
  /** Nothing is tried before; set while it fails. */
  readonly restUntilMs: number | null;
  readonly createdAtMs: number;
};

/**
 * The types wanted now. One that stays keeps its start, so that nothing on its way is missed; one that is new, or was
 * switched off, starts now, so that nothing old comes after newer events.
 */
export const subscribe = (
  types: readonly WebhookEvent[],
  before: Pick<Webhook, "events" | "enabled"> | undefined,
  nowMs: number,
): Subscriptions => Object.fromEntries(types.map((type) => [type, (before?.enabled && before.events[type]) || nowMs]));

/** Times of events have whole seconds. */
export const isWanted = (events: Subscriptions, type: WebhookEvent, atMs: number): boolean => {
  const sinceMs = events[type];
  return sinceMs !== undefined && atMs >= sinceMs - (sinceMs % SECOND_MS);
};

/** A secret that was replaced may be used by receivers for this long. */
export const MAX_OVERLAP_SECONDS = 7 * 86_400;
const MAX_SECRETS = 4;

export const liveSecrets = (secrets: readonly SealedSecret[], nowMs: number): SealedSecret[] =>
  secrets.filter(({ untilMs }) => untilMs === null || untilMs > nowMs);

/** A new secret comes first; the one before it ends with the overlap, earlier ones no later than they would have. */
export const rotated = (
  secrets: readonly SealedSecret[],
  sealed: string,
  { nowMs, overlapMs }: { readonly nowMs: number; readonly overlapMs: number },
): SealedSecret[] => {
  const endMs = nowMs + overlapMs;
  const older = secrets.map((secret) => ({ ...secret, untilMs: Math.min(secret.untilMs ?? endMs, endMs) }));
  return [{ sealed, untilMs: null }, ...liveSecrets(older, nowMs)].slice(0, MAX_SECRETS);
};

/** After the first, second, … failed attempt; the last one repeats. */
const RETRY_SECONDS = [10, 60, 300, 900, 1800, 3600, 7200, 14_400, 28_800] as const;
/**
 * Events tried so often and no more are tried at once when their receiver is back. One that failed more often is likely
 * to fail for itself, and keeps its pace.
 */
export const HASTENED_ATTEMPTS = RETRY_SECONDS.length - 1;
/** A receiver that is down is looked for at least this often, with one event. */
const LONGEST_REST_MS = 900 * SECOND_MS;
/** An event that could not be delivered for so long is given up; a webhook that failed for so long is disabled. */
export const GIVEN_UP_AFTER_MS = 3 * DAY_MS;
/** How long the log of deliveries goes back. */
export const LOG_KEPT_MS = 30 * DAY_MS;

export const retryDelayMs = (attempts: number): number =>
  (RETRY_SECONDS[Math.min(attempts, RETRY_SECONDS.length) - 1] ?? RETRY_SECONDS[0]) * SECOND_MS;

export const restMs = (failures: number): number => Math.min(retryDelayMs(failures), LONGEST_REST_MS);

export const DELIVERY_STATUSES = ["pending", "delivered", "failed"] as const;
export type DeliveryStatus = (typeof DELIVERY_STATUSES)[number];

/** Why an attempt failed. `expired`: it was never tried in time, because the webhook was disabled or its partner suspended. */
export const DELIVERY_ERRORS = [
  "status",
  "redirect",
  "gone",
  "timeout",
  "unreachable",
  "address_not_allowed",
  "expired",
] as const;
export type DeliveryError = (typeof DELIVERY_ERRORS)[number];

/** What one attempt came to. */
export type Attempt = {
  /** null = delivered. */
  readonly error: DeliveryError | null;
  /** null = there was no answer. */
  readonly responseStatus: number | null;
};

/** Only 2xx is a success; a redirect is none, because following it would send the event somewhere nobody named. */
export function attemptOf(responseStatus: number): Attempt {
  if (responseStatus >= 200 && responseStatus <= 299) return { error: null, responseStatus };
  if (responseStatus >= 300 && responseStatus <= 399) return { error: "redirect", responseStatus };
  return { error: responseStatus === 410 ? "gone" : "status", responseStatus };
}

/** An entry of the log. Events of one card share a lane and are delivered in its order. */
export type Delivery = {
  readonly seq: number;
  readonly eventId: string;
  readonly type: string;
  readonly lane: string;
  readonly body: string;
  readonly status: DeliveryStatus;
  readonly attempts: number;
  readonly createdAtMs: number;
  /** null = it waits behind an earlier event of its lane, or has ended. */
  readonly nextAttemptAtMs: number | null;
  readonly lastAttemptAtMs: number | null;
  readonly endedAtMs: number | null;
  readonly responseStatus: number | null;
  readonly error: DeliveryError | null;
};

/** An event for one webhook, before it is stored. */
export type NewDelivery = Pick<Delivery, "eventId" | "type" | "lane" | "body"> & {
  readonly partner: string;
  readonly webhook: string;
};

export const eventBody = (type: string, timestamp: string, data: object): string =>
  JSON.stringify({ type, timestamp, data });
