/** The whole HTTP surface in one screen: middleware in order, then every route. */
import { createRouter } from "./http/context.ts";
import { boundedBody } from "./http/middleware/body.ts";
import { anyOrigin } from "./http/middleware/cors.ts";
import { notFound, onError } from "./http/middleware/errors.ts";
import { requestContext } from "./http/middleware/request.ts";
import { dispatchOnHost } from "./http/portal/dispatch.ts";
import { auditRoutes } from "./http/routes/audit.ts";
import { batchRoutes } from "./http/routes/batches.ts";
import { brandPortalRoutes } from "./http/routes/brand-portals.ts";
import { brandRoutes } from "./http/routes/brands.ts";
import { cardActionRoutes } from "./http/routes/card-actions.ts";
import { cardSearchRoutes } from "./http/routes/card-search.ts";
import { cardRoutes } from "./http/routes/cards.ts";
import { codeKeyRoutes } from "./http/routes/code-keys.ts";
import { codeRoutes } from "./http/routes/codes.ts";
import { documentRoutes, serveDocument } from "./http/routes/document.ts";
import { eventRoutes } from "./http/routes/events.ts";
import { holdRoutes } from "./http/routes/holds.ts";
import { introspectionRoutes } from "./http/routes/introspection.ts";
import { keyRoutes } from "./http/routes/keys.ts";
import { meRoutes } from "./http/routes/me.ts";
import { moneyRoutes } from "./http/routes/money.ts";
import { pageRoutes } from "./http/routes/pages.ts";
import { partnerRoutes } from "./http/routes/partners.ts";
import { portalSessionRoutes } from "./http/routes/portal-session.ts";
import { printSheetRoutes } from "./http/routes/print-sheets.ts";
import { profileRoutes } from "./http/routes/profiles.ts";
import { reconciliationRoutes } from "./http/routes/reconciliations.ts";
import { redeemRoutes } from "./http/routes/redeem.ts";
import { replaceRoutes } from "./http/routes/replace.ts";
import { reportRoutes } from "./http/routes/reports.ts";
import { softphoneRoutes } from "./http/routes/softphones.ts";
import { tokenRoutes } from "./http/routes/tokens.ts";
import { topUpRoutes } from "./http/routes/top-ups.ts";
import { trunkRoutes } from "./http/routes/trunks.ts";
import { webhookRoutes } from "./http/routes/webhooks.ts";
import { wellKnownRoutes } from "./http/routes/well-known.ts";

/** Called by apps from any origin, without cookies; nothing else answers cross-origin. */
const CROSS_ORIGIN_PATHS = [
  "/v1/redeem",
  "/v1/token",
  "/token",
  "/v1/revoke",
  "/v1/me",
  "/v1/me/*",
  "/v1/brands/:brand/manifest",
  "/assets/*",
  "/.well-known/*",
  "/p/*",
  "/d/*",
];

export function createApp() {
  const app = createRouter();
  app.onError(onError);
  app.use(requestContext);
  app.use(dispatchOnHost);
  for (const path of CROSS_ORIGIN_PATHS) app.use(path, anyOrigin);
  app.use(boundedBody);

  for (const routes of [
    redeemRoutes,
    tokenRoutes,
    introspectionRoutes,
    meRoutes,
    eventRoutes,
    topUpRoutes,
    softphoneRoutes,
    cardSearchRoutes,
    cardActionRoutes,
    portalSessionRoutes,
    cardRoutes,
    codeKeyRoutes,
    replaceRoutes,
    moneyRoutes,
    holdRoutes,
    batchRoutes,
    codeRoutes,
    printSheetRoutes,
  ])
    app.route("/", routes());
  for (const routes of [partnerRoutes, keyRoutes, trunkRoutes, profileRoutes, brandRoutes, brandPortalRoutes])
    app.route("/", routes());
  for (const routes of [reportRoutes, reconciliationRoutes, auditRoutes, webhookRoutes]) app.route("/", routes());
  for (const routes of [wellKnownRoutes, pageRoutes, documentRoutes]) app.route("/", routes());

  serveDocument(app);
  app.notFound(notFound(() => app.routes));
  return app;
}
