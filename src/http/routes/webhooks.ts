/** Webhooks of a partner: where its events go, under which secret, and what became of them. Secrets are shown once. */
import { createRoute, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { refuse } from "../../domain/errors.ts";
import { DELIVERY_STATUSES, type Delivery, MAX_OVERLAP_SECONDS, type Webhook } from "../../domain/webhook.ts";
import { requestTest, rotateSecret, saveWebhook } from "../../services/save-webhook.ts";
import { partnerExists } from "../../storage/partners.ts";
import { listDeliveries } from "../../storage/webhook-deliveries.ts";
import { deleteWebhook, findWebhook, listWebhooks } from "../../storage/webhooks.ts";
import { audited } from "../audited.ts";
import { type AppEnv, createRouter } from "../context.ts";
import { listPage, listQuery, pageOf } from "../cursor.ts";
import { KEY_REFUSALS, keyed } from "../middleware/key.ts";
import { problem } from "../problem.ts";
import { answers, BODY_REFUSALS, dnsLabel, jsonBody, refusals } from "../schemas.ts";
import { mayActOn } from "../tenancy.ts";
import {
  deliveryOutput,
  newWebhookOutput,
  rotatedOutput,
  toDeliveryWire,
  toRotatedWire,
  toWebhookWire,
  webhookInput,
  webhookOutput,
} from "../wire/webhooks.ts";

const tags = ["Webhooks"];
const DEFAULT_OVERLAP_SECONDS = 86_400;

const partnerParams = z.object({ partner: z.string() });
const params = partnerParams.extend({ id: z.string() });

const list = createRoute({
  method: "get",
  path: "/v1/partners/{partner}/webhooks",
  tags,
  summary: "List a partner's webhooks",
  ...keyed("listWebhooks"),
  request: { params: partnerParams, query: z.strictObject(listQuery) },
  responses: answers(200, pageOf(webhookOutput), [...KEY_REFUSALS, "not_found", "invalid_input"]),
});

const get = createRoute({
  method: "get",
  path: "/v1/partners/{partner}/webhooks/{id}",
  tags,
  summary: "Read a webhook",
  ...keyed("readWebhook"),
  request: { params },
  responses: answers(200, webhookOutput, [...KEY_REFUSALS, "not_found"]),
});

const put = createRoute({
  method: "put",
  path: "/v1/partners/{partner}/webhooks/{id}",
  tags,
  summary: "Create or replace a webhook",
  description:
    "201 with the secret when the webhook is new; replacing keeps the secret and does not show it. Enabling one that was disabled sends what still waits for it.",
  ...keyed("putWebhook"),
  request: { params: partnerParams.extend({ id: dnsLabel }), ...jsonBody(webhookInput) },
  responses: {
    ...answers(201, newWebhookOutput),
    ...answers(200, webhookOutput, [...KEY_REFUSALS, ...BODY_REFUSALS, "not_found", "invalid_input"]),
  },
});

const remove = createRoute({
  method: "delete",
  path: "/v1/partners/{partner}/webhooks/{id}",
  tags,
  summary: "Delete a webhook",
  description: "With its log and everything that waits for it.",
  ...keyed("deleteWebhook"),
  request: { params },
  responses: { 204: { description: "Deleted" }, ...refusals([...KEY_REFUSALS, "not_found"]) },
});

const rotate = createRoute({
  method: "post",
  path: "/v1/partners/{partner}/webhooks/{id}/rotate-secret",
  tags,
  summary: "Make a new secret",
  description:
    "Until the overlap ends, every event carries a signature under the new and one under the old secret. When the answer is lost, rotate again: the secret in use stays good.",
  ...keyed("rotateWebhookSecret"),
  request: {
    params,
    ...jsonBody(
      z
        .strictObject({
          overlapSeconds: z.number().int().min(0).max(MAX_OVERLAP_SECONDS).default(DEFAULT_OVERLAP_SECONDS),
        })
        .openapi("WebhookRotation"),
    ),
  },
  responses: answers(200, rotatedOutput, [...KEY_REFUSALS, ...BODY_REFUSALS, "not_found", "invalid_input"]),
});

const test = createRoute({
  method: "post",
  path: "/v1/partners/{partner}/webhooks/{id}/test",
  tags,
  summary: "Send a test event",
  description:
    "A `webhook.test` event, signed and repeated like every other. While one waits, asking again is answered with it.",
  ...keyed("testWebhook"),
  request: { params },
  responses: answers(202, z.object({ id: z.string() }).openapi("WebhookTest"), [
    ...KEY_REFUSALS,
    "not_found",
    "webhook_disabled",
  ]),
});

const deliveries = createRoute({
  method: "get",
  path: "/v1/partners/{partner}/webhooks/{id}/deliveries",
  tags,
  summary: "List what was sent, or is to be",
  description: "Newest first; entries are kept 30 days.",
  ...keyed("listWebhookDeliveries"),
  request: {
    params,
    query: z.strictObject({ ...listQuery, status: z.enum(DELIVERY_STATUSES).optional() }),
  },
  responses: answers(200, pageOf(deliveryOutput), [...KEY_REFUSALS, "not_found", "invalid_input"]),
});

export function webhookRoutes() {
  const app = createRouter();

  app.openapi(list, async (c) => {
    const { partner } = c.req.valid("param");
    if (!(await isHere(c, partner))) return problem(c, refuse("not_found"));
    const page = await listPage(c, {
      name: "webhooks",
      query: c.req.valid("query"),
      filter: { partner },
      read: (window) => listWebhooks(c.var.services.db, partner, window),
      positionOf: (webhook: Webhook) => [webhook.id] as const,
      itemOf: (webhook) => toWebhookWire(webhook, c.var.services.now()),
    });
    return page.ok ? c.json(page.value, 200) : problem(c, page.error);
  });

  app.openapi(get, async (c) => {
    const webhook = await find(c, c.req.valid("param"));
    return webhook ? c.json(toWebhookWire(webhook, c.var.services.now()), 200) : problem(c, refuse("not_found"));
  });

  app.openapi(put, async (c) => {
    const { partner, id } = c.req.valid("param");
    if (!(await isHere(c, partner))) return problem(c, refuse("not_found"));
    const saved = await saveWebhook(c.var.services, audited(c), { partner, id, ...c.req.valid("json") });
    if (!saved.ok) return problem(c, saved.error);
    const { webhook, secret } = saved.value;
    const wire = toWebhookWire(webhook, c.var.services.now());
    return secret === null ? c.json(wire, 200) : c.json({ ...wire, secret }, 201);
  });

  app.openapi(remove, async (c) => {
    const key = c.req.valid("param");
    const isMine = mayActOn(c.var.caller, key.partner);
    const act = { owner: key.partner, act: "webhook.delete", object: `webhook:${key.id}`, details: {} } as const;
    const outcome = isMine ? await audited(c)(act, (entry) => deleteWebhook(c.var.services.db, key, entry)) : "absent";
    return outcome === "deleted" ? c.body(null, 204) : problem(c, refuse("not_found"));
  });

  app.openapi(rotate, async (c) => {
    const key = c.req.valid("param");
    if (!mayActOn(c.var.caller, key.partner)) return problem(c, refuse("not_found"));
    const done = await rotateSecret(c.var.services, audited(c), { ...key, ...c.req.valid("json") });
    return done.ok ? c.json(toRotatedWire(done.value), 200) : problem(c, done.error);
  });

  app.openapi(test, async (c) => {
    const key = c.req.valid("param");
    if (!mayActOn(c.var.caller, key.partner)) return problem(c, refuse("not_found"));
    const asked = await requestTest(c.var.services, key);
    return asked.ok ? c.json({ id: asked.value }, 202) : problem(c, asked.error);
  });

  app.openapi(deliveries, async (c) => {
    const { partner, id } = c.req.valid("param");
    const { status = null, ...query } = c.req.valid("query");
    if (!(await find(c, { partner, id }))) return problem(c, refuse("not_found"));
    const page = await listPage(c, {
      name: "webhook deliveries",
      query,
      filter: { partner, id, status },
      read: (window) => listDeliveries(c.var.services.db, { webhook: { partner, id }, status }, window),
      positionOf: (delivery: Delivery) => [delivery.seq] as const,
      itemOf: toDeliveryWire,
    });
    return page.ok ? c.json(page.value, 200) : problem(c, page.error);
  });

  return app;
}

const isHere = async (c: Context<AppEnv>, partner: string): Promise<boolean> =>
  mayActOn(c.var.caller, partner) && (await partnerExists(c.var.services.db, partner));

const find = async (c: Context<AppEnv>, key: { readonly partner: string; readonly id: string }) =>
  mayActOn(c.var.caller, key.partner) ? findWebhook(c.var.services.db, key) : undefined;
