/** Amounts and bodies nobody should send to a card's money: each gets its problem, never a 5xx, and no card changes. */
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { type Answer, operatorKey, call } from "../support/api.ts";
import { BAD_BODIES, expectRefused } from "../support/bad-input.ts";
import { createDeck, redeemed, type Deck, type Problem } from "../support/cards.ts";
import { createKey } from "../support/catalogue.ts";
import { expectInvalid, expectProblem } from "../support/problems.ts";

type Body = Readonly<Record<string, unknown>>;
type Money = Problem & { amount: string; collected: string; shortfall: string; balance: Record<string, string> };

let deck: Deck;
let switchKey: string;
/** A card in use, and one that nobody touched. */
let used: string;
let untouched: string;
let before: string[];

const serialAt = (card: number): string => `${String(deck.batch).padStart(6, "0")}-${String(card).padStart(7, "0")}`;
const show = async (serial: string): Promise<string> =>
  (await call("GET", `/v1/cards/${serial}`, { key: operatorKey() })).text;
const book = async (serial: string): Promise<string> =>
  (await call("GET", `/v1/cards/${serial}/postings`, { key: operatorKey() })).text;
const everything = async (): Promise<string[]> => [await show(used), await book(used), await show(untouched)];

beforeAll(async () => {
  deck = await createDeck();
  switchKey = (await createKey(null, ["switch"], { trunks: [deck.trunk] })).key;
  used = (await redeemed(deck.codes[0])).card.serial;
  untouched = serialAt(20);
  before = await everything();
});

const CREDIT: Body = { amount: "1.00", currency: "EUR", source: "goodwill" };
const DEBIT: Body = { amount: "1.00", currency: "EUR" };
const ACT: Body = { action: "block", reason: "lost" };

const credit = (id: string, body: unknown, serial = used): Promise<Answer<Money>> =>
  call<Money>("PUT", `/v1/cards/${serial}/credits/${id}`, { key: operatorKey(), body });
const debit = (id: string, body: unknown, serial = used): Promise<Answer<Money>> =>
  call<Money>("PUT", `/v1/cards/${serial}/debits/${id}`, { key: switchKey, body });

afterEach(async () => {
  expect(await everything(), "no card changed").toEqual(before);
});

describe("a body", () => {
  // The cases about names hold for the reason, below.
  const shapes = Object.keys(BAD_BODIES).filter((name) => !/name|NUL|surrogate|override/.test(name));
  it.each(shapes)("is refused: %s", async (name) => {
    for (const [method, suffix, key, body] of [
      ["PUT", "/credits/bad", operatorKey(), CREDIT],
      ["PUT", "/debits/bad", switchKey, DEBIT],
      ["PATCH", "", operatorKey(), ACT],
    ] as const)
      await expectRefused(name, { method, path: `/v1/cards/${used}${suffix}`, key, body });
  });

  it("counts the last of equal keys", async () => {
    const raw = '{"amount":"1.00","currency":"EUR","amount":"-1"}';
    const headers = { "Content-Type": "application/json" };
    const path = `/v1/cards/${used}/debits/twice`;
    expectInvalid(await call<Problem>("PUT", path, { key: switchKey, raw, headers }), "/amount");
  });
});

describe("an amount", () => {
  it.each([
    "0",
    "0.00",
    "0.000000",
    "-1",
    "-0",
    "+1",
    "1.0000001",
    "0.0000001",
    "9007199254740992",
    "9000000000.000001",
    "10000000000",
    "1e3",
    "1E3",
    " 1",
    "1 ",
    "1\n",
    "01",
    "1.",
    ".5",
    "1,50",
    "1_000",
    "0x10",
    "NaN",
    "Infinity",
    "null",
    "",
    "１",
    "١",
    "1\0",
    10,
    1.5,
    0,
    null,
    true,
    ["1.00"],
    { amount: "1.00" },
  ])("is not %j", async (amount) => {
    expectInvalid(await credit("bad", { ...CREDIT, amount }), "/amount");
    expectInvalid(await debit("bad", { ...DEBIT, amount }), "/amount");
    expectInvalid(await debit("bad", { ...DEBIT, minimum: amount }), "/minimum");
  });

  it.each(["1e400", "-0", "1.0", "9007199254740993"])("is not the number %s", async (literal) => {
    const headers = { "Content-Type": "application/json" };
    const raw = `{"amount":${literal},"currency":"EUR"}`;
    const path = `/v1/cards/${used}/debits/bad`;
    expectInvalid(await call<Problem>("PUT", path, { key: switchKey, raw, headers }), "/amount");
  });

  it("is needed", async () => {
    expectInvalid(await credit("bad", { ...CREDIT, amount: undefined }), "/amount");
    expectInvalid(await debit("bad", { ...DEBIT, amount: undefined }), "/amount");
  });

  it("is at least the minimum", async () => {
    expectInvalid(await debit("bad", { ...DEBIT, minimum: "1.000001" }), "/minimum");
  });

  it("leaves the card's sum exact", async () => {
    // A live card's partner is at its limit long before.
    expectProblem(await credit("bad", { ...CREDIT, amount: "9000000000.00" }), 402, "limit_exceeded");
    const { codes } = await createDeck({ batch: { mode: "test" } });
    const { serial } = (await redeemed(codes[12])).card;
    expectInvalid(await credit("bad", { ...CREDIT, amount: "9000000000.00" }, serial), "/amount");
  });
});

it.each(["eur", "Eur", "EUX", "XXX", "", "EU", "EURO", "EUR ", "€", "ＥＵＲ", 978, null, ["EUR"]])(
  "a currency is not %j",
  async (currency) => {
    expectInvalid(await credit("bad", { ...CREDIT, currency }), "/currency");
    expectInvalid(await debit("bad", { ...DEBIT, currency }), "/currency");
  },
);

it("a currency is the card's", async () => {
  expectProblem(await credit("bad", { ...CREDIT, currency: "USD" }), 422, "currency_mismatch");
  expectProblem(await debit("bad", { ...DEBIT, currency: "JPY" }), 422, "currency_mismatch");
});

it("a credit says where it comes from and, if it says why, legibly", async () => {
  for (const source of ["gift", "TOP_UP", "", null, undefined, ["top_up"], "__proto__", "constructor"])
    expectInvalid(await credit("bad", { ...CREDIT, source }), "/source", String(source));
  for (const reason of ["", "x".repeat(201), "a\0b", "a\u202Eb", "a\uD800", "a\nb", null, 7])
    expectInvalid(await credit("bad", { ...CREDIT, reason }), "/reason", String(reason));
  expectInvalid(await credit("bad", { ...CREDIT, debtPaid: "1.00" }), "/debtPaid");
});
