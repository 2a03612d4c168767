/** What nobody should send to token and revoke, or around a body: each gets its problem, never a 5xx, and no card changes. */
import { env } from "cloudflare:workers";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { type Answer, operatorKey, call, type CallOptions } from "../support/api.ts";
import { createDeck, deviceId, redeemed, refresh, type Deck, type Problem } from "../support/cards.ts";
import { expectProblem } from "../support/problems.ts";

let deck: Deck;
/** A card in use, its code as its device sends it, its tokens; the next card of the deck is untouched. */
let code: string;
let refreshToken: string;
let accessToken: string;
let before: string[];
beforeAll(async () => {
  deck = await createDeck();
  code = deck.codes[0] ?? "";
  ({ refreshToken, accessToken } = (await redeemed(code)).tokens);
  before = await cards();
});

const cards = async (): Promise<string[]> =>
  Promise.all(
    [1, 2].map(async (card) => {
      const serial = `${String(deck.batch).padStart(6, "0")}-000000${card}`;
      return (await call("GET", `/v1/cards/${serial}`, { key: operatorKey() })).text;
    }),
  );
afterEach(async () => {
  expect(await cards(), "no card changed").toEqual(before);
});

const JSON_TYPE = { "Content-Type": "application/json" };
const FORM_TYPE = { "Content-Type": "application/x-www-form-urlencoded" };
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const order = (changes: object = {}): string => JSON.stringify({ code, device: { id: deviceId("a") }, ...changes });
const post = (path: string, options: CallOptions) => call<Problem>("POST", path, options);
const postRedeem = (raw: BodyInit, headers: Record<string, string> = JSON_TYPE) => post("/v1/redeem", { raw, headers });

describe("refresh and revoke", () => {
  const form = (text: string, path = "/v1/token") => post(path, { raw: text, headers: FORM_TYPE });
  const grant = () => `grant_type=refresh_token&refresh_token=${refreshToken}`;
  afterEach(async () => {
    expect((await call("GET", "/v1/me", { key: accessToken })).status, "the device is still signed in").toBe(200);
  });

  it.each(["/v1/token", "/token", "/v1/revoke"])("%s takes forms and JSON of strings only", async (path) => {
    const refusals: [string, CallOptions, number, string][] = [
      ["empty", { raw: "", headers: FORM_TYPE }, 400, "invalid_request"],
      ["no body", {}, 400, "invalid_request"],
      ["BOM", { raw: bytes(`\uFEFF${grant()}`), headers: FORM_TYPE }, 400, "bad_request"],
      ["not UTF-8", { raw: new Uint8Array([0x74, 0x3d, 0xff]), headers: FORM_TYPE }, 400, "bad_request"],
      ["text", { raw: grant(), headers: { "Content-Type": "text/plain" } }, 415, "unsupported_media_type"],
      ["no type", { raw: bytes(grant()) }, 415, "unsupported_media_type"],
      ["gzip", { raw: grant(), headers: { ...FORM_TYPE, "Content-Encoding": "gzip" } }, 415, "unsupported_media_type"],
      ["oversize", { raw: "a=".padEnd(64 * 1024 + 1, "x"), headers: FORM_TYPE }, 413, "payload_too_large"],
      ["deep", { raw: "[".repeat(10_000), headers: JSON_TYPE }, 400, "invalid_request"],
      ["null", { raw: "null", headers: JSON_TYPE }, 400, "invalid_request"],
      ["trailing", { raw: `{"token":"x"}x`, headers: JSON_TYPE }, 400, "invalid_request"],
      ["number", { body: { token: 7, refresh_token: 7, grant_type: 7 } }, 400, "invalid_request"],
      ["array", { body: { token: [refreshToken], grant_type: ["refresh_token"] } }, 400, "invalid_request"],
      [
        "__proto__",
        { raw: `{"__proto__":{"token":"x","grant_type":"x"}}`, headers: JSON_TYPE },
        400,
        "invalid_request",
      ],
    ];
    for (const [what, options, status, problem] of refusals)
      expectProblem(await post(path, options), status, problem, what);
    expectProblem(await form("token=a&token=b&grant_type=x&grant_type=y", path), 400, "invalid_request", "twice");
    expectProblem(await call("GET", `${path}?${grant()}&token=${refreshToken}`), 405, "method_not_allowed", "GET");
    expectProblem(await post(`${path}?${grant()}&token=${refreshToken}`, {}), 400, "invalid_request", "in the query");
  });

  it.each([
    ["another alphabet", () => `${refreshToken.slice(0, -1)}+`],
    ["NUL", () => `${refreshToken}\0`],
    ["lone surrogate", () => "\uD800"],
    ["emoji", () => "😀".repeat(40)],
    ["8 KB", () => "A".repeat(8192)],
    ["padding", () => `${refreshToken}==`],
    ["a space", () => `${refreshToken} `],
    ["in lower case", () => refreshToken.toLowerCase()],
    ["a card's code", () => code],
  ])("a token with %s is none, and revoking it is a success without effect", async (_, make) => {
    const answer = await post("/v1/token", { body: { grant_type: "refresh_token", refresh_token: make() } });
    expectProblem(answer, 400, "invalid_grant");
    expect((await post("/v1/revoke", { body: { token: make() } })).status).toBe(200);
  });

  it("reads a form's broken escapes as they are", async () => {
    for (const raw of ["grant_type=refresh_token&refresh_token=%", "grant_type=refresh_token&refresh_token=%ff%00"])
      expectProblem(await form(raw), 400, "invalid_grant", raw);
    expectProblem(await form("grant_type=%72efresh_token&refresh_token="), 400, "invalid_request");
  });

  it("leaves the live token alone through all of this", async () => {
    expect((await refresh(refreshToken)).status).toBe(200);
    before = await cards(); // the card notes when its device was seen
  });
});

