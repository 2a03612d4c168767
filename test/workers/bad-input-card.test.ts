/** Ids, serials, acts and repetitions nobody should send about a card: each gets its problem, and no card changes. */
import { env } from "cloudflare:workers";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { type Answer, operatorKey, call, fresh } from "../support/api.ts";
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
const act = (body: unknown, serial = used): Promise<Answer<Problem>> =>
  call<Problem>("PATCH", `/v1/cards/${serial}`, { key: operatorKey(), body });

afterEach(async () => {
  expect(await everything(), "no card changed").toEqual(before);
});

it.each([
  ["too long", "a".repeat(129)],
  ["a slash", "a%2Fb"],
  ["a backslash", "a%5Cb"],
  ["quotes", "%22a%22"],
  ["an apostrophe", "a'b"],
  ["a space", "a%20b"],
  ["NUL", "a%00"],
  ["a line break", "a%0Ab"],
  ["a leading dot", ".a"],
  ["a leading hyphen", "-a"],
  ["a semicolon", "a;b"],
  ["an escape of nothing", "a%25"],
  ["a broken escape", "a%"],
  ["no UTF-8", "a%ff"],
  ["an emoji", "%F0%9F%98%80"],
  ["brackets", "a[0]"],
])("an id is not valid with %s", async (_, id) => {
  expectInvalid(await credit(id, CREDIT), "/id");
  expectInvalid(await debit(id, DEBIT), "/id");
});

it("an id is needed, and has no path below it", async () => {
  for (const path of ["/credits/", "/credits", "/credits/a/b", "/debits/", "/debits/a/"]) {
    const answer = await call<Problem>("PUT", `/v1/cards/${used}${path}`, { key: operatorKey(), body: CREDIT });
    expectProblem(answer, 404, "not_found", path);
  }
});

it("a subject is a SIP user of this very card", async () => {
  for (const subject of [`${untouched}.1`, used, `${used}.0`, `${used}.01`, `${used}.70000`, `sip:${used}.1`, "", "*"])
    expectInvalid(await debit("bad", { ...DEBIT, subject }), "/subject", subject);
  for (const subject of ["x".repeat(65), 1, null, [`${used}.1`]])
    expectInvalid(await debit("bad", { ...DEBIT, subject }), "/subject", String(subject));
  expectProblem(await debit("nobody", { ...DEBIT, subject: `${used}.9` }), 403, "credential_revoked");
});

it.each([
  "1-1",
  "000012-0000345.1",
  "0000000-00000000",
  "99999999-99999999",
  "000001%2D0000001%00",
  "%2e%2e",
  "*",
  "__proto__",
  "'%20OR%201=1--",
  "0".repeat(2000),
])("a card is not called %s", async (serial) => {
  expectProblem(await credit("bad", CREDIT, serial), 404, "not_found");
  expectProblem(await debit("bad", DEBIT, serial), 404, "not_found");
  // `%2e%2e` is a path of its own to every URL parser: it leads elsewhere before it is ours.
  if (serial !== "%2e%2e") expectProblem(await act(ACT, serial), 404, "not_found");
});

it("an act is one of those there are, with a reason and exactly its own field", async () => {
  for (const action of ["delete", "BLOCK", "", null, ["block"], "__proto__", "toString"])
    expectInvalid(await act({ ...ACT, action }), "/action", String(action));
  for (const reason of [undefined, "", "x".repeat(201), "a\0b", "a\u2066b", "a\uDC00", null, ["x"]])
    expectInvalid(await act({ ...ACT, reason }), "/reason", String(reason));
  const extend = { action: "extend", reason: "x" };
  expectInvalid(await act(extend), "/expiresAt");
  for (const expiresAt of [
    "tomorrow",
    "2040-01-01",
    "2040-02-30T00:00:00Z",
    "2040-01-01T24:00:00Z",
    "2040-01-01 00:00:00Z",
    "9999-12-31T23:59:59-12:00",
    "2020-01-01T00:00:00Z",
    2_208_988_800,
    null,
  ])
    expectInvalid(await act({ ...extend, expiresAt }), "/expiresAt", String(expiresAt));
  expectInvalid(await act({ ...ACT, expiresAt: "2040-01-01T00:00:00Z" }), "/expiresAt");
  const release = { action: "release_device", reason: "x" };
  for (const device of [undefined, 0, -1, 1.5, 2, 65_536, 2 ** 40, "1", null, [1]])
    expectInvalid(await act({ ...release, device }), "/device", String(device));
  expectInvalid(await act({ ...ACT, device: 1 }), "/device");
  expectInvalid(await act({ ...ACT, balance: "1000.00" }), "/balance");
  expectInvalid(await act({ action: "deactivate", reason: "x" }), "/action");
});

it("an untouched card takes no money, blocked or not, and becomes no card by being asked", async () => {
  expectProblem(await credit("early", CREDIT, untouched), 409, "card_not_redeemed");
  expectProblem(await debit("early", DEBIT, untouched), 409, "card_not_redeemed");
  expectInvalid(await act({ action: "release_device", reason: "x", device: 1 }, untouched), "/device");
  expectInvalid(await act({ action: "deactivate", reason: "x" }, untouched), "/action");
});

