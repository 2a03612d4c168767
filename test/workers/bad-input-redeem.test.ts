/** Bodies and codes nobody should send to redeem: each gets its problem, never a 5xx, and no card changes. */
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { operatorKey, call, type CallOptions } from "../support/api.ts";
import { BAD_BODIES, expectRefused } from "../support/bad-input.ts";
import { createDeck, deviceId, redeem, redeemed, type Deck, type Problem } from "../support/cards.ts";
import { expectProblem } from "../support/problems.ts";

let deck: Deck;
/** A card in use, its code as its device sends it; the next card of the deck is untouched. */
let code: string;
let before: string[];
beforeAll(async () => {
  deck = await createDeck();
  code = deck.codes[0] ?? "";
  await redeemed(code);
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
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const order = (changes: object = {}): string => JSON.stringify({ code, device: { id: deviceId("a") }, ...changes });
const post = (path: string, options: CallOptions) => call<Problem>("POST", path, options);
const postRedeem = (raw: BodyInit, headers: Record<string, string> = JSON_TYPE) => post("/v1/redeem", { raw, headers });

describe("a body for redeeming", () => {
  // The cases about names hold for the device's name, below.
  const shapes = Object.keys(BAD_BODIES).filter((name) => !/name|NUL|surrogate|override/.test(name));
  it.each(shapes)("is refused: %s", async (name) => {
    const body = { code: deck.codes[1], device: { id: deviceId("b") } };
    await expectRefused(name, { method: "POST", path: "/v1/redeem", key: "", body });
  });

  it.each([
    "text/plain",
    "application/jsonp",
    "application/json, application/json",
    "application/json; charset=utf-16",
    "application/json; charset=utf-8; charset=utf-16",
    "application/problem+json",
    "multipart/form-data; boundary=x",
    "application/x-www-form-urlencoded",
    "json",
  ])("is not of type %j", async (type) => {
    expectProblem(await postRedeem(order(), { "Content-Type": type }), 415, "unsupported_media_type");
  });

  it("needs a type, and takes JSON however its type is spelled", async () => {
    expectProblem(await postRedeem(bytes(order()), {}), 415, "unsupported_media_type");
    for (const type of ["application/json", "Application/JSON; Charset=UTF-8", 'application/json;charset="utf-8"'])
      expect((await postRedeem(order(), { "Content-Type": type })).status, type).toBe(200);
  });

  it("may have 64 KiB and not a byte more, counted or streamed", async () => {
    const full = order().padEnd(64 * 1024, " ");
    expect((await postRedeem(full)).status).toBe(200);
    expectProblem(await postRedeem(`${full} `), 413, "payload_too_large");
    const stream = () => new Response(bytes(`${full} `)).body!.pipeThrough(new TransformStream());
    expectProblem(await postRedeem(stream()), 413, "payload_too_large");
  });

  it("may not have very many keys", async () => {
    const keys = (count: number) => `{${Array.from({ length: count }, (_, i) => `"${i.toString(36)}":0`).join(",")}}`;
    expectProblem(await postRedeem(keys(100_000)), 413, "payload_too_large");
    const many = await postRedeem(keys(6000));
    expectProblem(many, 422, "invalid_input");
    expect(many.body.errors?.length).toBeLessThanOrEqual(20);
  });

  it("counts the last of equal keys, like every JSON reader of the platform", async () => {
    const tail = order().slice(1);
    expect((await postRedeem(`{"code":"x",${tail}`)).status).toBe(200);
    expectProblem(await postRedeem(`${order().slice(0, -1)},"code":"x"}`), 422, "code_malformed");
  });

  it("is not reached through __proto__ or constructor", async () => {
    const device = JSON.stringify({ id: deviceId("b") });
    for (const raw of [
      `{"__proto__":{"code":"${code}","device":${device}}}`,
      `{"code":"${code}","device":{"__proto__":${device}}}`,
      `{"code":"${code}","device":{"id":"${deviceId("a")}","__proto__":{"name":"x"}}}`,
      `{"code":"${code}","constructor":{"prototype":{}},"device":${device}}`,
    ])
      expectProblem(await postRedeem(raw), 422, "invalid_input", raw);
    expect(({} as Record<string, unknown>)["name"]).toBeUndefined();
  });

  it.each([
    ["no code", { code: undefined }, "/code"],
    ["null for a code", { code: null }, "/code"],
    ["a number for a code", { code: 1234567890123456 }, "/code"],
    ["codes in an array", { code: ["x", "y"] }, "/code"],
    ["an object for a code", { code: { $ne: "" } }, "/code"],
    ["no device", { device: undefined }, "/device"],
    ["an array for a device", { device: [{ id: deviceId("a") }] }, "/device"],
    ["no device id", { device: {} }, "/device/id"],
    ["a number for an id", { device: { id: 1e30 } }, "/device/id"],
    ["a short id", { device: { id: "x".repeat(21) } }, "/device/id"],
    ["a long id", { device: { id: "x".repeat(129) } }, "/device/id"],
    ["an id with spaces", { device: { id: "0123456789 0123456789 012" } }, "/device/id"],
    ["an id beyond ASCII", { device: { id: "é".repeat(30) } }, "/device/id"],
    ["an id with NUL", { device: { id: `${"x".repeat(30)}\0` } }, "/device/id"],
    ["an id with a line break", { device: { id: `${"x".repeat(30)}\n` } }, "/device/id"],
    ["a name with NUL", { device: { id: deviceId("a"), name: "a\0b" } }, "/device/name"],
    ["a name half an emoji", { device: { id: deviceId("a"), name: "a\uD83D" } }, "/device/name"],
    ["a name turned around", { device: { id: deviceId("a"), name: "a\u202Eb" } }, "/device/name"],
    ["a long name", { device: { id: deviceId("a"), name: "x".repeat(65) } }, "/device/name"],
    ["an unknown field of the device", { device: { id: deviceId("a"), role: "admin" } }, "/device/role"],
    ["a brand in capitals", { brand: "ACME" }, "/brand"],
    ["a brand with a path", { brand: "../x" }, "/brand"],
    ["a PIN as a number", { pin: 1234 }, "/pin"],
    ["a short PIN", { pin: "123" }, "/pin"],
    ["a long PIN", { pin: "1234567" }, "/pin"],
    ["a PIN in Arabic digits", { pin: "١٢٣٤" }, "/pin"],
    ["takeover as text", { takeover: "true" }, "/takeover"],
    ["a balance", { balance: "1000.00" }, "/balance"],
  ])("is refused, and where is said: %s", async (what, changes, pointer) => {
    const answer = await postRedeem(order(changes));
    expectProblem(answer, 422, "invalid_input", what);
    expect(answer.body.errors?.map((error) => error.pointer)).toEqual([pointer]);
  });

  it("may name a device in any script", async () => {
    for (const name of ["電話 📱", "cafe\u0301", "caf\u00E9", "عربي"])
      expect((await postRedeem(order({ device: { id: deviceId("a"), name } }))).status, name).toBe(200);
  });
});

describe("a code", () => {
  const wrongCheck = () => `${code.slice(0, -1)}${code.endsWith("0") ? "1" : "0"}`;

  it.each<[string, () => string, number[]]>([
    ["U, and where it is", () => `${code.slice(0, 5)}U${code.slice(6)}`, [5]],
    ["lower-case u", () => `u${code.slice(1)}`, [0]],
    ["fullwidth digits", () => "１234-5678-9012-3456", [0]],
    ["Arabic digits", () => "١٢٣4-5678-9012-3456", [0, 1, 2]],
    ["an emoji, at its first unit", () => `12\u{1F600}4${code.slice(4)}`, [2]],
    ["half an emoji", () => `\uD83D${code.slice(1)}`, [0]],
    ["NUL", () => `\0${code}`, [0]],
    ["a bidirectional override", () => `\u202E${code}`, [0]],
    ["a no-break space", () => `${code.slice(0, 4)}\u00A0${code.slice(5)}`, [4]],
    ["an en dash", () => code.replace("-", "\u2013"), [4]],
    ["the Kelvin sign", () => `\u212A${code.slice(1)}`, [0]],
    ["a dotless i", () => `\u0131${code.slice(1)}`, [0]],
    ["SQL", () => "1'--", [1]],
    ["a pattern", () => ".*", [0, 1]],
    ["nothing", () => "", []],
    ["one symbol less", () => code.slice(0, -1), []],
    ["one symbol more", () => `${code}0`, []],
    ["129 characters", () => code.padEnd(129, " "), []],
    ["letters in a keypad code", () => "A".repeat(18), Array.from({ length: 18 }, (_, at) => at)],
  ])("is malformed with %s", async (what, make, positions) => {
    const answer = await redeem(make());
    expectProblem(answer, 422, "code_malformed", what);
    expect(answer.body.positions).toEqual(positions);
  });

  it("is read with spaces, hyphens and in lower case, O for 0, I and L for 1", async () => {
    const plain = code.replaceAll("-", "");
    for (const typed of [
      plain,
      plain.toLowerCase(),
      plain.split("").join(" "),
      ` --${code}-- `,
      plain.replaceAll("0", "O").replaceAll("1", "I"),
      plain.replaceAll("0", "o").replaceAll("1", "l"),
    ])
      expect((await redeem(typed)).status, typed).toBe(200);
  });

  it("with a typing mistake costs nothing, however often", async () => {
    const from = { "CF-Connecting-IP": "198.51.100.7" };
    for (let index = 0; index < 70; index++)
      expectProblem(await redeem(wrongCheck(), "a", {}, from), 422, "check_failed");
    expectProblem(await redeem("0000-0000-0000-0000", "a", {}, from), 404, "code_unknown");
  });

  it("is never shown by its refusal", async () => {
    for (const answer of [await redeem(wrongCheck()), await redeem(code, "another"), await redeem(`${code}U`)]) {
      expect(answer.status).toBeGreaterThanOrEqual(400);
      for (const shown of [code, code.slice(0, 9), code.replaceAll("-", "")]) expect(answer.text).not.toContain(shown);
    }
  });

  it("does nothing in a URL", async () => {
    expectProblem(await call("GET", `/v1/redeem?code=${code}`), 405, "method_not_allowed");
    expectProblem(await call("GET", `/v1/redeem/${code}`), 404, "not_found");
    expectProblem(await post(`/v1/redeem/${code}`, { raw: order(), headers: JSON_TYPE }), 404, "not_found");
    expectProblem(await post(`/v1/redeem?code=${code}`, { raw: "", headers: JSON_TYPE }), 400, "bad_request");
    const noCode = order({ code: undefined });
    expectProblem(
      await post(`/v1/redeem?code=${code}&code=x`, { raw: noCode, headers: JSON_TYPE }),
      422,
      "invalid_input",
    );
  });
});