describe("a request around the body", () => {
  it.each(["GET", "HEAD", "PUT", "PATCH", "DELETE", "BREW", "TRACE", "post"])(
    "by %s redeems nothing",
    async (method) => {
      let answer: Answer<unknown>;
      try {
        answer = await call(
          method,
          "/v1/redeem",
          ["GET", "HEAD"].includes(method) ? {} : { raw: order(), headers: JSON_TYPE },
        );
      } catch (error) {
        // The platform's own Request refuses the method.
        expect(error).toBeInstanceOf(TypeError);
        return;
      }
      // Request upper-cases the methods it knows.
      if (method === "post") return expect(answer.status).toBe(200);
      expect(answer.status).toBe(405);
      expect(answer.headers.get("Allow")).toBe("POST");
      if (method !== "HEAD") expect(answer.body).toMatchObject({ code: "method_not_allowed" });
    },
  );

  it("may come from any origin, without credentials", async () => {
    for (const origin of ["https://elsewhere.test", "null"]) {
      const preflight = await call("OPTIONS", "/v1/redeem", {
        headers: {
          Origin: origin,
          "Access-Control-Request-Method": "POST",
          "Access-Control-Request-Headers": "content-type",
        },
      });
      expect(preflight.status).toBe(204);
      expect(preflight.headers.get("Access-Control-Allow-Origin")).toBe("*");
      expect(preflight.headers.get("Access-Control-Allow-Credentials")).toBeNull();
      expect(
        (await postRedeem(order(), { ...JSON_TYPE, Origin: origin })).headers.get("Access-Control-Allow-Origin"),
      ).toBe("*");
    }
  });

  it("is judged by its method, whatever a header says", async () => {
    for (const header of ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"]) {
      expect((await call("GET", "/v1/redeem", { headers: { [header]: "POST" } })).status).toBe(405);
      expect((await postRedeem(order(), { ...JSON_TYPE, [header]: "DELETE" })).status).toBe(200);
    }
    expect((await post("/v1/me?_method=DELETE", { key: accessToken })).status).toBe(405);
  });

  it.each([
    "/V1/redeem",
    "/v1/Redeem",
    "/v1/redeem/",
    "//v1/redeem",
    "/v1//redeem",
    "/v1%2fredeem",
    "/v1/redeem%00",
    "/v1/redeem%2f",
    "/v1/redeem;x",
    "/v1/redeem%20",
    "/v1/redeem%ff",
    "/v1/redeem%",
  ])("finds nothing at %s", async (path) => {
    const answer = await post(env.PUBLIC_ORIGIN + path, { raw: order(), headers: JSON_TYPE });
    expectProblem(answer, 404, "not_found");
  });

  it("ignores a query, however often it says a thing", async () => {
    expect((await post("/v1/redeem?a=1&a=2&__proto__=x&%ff", { raw: order(), headers: JSON_TYPE })).status).toBe(200);
  });

  it("may carry large, doubled and odd headers", async () => {
    for (const headers of [
      { "X-Large": "x".repeat(64 * 1024) },
      { Accept: "text/html" },
      { Accept: "*/*;q=0" },
      { Authorization: "Basic eDp5" },
      { "CF-Connecting-IP": "'; DROP TABLE" },
      { "Idempotency-Key": `"${"x".repeat(300)}"` },
      { Range: "bytes=0-1" },
      { "If-Match": "*" },
    ] as Record<string, string>[])
      expect((await postRedeem(order(), { ...JSON_TYPE, ...headers })).status, Object.keys(headers)[0]).toBe(200);
  });
});