it("methods, paths and other origins are as strict as anywhere", async () => {
  const path = `/v1/cards/${used}`;
  const headers = { Origin: "https://elsewhere.test", "Access-Control-Request-Method": "PUT" };
  const preflight = await call<Problem>("OPTIONS", `${path}/credits/bad`, { headers });
  expectProblem(preflight, 405, "method_not_allowed");
  expect(preflight.headers.get("Access-Control-Allow-Origin")).toBeNull();
  for (const method of ["GET", "POST", "DELETE", "PATCH"]) {
    const answer = await call<Problem>(method, `${path}/credits/bad`, { key: operatorKey() });
    expectProblem(answer, 405, "method_not_allowed", method);
    expect(answer.headers.get("Allow")).toBe("PUT");
  }
  for (const override of ["PUT", "PATCH"]) {
    const answer = await call<Problem>("GET", path, {
      key: operatorKey(),
      headers: { "X-HTTP-Method-Override": override },
    });
    expect(answer.status).toBe(200);
  }
  for (const odd of [
    `/v1/Cards/${used}/credits/bad`,
    `/v1/cards/${used}/Credits/bad`,
    `/v1//cards/${used}/credits/bad`,
    `//v1/cards/${used}/credits/bad`,
    `/v1/cards/${used}%2fcredits%2fbad`,
  ]) {
    const answer = await call<Problem>("PUT", env.PUBLIC_ORIGIN + odd, { key: operatorKey(), body: CREDIT });
    expect([404, 405], odd).toContain(answer.status);
  }
});

describe("an id", () => {
  it("means one request: other content is refused, the same content in another spelling is the same", async () => {
    const { serial } = (await redeemed(deck.codes[1])).card;
    const id = fresh("credit-");
    const body = { ...CREDIT, amount: "1.5", reason: "sorry" };
    const first = await credit(id, body, serial);
    expect([first.status, first.headers.get("Idempotency-Replayed")]).toEqual([200, null]);
    const shown = await show(serial);
    for (const amount of ["1.50", "1.500000", "1.5"]) {
      const again = await credit(id, { source: "goodwill", reason: "sorry", currency: "EUR", amount }, serial);
      expect(again.text).toBe(first.text);
      expect(again.headers.get("Idempotency-Replayed")).toBe("true");
    }
    for (const change of [
      { amount: "1.500001" },
      { currency: "USD" },
      { source: "refund" },
      { reason: "Sorry" },
      { reason: undefined },
    ]) {
      const other = await credit(id, { ...body, ...change }, serial);
      expectProblem(other, 422, "id_reused", JSON.stringify(change));
      expect(other.headers.get("Idempotency-Replayed")).toBeNull();
    }
    expect(await show(serial)).toBe(shown);
    // Of its kind: the switch chooses its ids without asking the till.
    expect((await debit(id, { ...DEBIT, minimum: "0.5" }, serial)).body).toMatchObject({ collected: "1.00" });
    expectProblem(await debit(id, DEBIT, serial), 422, "id_reused");
    expectProblem(await debit(id, { ...DEBIT, minimum: "0.5", subject: `${serial}.1` }, serial), 422, "id_reused");
    expect((await call<{ balance: object }>("GET", `/v1/cards/${serial}`, { key: operatorKey() })).body).toMatchObject({
      balance: { available: "10.50", spent: "1.00", credits: "11.50" },
    });
  });

  it("is free again after invalid input: nothing was pinned to it", async () => {
    const { serial } = (await redeemed(deck.codes[2])).card;
    expectInvalid(await debit("same", { ...DEBIT, amount: "-1" }, serial), "/amount");
    expectProblem(await debit("same", { ...DEBIT, currency: "USD" }, serial), 422, "currency_mismatch");
    expectInvalid(await debit("same", { ...DEBIT, subject: `${untouched}.1` }, serial), "/subject");
    expect((await debit("same", DEBIT, serial)).body).toMatchObject({
      collected: "1.00",
      balance: { available: "9.00" },
    });
  });

  it("may hold every character the grammar has", async () => {
    const { serial } = (await redeemed(deck.codes[3])).card;
    const id = "A9._:@+=~_-";
    const answer = await credit(encodeURIComponent(id), CREDIT, serial);
    expect(answer.body).toMatchObject({ id, balance: { available: "11.00" } });
    expect((await credit(id, CREDIT, serial)).headers.get("Idempotency-Replayed")).toBe("true");
    expect((await credit("a".repeat(128), CREDIT, serial)).status).toBe(200);
  });
});

describe("a card blocked before anybody used it", () => {
  it("takes no money, and is whole once it is unblocked and redeemed", async () => {
    const serial = serialAt(5);
    expect((await act(ACT, serial)).status).toBe(200);
    const shown = await show(serial);
    expectProblem(await credit("early", CREDIT, serial), 409, "card_not_redeemed");
    expectProblem(await debit("early", DEBIT, serial), 403, "card_blocked");
    expect(await show(serial)).toBe(shown);
    expect((await act({ action: "unblock", reason: "found" }, serial)).status).toBe(200);
    expect((await redeemed(deck.codes[4])).balance.available).toBe("10.00");
    expect((await credit("early", CREDIT, serial)).body.balance).toMatchObject({ available: "11.00" });
  });
});
