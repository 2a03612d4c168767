/**
 * Events on their way to webhooks, and the log of them. A row is added once per webhook and event whatever repeats, and
 * only the first one waiting in a lane has a time to be tried at: finishing it gives the next one its own.
 */
import { and, desc, eq, lt, sql } from "drizzle-orm";
import type { CardKind, CardMode } from "../domain/terms.ts";
import type { Delivery, DeliveryStatus, NewDelivery, Subscriptions, WebhookKey } from "../domain/webhook.ts";
import type { Database, Db } from "./database.ts";
import { batches, webhookDeliveries, webhooks } from "./schema.ts";

/** Bodies are half a kilobyte, and a parameter holds 2 MB. */
const ROWS_AT_ONCE = 500;

/** Spelled out, not bound: a partial index is only used for its own words. */
export const isPending = sql`${webhookDeliveries.status} = 'pending'`;
export const isOf = ({ partner, id }: WebhookKey) =>
  and(eq(webhookDeliveries.partner, partner), eq(webhookDeliveries.webhook, id));

/** A webhook that is told of cards of a batch. */
export type Subscriber = WebhookKey & {
  readonly batch: number;
  readonly mode: CardMode;
  readonly kind: CardKind;
  readonly events: Subscriptions;
};

/** The enabled webhooks of the partners whose batches these are. */
export async function readSubscribers(db: Database, numbers: readonly number[]): Promise<Subscriber[]> {
  return db.read("webhook subscribers", (q) =>
    q
      .select({
        batch: batches.number,
        mode: batches.mode,
        kind: batches.kind,
        partner: webhooks.partner,
        id: webhooks.id,
        events: webhooks.events,
      })
      .from(batches)
      .innerJoin(webhooks, eq(webhooks.partner, batches.partner))
      .where(
        and(
          eq(webhooks.enabled, true),
          sql`${batches.number} IN (SELECT value FROM json_each(${JSON.stringify(numbers)}))`,
        ),
      ),
  );
}

type Lane = { readonly partner: string; readonly webhook: string; readonly lane: string };

const lanesOf = (rows: readonly Lane[]) =>
  JSON.stringify(rows.map(({ partner, webhook, lane }) => ({ partner, webhook, lane })));

/** The first one waiting in each of these lanes is due, unless it has its time already. */
export const releaseFirst = (q: Db, lanes: readonly Lane[], nowMs: number) =>
  q
    .update(webhookDeliveries)
    .set({ nextAttemptAtMs: nowMs })
    .where(
      sql`${webhookDeliveries.nextAttemptAtMs} IS NULL AND ${isPending} AND ${webhookDeliveries.seq} IN (
        SELECT min(d.seq) FROM json_each(${lanesOf(lanes)}) AS l
        JOIN webhook_deliveries AS d ON d.partner = l.value->>'partner' AND d.webhook = l.value->>'webhook'
          AND d.lane = l.value->>'lane' AND d.status = 'pending'
        GROUP BY d.partner, d.webhook, d.lane)`,
    );

/** Adds what is not there yet, in the order given, to webhooks that are enabled still; nothing unless `cause` is one too. */
export const insertDeliveries = (q: Db, rows: readonly NewDelivery[], nowMs: number, cause?: WebhookKey) =>
  q
    .insert(webhookDeliveries)
    .select(
      sql`SELECT NULL, w.partner, w.id, r.value->>'eventId', r.value->>'type', r.value->>'lane', r.value->>'body',
          'pending', 0, ${nowMs}, NULL, NULL, NULL, NULL, NULL
        FROM json_each(${JSON.stringify(rows)}) AS r
        JOIN webhooks AS w ON w.partner = r.value->>'partner' AND w.id = r.value->>'webhook'
        WHERE w.enabled = 1 AND ${cause ? isEnabled(cause) : sql`true`} ORDER BY r.key`,
    )
    .onConflictDoNothing();

const isEnabled = ({ partner, id }: WebhookKey) =>
  sql`EXISTS (SELECT 1 FROM webhooks AS x WHERE x.partner = ${partner} AND x.id = ${id} AND x.enabled = 1)`;

export async function addDeliveries(db: Database, rows: readonly NewDelivery[], nowMs: number): Promise<void> {
  for (let from = 0; from < rows.length; from += ROWS_AT_ONCE) {
    const some = rows.slice(from, from + ROWS_AT_ONCE);
    await db.write("webhook deliveries", (q) =>
      q.batch([insertDeliveries(q, some, nowMs), releaseFirst(q, some, nowMs)]),
    );
  }
}

/**
 * Asks for a test event; one that waits already is the answer to every further request.
 * undefined = there is no such webhook, or it is disabled.
 */
export async function addTest(db: Database, row: NewDelivery, nowMs: number): Promise<string | undefined> {
  const key = { partner: row.partner, id: row.webhook };
  const [, , [test]] = await db.write("webhook test", (q) =>
    q.batch([
      q
        .insert(webhookDeliveries)
        .select(
          sql`SELECT NULL, w.partner, w.id, ${row.eventId}, ${row.type}, ${row.lane}, ${row.body}, 'pending', 0, ${nowMs},
              NULL, NULL, NULL, NULL, NULL
            FROM webhooks AS w WHERE w.partner = ${key.partner} AND w.id = ${key.id} AND w.enabled = 1
            AND NOT EXISTS (SELECT 1 FROM webhook_deliveries AS d WHERE d.partner = w.partner AND d.webhook = w.id
              AND d.status = 'pending' AND d.type = ${row.type})`,
        )
        .onConflictDoNothing(),
      releaseFirst(q, [row], nowMs),
      q
        .select({ eventId: webhookDeliveries.eventId })
        .from(webhookDeliveries)
        .where(and(isOf(key), isPending, eq(webhookDeliveries.type, row.type), isEnabled(key)))
        .limit(1),
    ]),
  );
  return test?.eventId;
}

/** Newest first, those before `after`. */
export async function listDeliveries(
  db: Database,
  { webhook, status }: { readonly webhook: WebhookKey; readonly status: DeliveryStatus | null },
  { after, take }: { readonly after: readonly [seq: number] | null; readonly take: number },
): Promise<Delivery[]> {
  return db.readNear("webhook deliveries", (q) =>
    q
      .select()
      .from(webhookDeliveries)
      .where(
        and(
          isOf(webhook),
          after ? lt(webhookDeliveries.seq, after[0]) : undefined,
          status === null ? undefined : eq(webhookDeliveries.status, status),
        ),
      )
      .orderBy(desc(webhookDeliveries.seq))
      .limit(take),
  );
}
