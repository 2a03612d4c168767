/** The catalogue a test needs, made over HTTP with the operator's key. Every helper fails loudly. */
import { PARTNER_SCOPES } from "../../src/domain/scopes.ts";
import { type Answer, operatorKey, call, fresh } from "./api.ts";

type Body = Readonly<Record<string, unknown>>;

async function mustBeMade<T>(method: string, path: string, body: Body): Promise<T> {
  const answer: Answer<T> = await call<T>(method, path, { key: operatorKey(), body });
  if (answer.status !== 200 && answer.status !== 201)
    throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`);
  return answer.body;
}

export const partnerBody = (overrides: Body = {}): Body => ({
  name: "Acme Talk",
  status: "active",
  timeZone: "Europe/Berlin",
  limits: { EUR: { outstanding: "1000000000.00", creditPerDay: "1000000.00", maxFaceValue: "1000.00" } },
  ...overrides,
});

/** Answers the partner's id. */
export async function createPartner(id = fresh("partner"), overrides: Body = {}): Promise<string> {
  await mustBeMade("PUT", `/v1/partners/${id}`, partnerBody(overrides));
  return id;
}

export type CreatedKey = { readonly id: string; readonly key: string };

/** A partner's key (or an operator's, with `partner: null`) with these scopes; `trunks` with the switch scope. */
export function createKey(
  partner: string | null,
  scopes: readonly string[],
  overrides: Body = {},
): Promise<CreatedKey> {
  const path = partner === null ? "/v1/keys" : `/v1/partners/${partner}/keys`;
  return mustBeMade<CreatedKey>("POST", path, { name: "test", scopes, ...overrides });
}

/** A key with everything a partner may do but `switch`. */
export const createPartnerKey = async (partner: string): Promise<string> =>
  (await createKey(partner, PARTNER_SCOPES)).key;

export const DIGEST_SECRET = "digest secret of a test trunk";
export const ICE_SECRET = "turn secret of a test trunk";

export const trunkBody = (domain: string, overrides: Body = {}): Body => ({
  name: "Test trunk",
  partners: [],
  domain,
  proxies: [`sip:edge1.${domain}:5061;transport=tls`],
  webSockets: [`wss://edge1.${domain}/ws`],
  routeGroup: "default",
  techPrefix: "77",
  digest: { mac: "sha1", algorithm: "MD5", secret: DIGEST_SECRET },
  ice: { urls: [`turn:turn.${domain}:3478?transport=udp`], secret: ICE_SECRET },
  ...overrides,
});

/** Answers the trunk's id; its domain is `<id>.example`. */
export async function createTrunk(partners: readonly string[], overrides: Body = {}): Promise<string> {
  const id = fresh("trunk");
  await mustBeMade("PUT", `/v1/trunks/${id}`, trunkBody(`${id}.example`, { partners, ...overrides }));
  return id;
}

export const profileBody = (trunk: string, overrides: Body = {}): Body => ({
  name: "Standard",
  trunk,
  codecs: ["opus", "PCMA"],
  callerId: { mode: "anonymous" },
  destinations: { allow: ["+"], deny: ["+1900"] },
  ...overrides,
});

/** Answers the profile's id. */
export async function createProfile(partner: string, trunk: string, overrides: Body = {}): Promise<string> {
  const id = fresh("profile");
  await mustBeMade("PUT", `/v1/profiles/${id}?partner=${partner}`, profileBody(trunk, overrides));
  return id;
}

/** Answers the brand's id; nothing of it is published. */
export async function createBrand(partner: string): Promise<string> {
  const id = fresh(`${partner}-brand`);
  await mustBeMade("PUT", `/v1/brands/${id}?partner=${partner}`, { name: `Brand of ${partner}` });
  return id;
}

/** An order of cards; the references are the caller's to add. */
export const orderBody = (overrides: Body = {}): Body => ({
  kind: "card",
  quantity: 100,
  credit: { amount: "10.00", currency: "EUR" },
  expiry: { daysAfterFirstUse: 365 },
  ...overrides,
});

/** Equal in everything a caller can see but the request's own id: what "foreign is absent" means. */
export function comparable({ status, headers, text }: Answer<unknown>): unknown {
  const requestId = headers.get("X-Request-Id") ?? "";
  return {
    status,
    headers: [...headers].filter(([name]) => !["x-request-id", "date", "server-timing"].includes(name)),
    text: text.replaceAll(requestId, "<request>"),
  };
}
