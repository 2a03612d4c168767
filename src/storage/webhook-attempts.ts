/**
 * Trying deliveries: who does what is decided by one statement each, so that any number of deliverers may run.
 * A row that was taken and never settled (a crash) is due again when its lease ends.
 */
import { and, eq, gt, lte, sql } from "drizzle-orm";
import { SECOND_MS } from "../domain/time.ts";
import {
  HASTENED_ATTEMPTS,
  type Attempt,
  type Delivery,
  type DisabledReason,
  type NewDelivery,
  type Webhook,
  type WebhookKey,
} from "../domain/webhook.ts";
import { auditRow, type AuditEntry } from "./audit.ts";
import type { Database, Db } from "./database.ts";
import { partners, webhookDeliveries, webhooks } from "./schema.ts";
import { insertDeliveries, isOf, isPending, releaseFirst } from "./webhook-deliveries.ts";
import { isWebhook } from "./webhooks.ts";

/** Longer than an attempt may take. */
export const LEASE_MS = 60 * SECOND_MS;

/** Takes what is due and first in its lane, earliest first. */
export async function takeDue(db: Database, key: WebhookKey, most: number, nowMs: number): Promise<Delivery[]> {
  const due = sql`SELECT seq FROM webhook_deliveries WHERE partner = ${key.partner} AND webhook = ${key.id}
    AND status = 'pending' AND next_attempt_at_ms <= ${nowMs} ORDER BY next_attempt_at_ms, seq LIMIT ${most}`;
  return db.write("webhook attempts", (q) =>
    q
      .update(webhookDeliveries)
      .set({
        attempts: sql`${webhookDeliveries.attempts} + 1`,
        nextAttemptAtMs: nowMs + LEASE_MS,
        lastAttemptAtMs: nowMs,
      })
      .where(sql`${webhookDeliveries.seq} IN (${due})`)
      .returning(),
  );
}

/** How an attempt ended for its row. `retryAtMs` null = it has ended, delivered or given up. */
export type Settled = { readonly delivery: Delivery; readonly attempt: Attempt; readonly retryAtMs: number | null };

/** How the webhook stands after a round of attempts; null = as before. */
export type Health = Pick<Webhook, "failingSinceMs" | "failures" | "restUntilMs">;

const settle = (q: Db, { delivery, attempt, retryAtMs }: Settled, nowMs: number) => {
  const isDelivered = attempt.error === null;
  const ended = retryAtMs === null ? ({ status: isDelivered ? "delivered" : "failed", endedAtMs: nowMs } as const) : {};
  return q
    .update(webhookDeliveries)
    .set({ ...ended, ...attempt, nextAttemptAtMs: retryAtMs })
    .where(
      and(
        eq(webhookDeliveries.seq, delivery.seq),
        isPending,
        // A success counts however late it is known; a failure only if nobody has tried again since.
        isDelivered ? undefined : eq(webhookDeliveries.attempts, delivery.attempts),
      ),
    );
};

/** What waits for a later attempt is due: the receiver is back. What is taken now is left alone. */
const hasten = (q: Db, key: WebhookKey, nowMs: number) =>
  q
    .update(webhookDeliveries)
    .set({ nextAttemptAtMs: nowMs })
    .where(
      and(
        isOf(key),
        isPending,
        gt(webhookDeliveries.nextAttemptAtMs, nowMs + LEASE_MS),
        lte(webhookDeliveries.attempts, HASTENED_ATTEMPTS),
      ),
    );

export type Round = {
  readonly settled: readonly [Settled, ...Settled[]];
  readonly health: Health | null;
  /** The webhook failed before and works again. */
  readonly isBack: boolean;
};

export async function settleRound(
  db: Database,
  key: WebhookKey,
  { settled: [first, ...others], health, isBack }: Round,
  nowMs: number,
): Promise<void> {
  const lanes = [first, ...others]
    .filter(({ retryAtMs }) => retryAtMs === null)
    .map(({ delivery: { lane } }) => ({ partner: key.partner, webhook: key.id, lane }));
  await db.write("webhook results", (q) =>
    q.batch([
      settle(q, first, nowMs),
      ...others.map((each) => settle(q, each, nowMs)),
      ...(lanes.length > 0 ? [releaseFirst(q, lanes, nowMs)] : []),
      ...(health ? [q.update(webhooks).set(health).where(isWebhook(key))] : []),
      ...(isBack ? [hasten(q, key, nowMs)] : []),
    ]),
  );
}

/**
 * Disables a webhook and tells the partner's others that want alerts, at once and once: whoever finds it disabled changes
 * nothing. false = somebody else was faster.
 */
export async function disableWebhook(
  db: Database,
  key: WebhookKey,
  change: { readonly reason: DisabledReason; readonly alerts: readonly NewDelivery[]; readonly nowMs: number },
  entry: AuditEntry,
): Promise<boolean> {
  const { reason, alerts, nowMs } = change;
  const [, , disabled] = await db.write("webhook", (q) =>
    q.batch([
      insertDeliveries(q, alerts, nowMs, key),
      releaseFirst(q, alerts, nowMs),
      q
        .update(webhooks)
        .set({ enabled: false, disabledReason: reason })
        .where(and(isWebhook(key), eq(webhooks.enabled, true)))
        .returning({ id: webhooks.id }),
      auditRow(q, entry),
    ]),
  );
  return disabled.length > 0;
}

/** The partner's enabled webhooks that want alerts, but for one. */
export async function readAlertWebhooks(db: Database, { partner, id }: WebhookKey): Promise<string[]> {
  const rows = await db.read("webhooks", (q) =>
    q
      .select({ id: webhooks.id })
      .from(webhooks)
      .where(
        and(
          eq(webhooks.partner, partner),
          eq(webhooks.enabled, true),
          sql`${webhooks.id} <> ${id}`,
          sql`json_extract(${webhooks.events}, '$.alert') IS NOT NULL`,
        ),
      ),
  );
  return rows.map((row) => row.id);
}

/** The wake has come: the next one may be sent. Undefined = there is no such webhook, or its partner is suspended. */
export async function openRound(
  db: Database,
  key: WebhookKey,
  nowMs: number,
): Promise<Pick<Webhook, "url" | "enabled" | "secrets" | "failingSinceMs" | "failures" | "restUntilMs"> | undefined> {
  const [, [webhook]] = await db.write("webhook round", (q) =>
    q.batch([
      q
        .update(webhooks)
        .set({ wakeAtMs: null })
        .where(and(isWebhook(key), lte(webhooks.wakeAtMs, nowMs + SECOND_MS))),
      q
        .select({
          url: webhooks.url,
          enabled: webhooks.enabled,
          secrets: webhooks.secrets,
          failingSinceMs: webhooks.failingSinceMs,
          failures: webhooks.failures,
          restUntilMs: webhooks.restUntilMs,
        })
        .from(webhooks)
        .where(
          and(
            isWebhook(key),
            sql`EXISTS (SELECT 1 FROM ${partners} AS p WHERE p.id = ${key.partner} AND p.status = 'active')`,
          ),
        ),
    ]),
  );
  return webhook;
}
