/** What a switch sends, for tests: every step of a hold, and a card's balance as its operator sees it. */
import { type Answer, operatorKey, call } from "./api.ts";
import type { Problem } from "./cards.ts";

export type HoldAnswer = Problem & {
  state: string;
  granted: string;
  final: boolean;
  sequence: number;
  expiresAt: string;
  charged: string;
  released: string;
  shortfall: string;
  balance: { available: string; held: string };
  profile: Record<string, unknown>;
  hold?: { state: string };
  holds?: { id: string }[];
  expected?: number;
};

/** `key` is asked at each call: a test may bind its switch to another trunk meanwhile. */
export function holdCalls(key: () => string) {
  const send = (method: string, path: string, body?: object): Promise<Answer<HoldAnswer>> =>
    call(method, path, { key: key(), ...(body && { body }) });
  return {
    place: (serial: string, id: string, amount: string, extra: object = {}) =>
      send("PUT", `/v1/cards/${serial}/holds/${id}`, { amount, currency: "EUR", ttlSeconds: 60, ...extra }),
    extend: (serial: string, id: string, sequence: number, used: string, amount: string, extra: object = {}) =>
      send("POST", `/v1/cards/${serial}/holds/${id}/extend`, { sequence, used, amount, ttlSeconds: 60, ...extra }),
    commit: (serial: string, id: string, amount: string, extra: object = {}) =>
      send("POST", `/v1/cards/${serial}/holds/${id}/commit`, { amount, ...extra }),
    release: (serial: string, id: string) => send("POST", `/v1/cards/${serial}/holds/${id}/release`),
  };
}

export const balanceOf = async (serial: string) =>
  (
    await call<{ balance: Record<string, string>; openHolds: number; status: string }>("GET", `/v1/cards/${serial}`, {
      key: operatorKey(),
    })
  ).body;
