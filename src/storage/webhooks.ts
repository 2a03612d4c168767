/** Webhooks of partners in D1. Secrets pass through as ciphertext only. */
import { and, asc, eq, gt, sql } from "drizzle-orm";
import { MAX_WEBHOOKS, type SealedSecret, type Webhook, type WebhookKey } from "../domain/webhook.ts";
import { auditRow, type AuditEntry } from "./audit.ts";
import type { Database } from "./database.ts";
import { webhookDeliveries, webhooks } from "./schema.ts";

const COLUMNS = {
  partner: webhooks.partner,
  id: webhooks.id,
  url: webhooks.url,
  events: webhooks.events,
  enabled: webhooks.enabled,
  disabledReason: webhooks.disabledReason,
  secrets: webhooks.secrets,
  failingSinceMs: webhooks.failingSinceMs,
  failures: webhooks.failures,
  restUntilMs: webhooks.restUntilMs,
  createdAtMs: webhooks.createdAtMs,
};

export const isWebhook = ({ partner, id }: WebhookKey) => and(eq(webhooks.partner, partner), eq(webhooks.id, id));

export async function findWebhook(db: Database, key: WebhookKey): Promise<Webhook | undefined> {
  const [row] = await db.read("webhook", (q) => q.select(COLUMNS).from(webhooks).where(isWebhook(key)));
  return row;
}

/** Of a partner, by id, those after `after`. */
export async function listWebhooks(
  db: Database,
  partner: string,
  { after, take }: { readonly after: readonly [id: string] | null; readonly take: number },
): Promise<Webhook[]> {
  return db.readNear("webhooks", (q) =>
    q
      .select(COLUMNS)
      .from(webhooks)
      .where(and(eq(webhooks.partner, partner), after ? gt(webhooks.id, after[0]) : undefined))
      .orderBy(asc(webhooks.id))
      .limit(take),
  );
}

/**
 * Creates the webhook, or replaces what its owner says of it: secrets and creation stay, and what failed counts no more.
 * The partner must exist.
 */
export async function putWebhook(
  db: Database,
  { partner, id, ...fields }: Omit<Webhook, "failingSinceMs" | "failures" | "restUntilMs">,
  entry: AuditEntry,
): Promise<{ readonly outcome: "created" | "replaced"; readonly webhook: Webhook } | "too_many"> {
  const { url, events, enabled, disabledReason } = fields;
  const [before, , , [webhook]] = await db.write("webhook", (q) =>
    q.batch([
      q.select({ id: webhooks.id }).from(webhooks).where(isWebhook({ partner, id })),
      q
        .insert(webhooks)
        .select(
          sql`SELECT ${partner}, ${id}, ${url}, ${JSON.stringify(events)}, ${Number(enabled)}, ${disabledReason},
            ${JSON.stringify(fields.secrets)}, NULL, 0, NULL, NULL, ${fields.createdAtMs}
            WHERE (SELECT count(*) FROM webhooks WHERE partner = ${partner} AND id <> ${id}) < ${MAX_WEBHOOKS}`,
        )
        .onConflictDoUpdate({
          target: [webhooks.partner, webhooks.id],
          set: { url, events, enabled, disabledReason, failingSinceMs: null, failures: 0, restUntilMs: null },
        }),
      auditRow(q, entry, "new_content"),
      q.select(COLUMNS).from(webhooks).where(isWebhook({ partner, id })),
    ]),
  );
  if (!webhook) return "too_many";
  return { outcome: before.length === 0 ? "created" : "replaced", webhook };
}

/** Sets the secrets if they are still those that were read; false = somebody else was faster. */
export async function replaceSecrets(
  db: Database,
  key: WebhookKey,
  change: { readonly from: readonly SealedSecret[]; readonly to: readonly SealedSecret[] },
  entry: AuditEntry,
): Promise<boolean> {
  const [rows] = await db.write("webhook secrets", (q) =>
    q.batch([
      q
        .update(webhooks)
        .set({ secrets: change.to })
        .where(and(isWebhook(key), sql`${webhooks.secrets} = ${JSON.stringify(change.from)}`))
        .returning({ id: webhooks.id }),
      auditRow(q, entry),
    ]),
  );
  return rows.length > 0;
}

/** With its log and all that waits. */
export async function deleteWebhook(db: Database, key: WebhookKey, entry: AuditEntry): Promise<"deleted" | "absent"> {
  const [rows] = await db.write("webhook", (q) =>
    q.batch([
      q.delete(webhooks).where(isWebhook(key)).returning({ id: webhooks.id }),
      auditRow(q, entry),
      q
        .delete(webhookDeliveries)
        .where(and(eq(webhookDeliveries.partner, key.partner), eq(webhookDeliveries.webhook, key.id))),
    ]),
  );
  return rows.length === 0 ? "absent" : "deleted";
}
