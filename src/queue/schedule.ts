/** What the platform's clock starts: a slice of the reconciliation. A run that fails is repeated by the next one. */
import { configOf } from "../config.ts";
import { reconcileSlice } from "../services/reconcile.ts";
import { servicesOf } from "../services/services.ts";
import { listCards } from "../storage/cards.ts";
import { createReconcileCursor } from "../storage/reconcile-cursor.ts";

const EVERY_CARD = { partner: null, batch: null, status: null };

export async function onSchedule(_controller: ScheduledController, env: Env): Promise<void> {
  const { db, catalogue, cards, now } = servicesOf(env, configOf(env));
  await reconcileSlice({
    catalogue,
    callCard: (call, use) => cards.call(call, use),
    cursor: createReconcileCursor(env.BRANDING),
    readCards: (after, take) => listCards(db, EVERY_CARD, { after, take }, now()),
    log: (level, line) => console[level](JSON.stringify(line)),
  });
}
