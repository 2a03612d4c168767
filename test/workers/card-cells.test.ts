/** Every cell of the table of what a card's status allows, over public routes. The answers are the contract's own. */
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { type Answer, operatorKey, call } from "../support/api.ts";
import { codesOf, createDeck, issue, redeem, redeemed, refresh, type Deck } from "../support/cards.ts";
import { createKey } from "../support/catalogue.ts";
import { holdCalls } from "../support/holds.ts";
import { act, topUp, vouchersOf } from "../support/vouchers.ts";

/** A card as it is met: what its holder and its switch got while it still worked; null = it never did. */
type Met = {
  readonly serial: string;
  readonly code: string;
  readonly tokens: { readonly access: string; readonly refresh: string } | null;
};

const VERBS = [
  "redeem on its own device",
  "redeem on another device",
  "me",
  "refresh",
  "hold",
  "extend",
  "debit",
  "commit",
  "release",
  "voucher",
  "operator credit",
  "replace",
] as const;
type Verb = (typeof VERBS)[number];
/** Status and code of a refusal, the bare status of a success; none = nobody has a token to ask with. */
type Cell = string | null;

const HOLDER_NONE = { me: null, refresh: null, voucher: null };
const TABLE: Readonly<Record<string, Readonly<Record<Verb, Cell>>>> = {
  issued: {
    ...HOLDER_NONE,
    "redeem on its own device": "200",
    "redeem on another device": "200",
    hold: "409 card_not_redeemed",
    extend: "404 hold_unknown",
    debit: "409 card_not_redeemed",
    commit: "404 hold_unknown",
    release: "404 hold_unknown",
    "operator credit": "409 card_not_redeemed",
    replace: "409 card_not_redeemed",
  },
  not_activated: {
    ...HOLDER_NONE,
    "redeem on its own device": "409 card_not_activated",
    "redeem on another device": "409 card_not_activated",
    hold: "409 card_not_activated",
    extend: "404 hold_unknown",
    debit: "409 card_not_activated",
    commit: "404 hold_unknown",
    release: "404 hold_unknown",
    "operator credit": "409 card_not_activated",
    replace: "409 card_not_activated",
  },
  active: {
    "redeem on its own device": "200",
    "redeem on another device": "409 card_in_use",
    me: "200",
    refresh: "200",
    hold: "200",
    extend: "200",
    debit: "200",
    commit: "200",
    release: "200",
    voucher: "200",
    "operator credit": "200",
    replace: "200",
  },
  blocked: { ...refusedWith("403 card_blocked"), "operator credit": "200", replace: "200" },
  expired: {
    ...refusedWith("410 card_expired"),
    "redeem on its own device": "200",
    me: "200",
    refresh: "200",
  },
  "expired, reviving": {
    ...refusedWith("410 card_expired"),
    "redeem on its own device": "200",
    me: "200",
    refresh: "200",
    voucher: "200",
    "operator credit": "200",
  },
  recalled: { ...refusedWith("410 card_recalled"), replace: "200" },
  closed: refusedWith("410 card_closed"),
};

/** Refused with one code throughout, but for the settling of calls, which no status stops. */
function refusedWith(cell: string): Record<Verb, Cell> {
  const all = Object.fromEntries(VERBS.map((verb) => [verb, cell])) as Record<Verb, Cell>;
  return { ...all, commit: "200", release: "200" };
}

let deck: Deck;
let reviving: number;
let onSale: number;
let vouchers: { readonly batch: number; readonly codes: readonly string[] };
let switchKey: string;
const codes = new Map<number, readonly string[]>();
const taken = new Map<number, number>();
const holds = holdCalls(() => switchKey);

beforeAll(async () => {
  const expiry = { daysAfterFirstUse: 30 };
  deck = await createDeck({ batch: { quantity: 120, expiry }, profile: { concurrentCalls: 5 } });
  const { partner, brand, profile } = deck;
  const terms = { partner, brand, profile, quantity: 40 };
  reviving = await issue({ ...terms, expiry, onExpiredTopUp: "revive", graceDays: 30 });
  onSale = await issue({ ...terms, activation: "on_sale" });
  vouchers = await vouchersOf(deck, { quantity: 40, expiry: { daysAfterIssue: 300 } });
  switchKey = (await createKey(null, ["switch"], { trunks: [deck.trunk] })).key;
  codes.set(deck.batch, deck.codes);
  for (const batch of [reviving, onSale]) codes.set(batch, await codesOf(batch));
}, 60_000);
afterEach(() => {
  vi.useRealTimers();
});

/** The next card of a batch that nobody has touched. */
function untouched(batch = deck.batch): Met {
  const index = taken.get(batch) ?? 0;
  taken.set(batch, index + 1);
  const code = codes.get(batch)?.[index];
  if (code === undefined) throw new Error(`batch ${batch} is used up`);
  const serial = `${String(batch).padStart(6, "0")}-${String(index + 1).padStart(7, "0")}`;
  return { serial, code, tokens: null };
}

