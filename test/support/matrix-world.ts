/** Two partners with one of everything, what neither has, and a key of every kind: who asks, and about what. */
import { expect } from "vitest";
import { PARTNER_SCOPES, PRESETS, type Scope, SCOPES } from "../../src/domain/scopes.ts";
import { adminApiKey, call, fresh, operatorKey } from "./api.ts";
import { createKey, createPartner } from "./catalogue.ts";
import { createDeck, redeemed, type Deck } from "./cards.ts";

export type Things = {
  readonly partner: string;
  readonly name: string;
  readonly brand: string;
  readonly profile: string;
  readonly trunk: string;
  /** Whom the trunk is granted to. */
  readonly granted: readonly string[];
  readonly batch: string;
  readonly serial: string;
  readonly replaced: string;
  readonly untouched: string;
  readonly keyId: string;
  readonly operatorKeyId: string;
  readonly hook: string;
  readonly action: string;
  readonly sipToken: string;
};

export type Role = {
  readonly name: string;
  readonly key: string | undefined;
  /** Refused at the door, whatever is asked. */
  readonly refused?: { readonly status: number; readonly code: string };
  readonly scopes: readonly Scope[];
  /** null = an operator's key. */
  readonly partner: string | null;
  readonly trunks: readonly string[];
};

const must = async (method: string, path: string, options: Parameters<typeof call>[2]) => {
  const answer = await call(method, path, options);
  if (answer.status > 299) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`);
  return answer;
};

const serialOf = (batch: number, card: number) => `${String(batch).padStart(6, "0")}-${String(card).padStart(7, "0")}`;

async function furnish(deck: Deck, fullKey: string, operatorKeyId: string): Promise<Things> {
  const name = `Name of ${deck.partner}`;
  const { card, provisioning } = await redeemed(deck.codes[0]);
  const { serial } = card;
  await redeemed(deck.codes[1]);
  const { key: switchKey } = await createKey(null, ["switch"], { trunks: [deck.trunk] });
  const money = { amount: "0.10", currency: "EUR" };
  const card1 = `/v1/cards/${serial}`;
  await must("PUT", `${card1}/credits/c1`, { key: operatorKey(), body: { ...money, source: "goodwill" } });
  await must("PUT", `${card1}/debits/d1`, { key: switchKey, body: money });
  for (const hold of ["h1", "h2", "h3"])
    await must("PUT", `${card1}/holds/${hold}`, { key: switchKey, body: { ...money, ttlSeconds: 80_000 } });
  const keyId = (await createKey(deck.partner, ["cards:read"])).id;
  const hook = fresh("hook");
  await must("PUT", `/v1/partners/${deck.partner}/webhooks/${hook}`, {
    key: operatorKey(),
    body: { url: "https://hooks.example.com/in", events: ["card.blocked"], enabled: true },
  });
  const action = fresh("action-");
  await must("POST", "/v1/cards/actions", {
    key: fullKey,
    body: { id: action, action: "activate", reason: "matrix", dryRun: true, serials: [serial] },
  });
  const sip = provisioning.sip?.credentials.find(({ type }) => type === "bearer");
  return {
    ...deck,
    name,
    granted: [deck.partner],
    batch: String(deck.batch),
    serial,
    replaced: serialOf(deck.batch, 2),
    untouched: serialOf(deck.batch, 3),
    keyId,
    operatorKeyId,
    hook,
    action,
    sipToken: sip?.token ?? "",
  };
}

/** Of the same shape, and nobody's. */
const ABSENT: Things = {
  partner: "absent-partner",
  name: "Absent",
  brand: "absent-thing",
  profile: "absent-thing",
  trunk: "absent-thing",
  granted: [],
  batch: "999999",
  serial: "999999-0000001",
  replaced: "999999-0000002",
  untouched: "999999-0000003",
  keyId: "absent-thing",
  operatorKeyId: "absent-thing",
  hook: "absent-thing",
  action: "absent-thing",
  sipToken: "absent-thing",
};

export type World = {
  readonly own: Things;
  readonly foreign: Things;
  readonly absent: Things;
  readonly roles: readonly Role[];
};

const UNAUTHENTICATED = { status: 401, code: "unauthenticated" };
const concurrent = { profile: { concurrentCalls: 100 } };

export async function makeWorld(): Promise<World> {
  const [a, b] = [await createDeck(concurrent), await createDeck(concurrent)];
  const [keyA, keyB] = [await createKey(a.partner, PARTNER_SCOPES), await createKey(b.partner, PARTNER_SCOPES)];
  const spare = await createKey(null, ["cards:read"]);
  const own = await furnish(a, keyA.key, spare.id);
  const foreign = await furnish(b, keyB.key, spare.id);

  const ended = async (overrides = {}) => createKey(a.partner, PARTNER_SCOPES, overrides);
  const revoked = await ended();
  await must("DELETE", `/v1/partners/${a.partner}/keys/${revoked.id}`, { key: operatorKey() });
  const expiresAt = new Date(Date.now() + 1500).toISOString();
  const expired = await ended({ expiresAt });
  const suspended = await createPartner(fresh("suspended"));
  const ofSuspended = await createKey(suspended, PARTNER_SCOPES);
  await createPartner(suspended, { status: "suspended" });
  const preset = async (scopes: readonly Scope[]) => (await createKey(a.partner, scopes)).key;
  const operatorScopes = SCOPES.filter((scope) => scope !== "switch");
  const bound = async (partner: string | null, trunk: string) =>
    (await createKey(partner, ["switch"], { trunks: [trunk] })).key;
  const none = { scopes: [], partner: a.partner, trunks: [] };
  const ofA = (name: string, key: string, scopes: readonly Scope[]): Role => ({ ...none, name, key, scopes });
  const roles: Role[] = [
    { ...none, name: "no key", key: undefined, refused: UNAUTHENTICATED },
    { ...none, name: "bad key", key: `${keyA.key}a`, refused: UNAUTHENTICATED },
    { ...none, name: "expired", key: expired.key, refused: UNAUTHENTICATED },
    { ...none, name: "revoked", key: revoked.key, refused: UNAUTHENTICATED },
    { ...none, name: "suspended", key: ofSuspended.key, refused: { status: 403, code: "partner_suspended" } },
    ofA("support", await preset(PRESETS.support), PRESETS.support),
    ofA("retailer", await preset(PRESETS.retailer), PRESETS.retailer),
    ofA("issuer", await preset(PRESETS.issuer), PRESETS.issuer),
    { ...ofA("partner's switch", await bound(a.partner, a.trunk), ["switch"]), trunks: [a.trunk] },
    ofA("partner", keyA.key, PARTNER_SCOPES),
    { name: "other partner", key: keyB.key, scopes: PARTNER_SCOPES, partner: b.partner, trunks: [] },
    {
      name: "operator",
      key: (await createKey(null, operatorScopes)).key,
      scopes: operatorScopes,
      partner: null,
      trunks: [],
    },
    {
      name: "switch with the trunk",
      key: await bound(null, a.trunk),
      scopes: ["switch"],
      partner: null,
      trunks: [a.trunk],
    },
    {
      name: "switch without the trunk",
      key: await bound(null, b.trunk),
      scopes: ["switch"],
      partner: null,
      trunks: [b.trunk],
    },
  ];
  expect((await call("GET", "/v1/keys", { key: adminApiKey() })).status).toBe(403);
  while (Date.now() < Date.parse(expiresAt)) await new Promise((resolve) => setTimeout(resolve, 100));
  return { own, foreign, absent: ABSENT, roles };
}
