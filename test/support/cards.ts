/** Cards for tests, issued and redeemed over HTTP like everybody's. */
import { type Answer, operatorKey, call, fresh } from "./api.ts";
import { createBrand, createPartner, createProfile, createTrunk, orderBody } from "./catalogue.ts";

export type Deck = {
  readonly partner: string;
  readonly brand: string;
  readonly trunk: string;
  readonly profile: string;
  readonly batch: number;
  /** Printed codes of the first cards, in order. */
  readonly codes: readonly string[];
};

type DeckOptions = {
  readonly batch?: Readonly<Record<string, unknown>>;
  readonly profile?: Readonly<Record<string, unknown>>;
  readonly partner?: Readonly<Record<string, unknown>>;
  readonly trunk?: Readonly<Record<string, unknown>>;
};

/** A partner of its own with one batch of twenty cards of 10.00 EUR. */
export async function createDeck(options: DeckOptions = {}): Promise<Deck> {
  const partner = await createPartner(fresh("deck"), options.partner);
  const trunk = await createTrunk([partner], options.trunk);
  const profile = await createProfile(partner, trunk, options.profile);
  const brand = await createBrand(partner);
  const published = await call("POST", `/v1/brands/${brand}/publish`, { key: operatorKey() });
  if (published.status !== 200) throw new Error(`publish: ${published.text}`);
  const batch = await issue({ partner, brand, profile, ...options.batch });
  return { partner, brand, trunk, profile, batch, codes: await codesOf(batch) };
}

export async function issue(overrides: Readonly<Record<string, unknown>>): Promise<number> {
  const body = orderBody({ quantity: 20, ...overrides });
  const headers = { "Idempotency-Key": fresh("issue-") };
  const answer = await call<{ number: number }>("POST", "/v1/batches", { key: operatorKey(), body, headers });
  if (answer.status !== 201) throw new Error(`issue: ${answer.status} ${answer.text}`);
  return answer.body.number;
}

export async function codesOf(batch: number): Promise<string[]> {
  const answer = await call<{ items: { code: string }[] }>("GET", `/v1/batches/${batch}/codes?from=1`, {
    key: operatorKey(),
    headers: { Accept: "application/json" },
  });
  return answer.body.items.map(({ code }) => code);
}

export type Redeemed = {
  readonly card: { serial: string; status: string; expiresAt: string | null; device: number; mode: string };
  readonly balance: { available: string; held: string; currency: string };
  readonly branding: { brand: string; version: number; name: string };
  readonly provisioning: {
    sip: { domain: string; realm: string; username: string; credentials: SipCredential[] } | null;
    ice: { servers: { urls: string[]; username: string; credential: string }[] };
    limits: { concurrentCalls: number };
    refreshInSeconds: number;
  };
  readonly tokens: { tokenType: string; accessToken: string; expiresIn: number; refreshToken: string };
  readonly portal: { url: string };
  readonly serverTime: string;
};

export type SipCredential = {
  readonly type: "bearer" | "digest";
  readonly token?: string;
  readonly username?: string;
  readonly password?: string;
  readonly ha1?: string;
  readonly expiresAt: string;
  readonly expiresInSeconds: number;
};

export type Problem = {
  readonly code: string;
  readonly status: number;
  readonly detail: string;
  readonly positions?: number[];
  readonly errors?: { pointer: string; detail: string }[];
};

/** A device id as an app makes it; the same name gives the same device. */
export const deviceId = (name: string): string => `device-${name}`.padEnd(24, "x");

export const redeem = (
  code: unknown,
  device = "a",
  extra: Readonly<Record<string, unknown>> = {},
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer<Redeemed & Problem>> =>
  call("POST", "/v1/redeem", { body: { code, device: { id: deviceId(device) }, ...extra }, headers });

export async function redeemed(code: string | undefined, device = "a"): Promise<Redeemed> {
  const answer = await redeem(code, device);
  if (answer.status !== 200) throw new Error(`redeem: ${answer.status} ${answer.text}`);
  return answer.body;
}

export const refresh = (
  refreshToken: string,
): Promise<Answer<{ access_token: string; refresh_token: string; expires_in: number } & Problem & { error: string }>> =>
  call("POST", "/v1/token", {
    raw: new URLSearchParams({ grant_type: "refresh_token", refresh_token: refreshToken }).toString(),
    headers: { "Content-Type": "application/x-www-form-urlencoded" },
  });