/** A card in use with a call open, as a switch left it. */
async function used(batch = deck.batch, needsHold = false): Promise<Met> {
  const card = untouched(batch);
  const { tokens } = await redeemed(card.code);
  if (needsHold) await mustWork(holds.place(card.serial, "open", "1.00", { ttlSeconds: 86_400 }));
  return { ...card, tokens: { access: tokens.accessToken, refresh: tokens.refreshToken } };
}

async function mustWork(asked: Promise<Answer<unknown>>): Promise<void> {
  const answer = await asked;
  if (answer.status >= 300) throw new Error(`${answer.status} ${answer.text}`);
}

/** Past its end, with a token and an open call from before it where the verb needs them. */
async function expired(batch: number, needsHold: boolean): Promise<Met> {
  const card = await used(batch);
  const { expiresAt } = (await redeemed(card.code)).card;
  const endMs = Date.parse(expiresAt ?? "");
  vi.useFakeTimers({ toFake: ["Date"], now: endMs - 60_000 });
  const { tokens } = await redeemed(card.code);
  if (needsHold) await mustWork(holds.place(card.serial, "open", "1.00", { ttlSeconds: 3600 }));
  vi.setSystemTime(endMs + 60_000);
  return { ...card, tokens: { access: tokens.accessToken, refresh: tokens.refreshToken } };
}

const MAKE: Readonly<Record<keyof typeof TABLE, (needsHold: boolean) => Promise<Met> | Met>> = {
  issued: () => untouched(),
  not_activated: () => untouched(onSale),
  active: (needsHold) => used(deck.batch, needsHold),
  blocked: async (needsHold) => acted(await used(deck.batch, needsHold), "block"),
  expired: (needsHold) => expired(deck.batch, needsHold),
  "expired, reviving": (needsHold) => expired(reviving, needsHold),
  recalled: async (needsHold) => {
    const card = await used(deck.batch, needsHold);
    const number = Number(card.serial.slice(7));
    const body = { status: "recalled", from: number, to: number };
    await mustWork(call("PATCH", `/v1/batches/${deck.batch}`, { key: operatorKey(), body }));
    return card;
  },
  closed: async (needsHold) => acted(await used(deck.batch, needsHold), "close"),
};

async function acted(card: Met, action: string): Promise<Met> {
  await mustWork(act(card.serial, action));
  return card;
}

let nextVoucher = 0;
const money = { amount: "1.00", currency: "EUR" };
const DO: Readonly<Record<Verb, (card: Met) => Promise<Answer<unknown>>>> = {
  "redeem on its own device": ({ code }) => redeem(code),
  "redeem on another device": ({ code }) => redeem(code, "b"),
  me: ({ tokens }) => call("GET", "/v1/me", { key: tokens?.access ?? "" }),
  refresh: ({ tokens }) => refresh(tokens?.refresh ?? ""),
  hold: ({ serial }) => holds.place(serial, "new", "1.00"),
  extend: ({ serial }) => holds.extend(serial, "open", 1, "0.10", "1.00"),
  debit: ({ serial }) => call("PUT", `/v1/cards/${serial}/debits/d`, { key: switchKey, body: money }),
  commit: ({ serial }) => holds.commit(serial, "open", "0.50"),
  release: ({ serial }) => holds.release(serial, "open"),
  voucher: ({ serial, tokens }) => topUp({ serial, token: tokens?.access ?? "" }, "t", vouchers.codes[nextVoucher++]),
  "operator credit": ({ serial }) =>
    call("PUT", `/v1/cards/${serial}/credits/c`, { key: operatorKey(), body: { ...money, source: "goodwill" } }),
  replace: ({ serial }) =>
    call("POST", `/v1/cards/${serial}/replace`, { key: operatorKey(), body: { id: "r", to: untouched().serial } }),
};
const NEED_HOLD: readonly Verb[] = ["extend", "commit", "release"];

const cellOf = ({ status, body }: Answer<unknown>): string =>
  status < 300 ? String(status) : `${status} ${(body as { code: string }).code}`;

describe.each(Object.entries(TABLE))("a card that is %s", (status, cells) => {
  const asked = VERBS.filter((verb) => cells[verb] !== null).map((verb) => ({ verb, cell: cells[verb] }));
  it.each(asked)("answers $verb with $cell", async ({ verb, cell }) => {
    const card = await MAKE[status]?.(NEED_HOLD.includes(verb));
    if (!card) throw new Error(`nobody knows how to make a card ${status}`);
    const shown = await call<{ status: string }>("GET", `/v1/cards/${card.serial}`, { key: operatorKey() });
    expect(shown.body.status).toBe(status.split(",")[0]);
    expect(cellOf(await DO[verb](card))).toBe(cell);
  });
});
