/**
 * Every operation of the document that changes something for a key: it leaves exactly one row when it is done, none when
 * it is sent again or refused, or it is named here with the reason why it leaves none. A new route fails until it is told of.
 */
import { runDurableObjectAlarm } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { createApp } from "../../src/app.ts";
import { formatSerial } from "../../src/domain/serial.ts";
import { operatorKey, call, fresh } from "../support/api.ts";
import { audit, rowsOf, type Recipe, type Sent } from "../support/audit.ts";
import { createTenant, issue, order, recordUnder, type Tenant } from "../support/batches.ts";
import { createDeck, redeemed, type Deck } from "../support/cards.ts";
import { createKey, partnerBody, profileBody, trunkBody } from "../support/catalogue.ts";
import { JPEG, PNG } from "../support/images.ts";

/** What leaves no row, and why. */
const UNAUDITED: Readonly<Record<string, string>> = {
  placeHold: "money traffic of switches: the card's postings are its journal",
  extendHold: "money traffic of switches: the card's postings are its journal",
  commitHold: "money traffic of switches: the card's postings are its journal",
  debitCard: "money traffic of switches: the card's postings are its journal",
  testWebhook: "sends an event, changes nothing: its entry in the webhook's log is its journal",
  introspectToken: "reads, changes nothing",
  reconcileCards: "reads and compares, changes nothing",
  verifyAudit: "reads and compares, changes nothing",
};

let acme: Tenant;
let batch: number;
let deck: Deck;
let switchKey: string;
let next = 0;
let serial: string;
beforeAll(async () => {
  acme = await createTenant();
  batch = (await issue(acme.key, order(acme))).body.number;
  deck = await createDeck();
  switchKey = (await createKey(null, ["switch"], { trunks: [deck.trunk] })).key;
});

/** A redeemed card of its own; answers its path. */
async function redeemedCard(): Promise<string> {
  ({ serial } = (await redeemed(deck.codes[next++])).card);
  return `/v1/cards/${serial}`;
}

async function must(method: string, path: string, body: object, key = operatorKey()): Promise<void> {
  const answer = await call(method, path, { key, body });
  if (answer.status !== 200) throw new Error(`${method} ${path}: ${answer.text}`);
}
const money = (amount: string) => ({ amount, currency: "EUR" });
const ofCard = { card: () => serial };

/** The alarm tells the queue; its consumer then writes the row. */
async function settled(card: string | undefined, rows: number): Promise<void> {
  if (card === undefined) return;
  await runDurableObjectAlarm(env.CARDS.getByName(card));
  await vi.waitFor(async () => expect(await rowsOf()).toBeGreaterThanOrEqual(rows), { timeout: 10_000, interval: 50 });
}

const brandBody = () => ({ name: fresh("Look ") });
const withBatch = async () => (await issue(acme.key, order(acme))).body.number;

const webhookBody = { url: "https://hooks.acme.example/", events: ["alert"] };
async function withWebhook(): Promise<string> {
  const path = `/v1/partners/${acme.partner}/webhooks/${fresh("hook")}`;
  await call("PUT", path, { key: operatorKey(), body: webhookBody });
  return path;
}

const withCodeKey = async (): Promise<Sent> => {
  await recordUnder("1", await withBatch());
  return { path: "/v1/code-keys/1/compromise", body: { reason: "Seen in a log" } };
};

