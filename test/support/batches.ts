/** Tenants that can issue batches, and the orders they send. */
import { env } from "cloudflare:workers";
import { type Answer, call, fresh } from "./api.ts";
import { createBrand, createPartner, createPartnerKey, createProfile, createTrunk, orderBody } from "./catalogue.ts";

export type Body = Record<string, unknown>;
export type BatchBody = Body & { number: number };
export type Tenant = { partner: string; key: string; brand: string; profile: string; trunk: string };

export async function createTenant(overrides: Body = {}): Promise<Tenant> {
  const partner = await createPartner(fresh("partner"), overrides);
  const key = await createPartnerKey(partner);
  const trunk = await createTrunk([partner]);
  const profile = await createProfile(partner, trunk);
  return { partner, key, brand: await createBrand(partner), profile, trunk };
}

export const order = ({ brand, profile }: Tenant, overrides: Body = {}): Body =>
  orderBody({ brand, profile, ...overrides });

export const issue = (key: string, body: Body, idempotencyKey = fresh("order")): Promise<Answer<BatchBody>> =>
  call("POST", "/v1/batches", { key, body, headers: { "Idempotency-Key": idempotencyKey } });

export const countOf = async (partner: string): Promise<number> =>
  (await env.DB.prepare("SELECT count(*) AS n FROM batches WHERE partner = ?").bind(partner).first<{ n: number }>())!.n;

/** As if those batches had been issued while that code key was the newest. */
export const recordUnder = (keyId: string, from: number, to = from): Promise<unknown> =>
  env.DB.prepare("UPDATE batches SET key_id = ? WHERE number BETWEEN ? AND ?").bind(keyId, from, to).run();

/** A touched card as the projection would have it. */
export const project = (batch: number, card: number, sums: { credits: number; spent?: number; reversed?: number }) => {
  const { credits, spent = 0, reversed = 0 } = sums;
  return env.DB.prepare(
    `INSERT INTO cards (batch, card, version, status, available_micros, held_micros, spent_micros, reversed_micros,
      expired_micros, credits_micros, debt_micros, devices, open_holds, first_used_at_ms, changed_at_ms, projected_at_ms)
     VALUES (?, ?, 1, 'active', ?, 0, ?, ?, 0, ?, 0, 1, 0, 0, 0, 0)`,
  )
    .bind(batch, card, credits - spent - reversed, spent, reversed, credits)
    .run();
};

export const UNIT = 1_000_000;
export const limits = (outstanding: string, maxFaceValue = "1000.00") => ({
  limits: { EUR: { outstanding, creditPerDay: "0", maxFaceValue } },
});
