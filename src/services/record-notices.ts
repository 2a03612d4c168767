/** Notices of cards become deliveries to their partner's webhooks: once each, in the card's order, and nobody else's. */
import type { NoticeEvent } from "../domain/card-calls.ts";
import { formatSerial } from "../domain/serial.ts";
import { eventBody, isWanted, type NewDelivery } from "../domain/webhook.ts";
import { addDeliveries, readSubscribers, type Subscriber } from "../storage/webhook-deliveries.ts";
import { wakeDeliverers, type WakeDeps } from "./webhook-wakes.ts";

/** `notices` in each card's order; the same one may come many times. */
export async function recordNotices(deps: WakeDeps, notices: readonly NoticeEvent[]): Promise<void> {
  const numbers = [...new Set(notices.map(({ batch }) => batch))];
  if (numbers.length === 0) return;
  const subscribers = Map.groupBy(await readSubscribers(deps.db, numbers), ({ batch }) => batch);
  const rows = notices.flatMap((notice) =>
    (subscribers.get(notice.batch) ?? [])
      .filter(({ events }) => isWanted(events, notice.event, Date.parse(notice.at)))
      .map((subscriber) => deliveryOf(subscriber, notice)),
  );
  if (rows.length === 0) return;
  await addDeliveries(deps.db, rows, deps.now());
  // Also for rows that were there already: the wake may be what failed the last time.
  const keys = new Map(rows.map(({ partner, webhook }) => [`${partner} ${webhook}`, { partner, id: webhook }]));
  await wakeDeliverers(deps, [...keys.values()]);
}

function deliveryOf({ partner, id, mode, kind }: Subscriber, notice: NoticeEvent): NewDelivery {
  const serial = formatSerial(notice);
  const data = { card: serial, batch: notice.batch, kind, mode, ...notice.data };
  return {
    partner,
    webhook: id,
    eventId: notice.id,
    type: notice.event,
    lane: serial,
    body: eventBody(notice.event, notice.at, data),
  };
}