const RECIPES: Readonly<Record<string, Recipe>> = {
  putPartner: { act: "partner.put", send: async () => ({ path: `/v1/partners/${fresh("new")}`, body: partnerBody() }) },
  createOperatorKey: {
    act: "key.create",
    anew: true,
    send: async () => ({ path: "/v1/keys", body: { name: "a", scopes: ["cards:read"] } }),
  },
  createPartnerKey: {
    act: "key.create",
    anew: true,
    send: async () => ({ path: `/v1/partners/${acme.partner}/keys`, body: { name: "a", preset: "support" } }),
  },
  revokeOperatorKey: {
    act: "key.revoke",
    send: async () => ({ path: `/v1/keys/${(await createKey(null, ["cards:read"])).id}` }),
  },
  revokePartnerKey: {
    act: "key.revoke",
    send: async () => ({
      path: `/v1/partners/${acme.partner}/keys/${(await createKey(acme.partner, ["cards:read"])).id}`,
    }),
  },
  putTrunk: {
    act: "trunk.put",
    send: async () => {
      const id = fresh("audited");
      const body = { ...trunkBody(`${id}.example`), name: "Before" };
      await call("PUT", `/v1/trunks/${id}`, { key: operatorKey(), body });
      // Without secrets: those given anew are an act each time.
      return {
        path: `/v1/trunks/${id}`,
        body: { ...body, name: "After", digest: { mac: "sha256" }, ice: { urls: ["turn:turn.example"] } },
      };
    },
  },
  putProfile: {
    act: "profile.put",
    send: async () => ({ path: `/v1/profiles/${fresh("p")}?partner=${acme.partner}`, body: profileBody(acme.trunk) }),
  },
  putBrand: {
    act: "brand.put",
    send: async () => ({ path: `/v1/brands/${fresh("look")}?partner=${acme.partner}`, body: brandBody() }),
  },
  uploadBrandLogo: {
    act: "brand.logo",
    send: async () => ({ path: `/v1/brands/${acme.brand}/assets/logo`, raw: PNG }),
  },
  removeBrandLogo: {
    act: "brand.logo",
    send: async () => {
      const path = `/v1/brands/${acme.brand}/assets/logo`;
      await call("PUT", path, { key: operatorKey(), raw: JPEG });
      return { path };
    },
  },
  putPortal: {
    act: "brand.portal",
    send: async () => ({ path: `/v1/brands/${acme.brand}/portal`, body: { origin: `https://${fresh("up")}.example` } }),
  },
  deletePortal: {
    act: "brand.portal",
    send: async () => {
      const path = `/v1/brands/${acme.brand}/portal`;
      await call("PUT", path, { key: operatorKey(), body: { origin: "https://shop.acme.example" } });
      return { path };
    },
  },
  publishBrand: {
    act: "brand.publish",
    send: async () => {
      await call("PUT", `/v1/brands/${acme.brand}`, { key: operatorKey(), body: brandBody() });
      return { path: `/v1/brands/${acme.brand}/publish` };
    },
  },
  rollBackBrand: {
    act: "brand.rollback",
    anew: true,
    send: async () => {
      await call("POST", `/v1/brands/${acme.brand}/publish`, { key: operatorKey() });
      return { path: `/v1/brands/${acme.brand}/rollback`, body: { version: 1 } };
    },
  },
  issueBatch: {
    act: "batch.issue",
    send: async () => ({
      path: "/v1/batches",
      body: { ...order(acme), partner: acme.partner },
      headers: { "Idempotency-Key": fresh("audited") },
    }),
  },
  changeBatch: {
    act: "batch.pause",
    send: async () => ({ path: `/v1/batches/${await withBatch()}`, body: { status: "paused" } }),
  },
  orderCardAction: {
    act: "card.act_on_many",
    send: async () => ({
      path: "/v1/cards/actions",
      body: {
        id: fresh("audited"),
        action: "block",
        reason: "test",
        dryRun: true,
        serials: [formatSerial({ batch, card: 1 })],
      },
    }),
  },
  putWebhook: {
    act: "webhook.put",
    send: async () => ({ path: `/v1/partners/${acme.partner}/webhooks/${fresh("hook")}`, body: webhookBody }),
  },
  rotateWebhookSecret: {
    act: "webhook.rotate",
    anew: true,
    send: async () => ({ path: `${await withWebhook()}/rotate-secret`, body: {} }),
  },
  deleteWebhook: { act: "webhook.delete", gone: true, send: async () => ({ path: await withWebhook() }) },
  actOnCard: {
    act: "card.block",
    ...ofCard,
    send: async () => ({ path: await redeemedCard(), body: { action: "block", reason: "Lost" } }),
  },
  releaseHold: {
    act: "card.release_hold",
    ...ofCard,
    send: async () => {
      const path = `${await redeemedCard()}/holds/h1`;
      await must("PUT", path, { ...money("1.00"), ttlSeconds: 600 }, switchKey);
      return { path: `${path}/release`, body: { reason: "The switch crashed" } };
    },
  },
  replaceCard: {
    act: "card.replace",
    ...ofCard,
    send: async () => {
      const to = `${String(deck.batch).padStart(6, "0")}-${String(20 - next).padStart(7, "0")}`;
      return { path: `${await redeemedCard()}/replace`, body: { id: "r1", to } };
    },
  },
  creditCard: {
    act: "card.credit",
    ...ofCard,
    send: async () => ({ path: `${await redeemedCard()}/credits/c1`, body: { ...money("2.00"), source: "goodwill" } }),
  },
  reverseCredit: {
    act: "card.reverse_credit",
    ...ofCard,
    send: async () => {
      const path = `${await redeemedCard()}/credits/c1`;
      await must("PUT", path, { ...money("2.00"), source: "goodwill" });
      await settled(serial, (await rowsOf()) + 1);
      return { path: `${path}/reversals/r1`, body: { reason: "By mistake" } };
    },
  },
  reverseDebit: {
    act: "card.reverse_debit",
    ...ofCard,
    send: async () => {
      const path = `${await redeemedCard()}/debits/d1`;
      await must("PUT", path, money("2.00"), switchKey);
      return { path: `${path}/reversals/r1`, body: { amount: "0.50", reason: "Bad line" } };
    },
  },
  printCards: { act: "batch.print", anew: true, send: async () => ({ path: `/v1/batches/${batch}/sheet?to=2` }) },
  compromiseCodeKey: { act: "code_key.compromise", send: withCodeKey },
  exportCodes: { act: "batch.export", anew: true, send: async () => ({ path: `/v1/batches/${batch}/codes?to=2` }) },
};

