/** Vouchers and holders for tests of transfers, over HTTP. */
import { type Answer, operatorKey, call } from "./api.ts";
import { codesOf, issue, redeemed, type Deck, type Problem } from "./cards.ts";

export type Holder = { readonly token: string; readonly serial: string };

/** Redeems a card of the deck on a device of its own. */
export async function holderOf(code: string | undefined, device = "a"): Promise<Holder> {
  const { card, tokens } = await redeemed(code, device);
  return { token: tokens.accessToken, serial: card.serial };
}

/** Codes of a fresh batch of twenty vouchers of 5.00 EUR. */
export async function vouchersOf(
  { partner, brand }: Pick<Deck, "partner" | "brand">,
  overrides: Readonly<Record<string, unknown>> = {},
): Promise<{ batch: number; codes: string[] }> {
  const batch = await issue({
    partner,
    brand,
    kind: "voucher",
    credit: { amount: "5.00", currency: "EUR" },
    expiry: { daysAfterIssue: 30 },
    ...overrides,
  });
  return { batch, codes: await codesOf(batch) };
}

export type ToppedUp = {
  readonly id: string;
  readonly credited: string;
  readonly voucher: string;
  readonly balance: { readonly available: string; readonly held: string; readonly currency: string };
};

export const topUp = ({ token }: Holder, id: string, code: unknown): Promise<Answer<ToppedUp & Problem>> =>
  call("POST", "/v1/me/top-ups", { key: token, body: { id, code } });

export type CardBody = {
  readonly status: string;
  readonly firstUsedAt: string | null;
  readonly balance: Readonly<
    Record<"available" | "held" | "spent" | "reversed" | "expired" | "credits" | "debt", string>
  >;
};

export async function cardOf(serial: string): Promise<CardBody> {
  const answer = await call<CardBody>("GET", `/v1/cards/${serial}`, { key: operatorKey() });
  if (answer.status !== 200) throw new Error(answer.text);
  return answer.body;
}

export type PostingBody = {
  readonly type: string;
  readonly id: string;
  readonly amount: string;
  readonly reason?: string;
};

export async function postingsOf(serial: string): Promise<PostingBody[]> {
  const answer = await call<{ items: PostingBody[] }>("GET", `/v1/cards/${serial}/postings`, { key: operatorKey() });
  return answer.body.items;
}

export const isReplayed = ({ headers }: Answer<unknown>): boolean => headers.get("Idempotency-Replayed") === "true";

export const act = (serial: string, action: string, extra: object = {}): Promise<Answer<unknown>> =>
  call("PATCH", `/v1/cards/${serial}`, { key: operatorKey(), body: { action, reason: "test", ...extra } });
