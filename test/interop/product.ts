/** The running product as its callers use it: over HTTP, with the keys that the start printed. */
import { createHmac, randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { inject } from "vitest";

/** What the start keeps for its operator; the secret is what goes into the SIP server's configuration. */
export type Memory = { readonly trunkSecret: string };
export const memoryOf = async (stateDir: string): Promise<Memory> =>
  JSON.parse(await readFile(path.join(stateDir, "demo.json"), "utf8")) as Memory;

export const DOMAIN = "sip.demo.example";
export const TURN_SECRET = "turn secret of the demo trunk";

export type Pair = {
  readonly username: string;
  readonly password: string;
  readonly realm: string;
  readonly ha1: string;
};
export type Phone = {
  readonly code: string;
  readonly device: string;
  readonly serial: string;
  /** `<serial>.<device number>`, the user of its address. */
  readonly user: string;
  readonly pair: Pair;
  readonly token: string;
  readonly accessToken: string;
  readonly refreshToken: string;
  readonly turn: { readonly username: string; readonly credential: string } | undefined;
};

type Credential = Pair & { readonly type: string; readonly token: string };
type Redeemed = {
  readonly card: { readonly serial: string };
  readonly provisioning: {
    readonly sip: { readonly username: string; readonly credentials: readonly Credential[] };
    readonly ice: { readonly servers: readonly { readonly username: string; readonly credential: string }[] };
  };
  readonly tokens: { readonly accessToken: string; readonly refreshToken: string };
};

export type Answer<T> = { readonly status: number; readonly body: T };

export async function api<T = Record<string, unknown>>(
  method: string,
  address: string,
  { key, body, headers }: { key?: string; body?: unknown; headers?: Record<string, string> } = {},
): Promise<Answer<T>> {
  const { demo } = inject("product");
  const answer = await fetch(new URL(address, demo.url), {
    method,
    headers: {
      ...(key !== undefined && { Authorization: `Bearer ${key}` }),
      ...(body !== undefined && { "Content-Type": "application/json" }),
      ...headers,
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  const isJson = /[/+]json/.test(answer.headers.get("Content-Type") ?? "");
  return { status: answer.status, body: (isJson && text !== "" ? JSON.parse(text) : text) as T };
}

async function must<T>(method: string, address: string, options: Parameters<typeof api>[2]): Promise<T> {
  const { status, body } = await api<T>(method, address, options);
  if (status !== 200 && status !== 201) throw new Error(`${method} ${address}: ${status} ${JSON.stringify(body)}`);
  return body;
}

/** Codes of a batch of this file's own. A profile is the demo's one with these changes. */
export async function issueCodes(quantity: number, profile: Record<string, unknown> = {}): Promise<string[]> {
  const { adminKey: key } = inject("product").demo;
  const id = `p-${randomUUID().slice(0, 8)}`;
  await must("PUT", `/v1/profiles/${id}?partner=demo`, { key, body: { name: "Interop", trunk: "demo", ...profile } });
  const { number } = await must<{ number: number }>("POST", "/v1/batches", {
    key,
    body: {
      partner: "demo",
      brand: "demo",
      profile: id,
      kind: "card",
      quantity,
      credit: { amount: "10.00", currency: "EUR" },
      expiry: { daysAfterFirstUse: 365 },
    },
    headers: { "Idempotency-Key": id },
  });
  const sheet = await must<{ items: { code: string }[] }>("GET", `/v1/batches/${number}/codes`, {
    key,
    headers: { Accept: "application/json" },
  });
  return sheet.items.map(({ code }) => code);
}

/** Changes the demo's trunk; its other settings stay as the start made them. */
async function changeTrunk(changes: Record<string, unknown>): Promise<void> {
  const { adminKey: key } = inject("product").demo;
  const { id: _, ...trunk } = await must<Record<string, unknown>>("GET", "/v1/trunks/demo", { key });
  await must("PUT", "/v1/trunks/demo", { key, body: { ...trunk, ...changes } });
}

export const addTurn = (url: string): Promise<void> => changeTrunk({ ice: { urls: [url], secret: TURN_SECRET } });

/** Where telephones that are told by us find their SIP server. */
export const routeTrunkTo = (proxy: string): Promise<void> => changeTrunk({ proxies: [proxy] });

type Provisioning = Redeemed["provisioning"];

const credentialsOf = ({ sip, ice }: Provisioning): Pick<Phone, "pair" | "token" | "turn"> => {
  const of = (type: string) => sip.credentials.find((credential) => credential.type === type);
  const [pair, bearer] = [of("digest"), of("bearer")];
  if (!pair || !bearer) throw new Error("the answer holds no credentials");
  return { pair, token: bearer.token, turn: ice.servers[0] };
};

export async function redeem(code = "", extra: Record<string, unknown> = {}): Promise<Phone> {
  const device = randomUUID();
  const { card, provisioning, tokens } = await must<Redeemed>("POST", "/v1/redeem", {
    body: { code, device: { id: device, name: "Interop" }, ...extra },
  });
  return {
    code,
    device,
    serial: card.serial,
    user: provisioning.sip.username,
    ...credentialsOf(provisioning),
    ...tokens,
  };
}

/** The same telephone with new credentials, as an app refreshes them. */
export async function freshPhone(phone: Phone): Promise<Phone> {
  const fresh = await must<Provisioning>("POST", "/v1/me/sip-credentials", { key: phone.accessToken });
  return { ...phone, ...credentialsOf(fresh) };
}

/** A pair as the product makes it, for any expiry and user: only who has the secret can. */
export function forge(secret: string, expiresAt: number, user: string, domain = DOMAIN): Pair {
  const username = `${expiresAt}:${user}@${domain}`;
  return { username, password: createHmac("sha1", secret).update(username).digest("base64"), realm: domain, ha1: "" };
}

export const nowSeconds = (): number => Math.floor(Date.now() / 1000);
