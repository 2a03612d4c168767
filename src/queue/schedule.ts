/**
 * What the platform's clock starts: sweeps and bulk actions that stand still, webhooks whose wake was lost, a slice of
 * the reconciliation, and the ends of the audit trail. A run that fails is repeated by the next one.
 */
import { configOf } from "../config.ts";
import { resumeCardActions } from "../services/card-actions.ts";
import { reconcileSlice } from "../services/reconcile.ts";
import { servicesOf, type Services } from "../services/services.ts";
import { logHeads } from "../services/verify-audit.ts";
import { resumeSweeps } from "../services/sweep.ts";
import { tidyWebhooks, wakeDeliverers } from "../services/webhook-wakes.ts";
import { listCards } from "../storage/cards.ts";
import { createReconcileCursor } from "../storage/reconcile-cursor.ts";

/** As wrangler.toml says it. What was lost on its way is sent for every minute; the rest has its own pace. */
const EVERY_MINUTE = "* * * * *";
const EVERY_DAY = "0 0 * * *";
const EVERY_CARD = { partner: null, batch: null, status: null };

export async function onSchedule(controller: ScheduledController, env: Env): Promise<void> {
  const services = servicesOf(env, configOf(env));
  const { db, catalogue, cards, now } = services;
  await resumeWebhooks(services, controller.cron === EVERY_MINUTE);
  await resumeSweeps(services);
  await resumeCardActions(services);
  await services.audit.chainAll(null);
  if (controller.cron === EVERY_MINUTE) return;
  if (controller.cron === EVERY_DAY) {
    await logHeads(services, (line) => console.info(JSON.stringify(line)));
    return;
  }
  await reconcileSlice({
    catalogue,
    callCard: (call, use) => cards.call(call, use),
    cursor: createReconcileCursor(env.BRANDING),
    readCards: (after, take) => listCards(db, EVERY_CARD, { after, take }, now()),
    log: (level, line) => console[level](JSON.stringify(line)),
  });
}

/** What fails here comes again in a minute, and must not keep the rest from its turn. */
async function resumeWebhooks(services: Services, isMinute: boolean): Promise<void> {
  try {
    if (!isMinute) await tidyWebhooks(services);
    await wakeDeliverers(services, null);
  } catch (error) {
    console.error(JSON.stringify({ event: "webhooks_not_resumed", error: String(error) }));
  }
}
