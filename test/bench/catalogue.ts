/** What the bench issues and uses, made through the public API. */
import { randomBytes } from "node:crypto";
import { type Api, apiClient, makeFirstKey, NDJSON } from "../../src/cli/api-client.ts";
import { WrongAnswer } from "./load.ts";

const NAME = "bench";

export type Bench = { readonly api: Api; readonly url: string; readonly key: string; readonly switchKey: string };
export type SheetRow = { readonly serial: string; readonly code: string };

/** `bootstrapKey` works once for each platform. */
export async function makeCatalogue(url: string, bootstrapKey: string): Promise<Bench> {
  const { key } = await makeFirstKey(url, bootstrapKey);
  const api = apiClient(url, key);
  await api.send("PUT", `/v1/partners/${NAME}`, {
    name: "Bench Talk",
    status: "active",
    timeZone: "Europe/Berlin",
    limits: { EUR: { outstanding: "8000000000.00", creditPerDay: "1000000.00", maxFaceValue: "1000.00" } },
  });
  await api.send("PUT", `/v1/trunks/${NAME}`, {
    name: "Bench trunk",
    partners: [NAME],
    domain: "sip.bench.example",
    proxies: ["sip:edge1.sip.bench.example:5061;transport=tls"],
    webSockets: ["wss://edge1.sip.bench.example/ws"],
    digest: { mac: "sha1", algorithm: "MD5", secret: randomBytes(32).toString("base64url") },
    ice: { urls: ["turn:turn.bench.example:3478"], secret: randomBytes(32).toString("base64url") },
  });
  await api.send("PUT", `/v1/profiles/${NAME}?partner=${NAME}`, {
    name: "Bench calling",
    trunk: NAME,
    // A load that ends may leave holds open.
    concurrentCalls: 100,
  });
  await api.send("PUT", `/v1/brands/${NAME}?partner=${NAME}`, { name: "Bench Talk" });
  await api.send("POST", `/v1/brands/${NAME}/publish`);
  const { key: switchKey } = await api.send<{ key: string }>("POST", "/v1/keys", {
    name: "Bench switch",
    scopes: ["switch"],
    trunks: [NAME],
  });
  return { api, url, key, switchKey };
}

/** Answers the batch's number. */
export async function issue({ api }: Pick<Bench, "api">, quantity: number, amount = "1.00"): Promise<number> {
  const order = {
    partner: NAME,
    brand: NAME,
    profile: NAME,
    kind: "card",
    quantity,
    credit: { amount, currency: "EUR" },
    expiry: { daysAfterFirstUse: 365 },
  };
  return (await api.send<{ number: number }>("POST", "/v1/batches", order, randomBytes(12).toString("hex"))).number;
}

export const codesOf = async ({ api }: Pick<Bench, "api">, batch: number): Promise<SheetRow[]> =>
  (await api.get<SheetRow[]>(`/v1/batches/${batch}/codes`, NDJSON)) ?? [];

export type RedeemBody = { readonly code: string; readonly device: { readonly id: string } };

/** A code with a device of its own. */
export const redeemBody = (code: string): RedeemBody => ({
  code,
  device: { id: randomBytes(18).toString("base64url") },
});

export async function redeemOnce({ url }: Pick<Bench, "url">, body: RedeemBody): Promise<Response> {
  return fetch(new URL("/v1/redeem", url), {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
}

export async function redeemed(bench: Pick<Bench, "url">, body: RedeemBody): Promise<void> {
  const answer = await redeemOnce(bench, body);
  const text = await answer.text();
  if (answer.status !== 200) throw new WrongAnswer(`redeem: ${answer.status} ${text}`);
}