type Operation = {
  readonly operationId: string;
  readonly security?: readonly Readonly<Record<string, readonly string[]>>[];
};
const document = createApp().getOpenAPI31Document({ openapi: "3.1.0", info: { title: "Ringfare", version: "1" } });
const keyed = Object.values(document.paths ?? {}).flatMap((item) =>
  (["get", "put", "post", "delete", "patch"] as const).flatMap((method) => {
    const operation = (item as Partial<Record<string, Operation>>)[method];
    const isKeyed = operation?.security?.some((schemes) => "apiKey" in schemes) === true;
    return operation && isKeyed ? [{ method: method.toUpperCase(), id: operation.operationId }] : [];
  }),
);
const known = new Set([...Object.keys(RECIPES), ...Object.keys(UNAUDITED)]);

describe("every operation that changes something for a key", () => {
  it("is told of here", () => {
    const mutating = keyed.filter(({ method }) => method !== "GET").map(({ id }) => id);
    console.info(`audit: ${mutating.length} operations with a key that may change something, ${known.size} told of`);
    expect(mutating.filter((id) => !known.has(id))).toEqual([]);
    expect([...known].filter((id) => !keyed.some((operation) => operation.id === id))).toEqual([]);
  });

  it.each(Object.entries(RECIPES))("%s leaves exactly one row", async (id, { send, act, anew, gone, card }) => {
    const method = keyed.find((operation) => operation.id === id)?.method ?? "";
    const { path, ...request } = await send();
    const before = await rowsOf();
    const answer = await call(method, path, { key: operatorKey(), ...request });
    expect(answer.status, answer.text).toBeLessThan(300);
    await settled(card?.(), before + 1);
    expect(await rowsOf()).toBe(before + 1);
    const [row] = (await audit(`?act=${act}&limit=1`)).body.items;
    expect(row).toMatchObject({ act, actor: "operator", actorOwner: "operator" });
    expect(row?.requestId).toBe(answer.headers.get("X-Request-Id"));

    const again = await call(method, path, { key: operatorKey(), ...request });
    if (gone) expect(again.status).toBe(404);
    else expect(again.status, again.text).toBeLessThan(300);
    await settled(card?.(), before + 1);
    expect(await rowsOf(), "sent again").toBe(before + (anew ? 2 : 1));
    await call(method, path, { key: "rf_nobody", ...request });
    expect(await rowsOf(), "refused").toBe(before + (anew ? 2 : 1));
  });
});
