import { env } from "cloudflare:workers";
import { createLocalJWKSet, jwtVerify, type JSONWebKeySet } from "jose";
import { beforeAll, describe, expect, it } from "vitest";
import { operatorKey, call } from "../support/api.ts";
import { codesOf, createDeck, deviceId, issue, redeem, redeemed, refresh, type Deck } from "../support/cards.ts";
import { DIGEST_SECRET, ICE_SECRET } from "../support/catalogue.ts";

let deck: Deck;
beforeAll(async () => {
  deck = await createDeck();
});

const code = (index: number): string => deck.codes[index] ?? "";

async function hmacSha1(secret: string, text: string): Promise<string> {
  const encoder = new TextEncoder();
  const key = await crypto.subtle.importKey("raw", encoder.encode(secret), { name: "HMAC", hash: "SHA-1" }, false, [
    "sign",
  ]);
  return btoa(String.fromCharCode(...new Uint8Array(await crypto.subtle.sign("HMAC", key, encoder.encode(text)))));
}

describe("redeeming", () => {
  it("sets a device up in one answer", async () => {
    const { status, body, headers } = await redeem(code(0));
    expect(status).toBe(200);
    expect(headers.get("Cache-Control")).toBe("no-store");
    expect(headers.get("Access-Control-Allow-Origin")).toBe("*");
    expect(Object.keys(body)).toEqual([
      "card",
      "balance",
      "branding",
      "provisioning",
      "tokens",
      "portal",
      "serverTime",
    ]);
    const serial = `${String(deck.batch).padStart(6, "0")}-0000001`;
    expect(body.card).toMatchObject({ serial, status: "active", device: 1, mode: "live" });
    expect(body.card.expiresAt).toMatch(/^20\d\d-\d\d-\d\dT2[123]:59:59Z$/);
    expect(body.balance).toEqual({ available: "10.00", held: "0.00", currency: "EUR" });
    expect(body.branding).toMatchObject({ brand: deck.brand, version: 1, name: `Brand of ${deck.partner}` });
    expect(body.portal).toEqual({ url: `${env.PUBLIC_ORIGIN}/` });
    expect(body.tokens).toMatchObject({ tokenType: "Bearer", expiresIn: 600 });
    expect(body.provisioning.sip).toMatchObject({ domain: `${deck.trunk}.example`, username: `${serial}.1` });
  });

  it("signs a SIP token that verifies against the published keys", async () => {
    const { provisioning } = await redeemed(code(0));
    const token = provisioning.sip?.credentials.find(({ type }) => type === "bearer")?.token ?? "";
    const jwks = await call<JSONWebKeySet>("GET", "/.well-known/jwks.json");
    const domain = `${deck.trunk}.example`;
    const { payload, protectedHeader } = await jwtVerify(token, createLocalJWKSet(jwks.body), {
      algorithms: ["ES256"],
      issuer: env.PUBLIC_ORIGIN,
      audience: `sip:${domain}`,
      typ: "JWT",
    });
    expect(protectedHeader).toEqual({ alg: "ES256", typ: "JWT", kid: "test1" });
    const user = provisioning.sip?.username ?? "";
    expect(payload).toMatchObject({
      sub: `${user}@${domain}`,
      scope: "sip",
      sip_identity: `sip:${user}@${domain}`,
      partner: deck.partner,
    });
    expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(600);
  });

  it("derives the digest and TURN pairs that registrars and coturn compute", async () => {
    const { provisioning } = await redeemed(code(0));
    const pair = provisioning.sip?.credentials.find(({ type }) => type === "digest");
    const domain = `${deck.trunk}.example`;
    expect(pair?.username).toMatch(new RegExp(`^\\d{10}:${provisioning.sip?.username}@${domain}$`));
    expect(pair?.password).toBe(await hmacSha1(DIGEST_SECRET, pair?.username ?? ""));
    const md5 = await crypto.subtle.digest(
      "MD5",
      new TextEncoder().encode(`${pair?.username}:${domain}:${pair?.password}`),
    );
    expect(pair?.ha1).toBe(Array.from(new Uint8Array(md5), (byte) => byte.toString(16).padStart(2, "0")).join(""));
    const [server] = provisioning.ice.servers;
    expect(server?.credential).toBe(await hmacSha1(ICE_SECRET, server?.username ?? ""));
    expect(server?.username).not.toContain("@");
  });

  it("reads a code the way people type it", async () => {
    const typed = code(1).toLowerCase().replaceAll("-", " ").replaceAll("0", "o").replaceAll("1", "l");
    const first = await redeemed(typed);
    expect((await redeemed(code(1))).card).toEqual(first.card);
  });

  it("gives one device one card, however often and however parallel it asks", async () => {
    const answers = await Promise.all(Array.from({ length: 50 }, () => redeem(code(2), "same")));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(new Set(answers.map(({ body }) => JSON.stringify([body.card, body.balance]))).size).toBe(1);
    const serial = answers[0]?.body.card.serial ?? "";
    const postings = await call<{ items: unknown[] }>("GET", `/v1/cards/${serial}/postings`, { key: operatorKey() });
    expect(postings.body.items).toHaveLength(1);
    for (const { body } of answers) expect((await refresh(body.tokens.refreshToken)).status).toBe(200);
  });

  it("gives one card to one of fifty racing devices", async () => {
    const answers = await Promise.all(Array.from({ length: 50 }, (_, index) => redeem(code(3), `racer-${index}`)));
    const statuses = answers.map(({ status }) => status).toSorted((a, b) => a - b);
    expect(statuses).toEqual([200, ...Array.from({ length: 49 }, () => 409)]);
    const refusals = answers.filter(({ status }) => status === 409);
    expect(new Set(refusals.map(({ body }) => body.code))).toEqual(new Set(["card_in_use"]));
  });

  it("seats as many devices as the batch allows, numbered in order", async () => {
    const batch = await issue({
      partner: deck.partner,
      brand: deck.brand,
      profile: deck.profile,
      maxDevices: 3,
      quantity: 1,
    });
    const [shared = ""] = await codesOf(batch);
    const seats = [];
    for (const device of ["p", "q", "r"]) seats.push((await redeemed(shared, device)).card.device);
    expect(seats).toEqual([1, 2, 3]);
    expect((await redeem(shared, "s")).body.code).toBe("card_in_use");
    expect((await redeemed(shared, "q")).card.device).toBe(2);
  });

  it("answers an unknown code alike whatever makes it unknown", async () => {
    const foreignApp = await redeem(code(4), "a", { brand: "another-brand" });
    const neverIssued = await redeem("0000-0000-0000-0000");
    expect(foreignApp.body).toMatchObject({ code: "code_unknown", status: 404 });
    expect({ ...foreignApp.body, instance: 0 }).toEqual({ ...neverIssued.body, instance: 0 });
    expect((await redeem(code(4), "a", { brand: deck.brand })).status).toBe(200);
  });

  it("keeps a public key only when it is one", async () => {
    const pair = (await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, [
      "sign",
      "verify",
    ])) as CryptoKeyPair;
    const publicKey = await crypto.subtle.exportKey("jwk", pair.publicKey);
    const secret = await crypto.subtle.exportKey("jwk", pair.privateKey);
    const offCurve = { kty: "EC", crv: "P-256", x: "A".repeat(43), y: "A".repeat(43) };
    const withKey = (jwk: unknown) =>
      call("POST", "/v1/redeem", { body: { code: code(6), device: { id: deviceId("k"), publicKey: jwk } } });
    expect((await withKey(secret)).status).toBe(422);
    expect((await withKey(offCurve)).body).toMatchObject({
      code: "invalid_input",
      errors: [{ pointer: "/device/publicKey" }],
    });
    expect((await withKey(publicKey)).status).toBe(200);
  });
});

describe("a batch's standing", () => {
  const change = (batch: number, body: unknown) => call("PATCH", `/v1/batches/${batch}`, { key: operatorKey(), body });

  it("pauses first redemptions only", async () => {
    const { batch, codes } = await createDeck();
    await redeemed(codes[0]);
    expect((await change(batch, { status: "paused" })).status).toBe(200);
    expect((await redeem(codes[1])).body.code).toBe("batch_paused");
    expect((await redeem(codes[0])).status).toBe(200);
    await change(batch, { status: "active" });
    expect((await redeem(codes[1])).status).toBe(200);
  });

  it("recalls a range for ever, cards in use with their next call", async () => {
    const { batch, codes } = await createDeck();
    const { tokens } = await redeemed(codes[1]);
    await change(batch, { status: "recalled", from: 2, to: 3 });
    expect((await redeem(codes[1])).body.code).toBe("card_recalled");
    expect((await redeem(codes[2])).body.code).toBe("card_recalled");
    expect((await redeem(codes[3])).status).toBe(200);
    expect((await call("GET", "/v1/me", { key: tokens.accessToken })).body).toMatchObject({
      code: "card_recalled",
      status: 410,
    });
  });

  it("keeps on-sale cards shut until the till opens them", async () => {
    const { batch, codes } = await createDeck({ batch: { activation: "on_sale" } });
    const serial = `${String(batch).padStart(6, "0")}-0000001`;
    expect((await redeem(codes[0])).body.code).toBe("card_not_activated");
    const act = (action: string) =>
      call("PATCH", `/v1/cards/${serial}`, { key: operatorKey(), body: { action, reason: "sold" } });
    expect((await act("activate")).body).toMatchObject({ status: "issued", balance: { available: "10.00" } });
    expect((await act("deactivate")).body).toMatchObject({ status: "not_activated" });
    await act("activate");
    expect((await redeem(codes[0])).status).toBe(200);
    expect((await act("deactivate")).status).toBe(422);
  });

  it("pauses the batches of a suspended partner", async () => {
    const { partner, batch, codes } = await createDeck();
    await redeemed(codes[0]);
    const body = { name: "x", status: "suspended", timeZone: "UTC", limits: {} };
    await call("PUT", `/v1/partners/${partner}`, { key: operatorKey(), body });
    await change(batch, { status: "active" });
    await change(batch, { status: "paused" });
    await change(batch, { status: "active" });
    expect((await redeem(codes[1])).body.code).toBe("batch_paused");
    expect((await redeem(codes[0])).status).toBe(200);
  });
});

describe("test batches", () => {
  it("answer every refusal on demand, then behave", async () => {
    const { codes } = await createDeck({ batch: { mode: "test" } });
    const answered = [];
    for (const each of codes.slice(0, 11)) answered.push((await redeem(each)).body.code);
    expect(answered).toEqual([
      "card_in_use",
      "card_not_activated",
      "batch_paused",
      "card_blocked",
      "card_expired",
      "card_recalled",
      "card_closed",
      "code_unknown",
      "too_many_attempts",
      "try_again",
      "card_halted",
    ]);
    expect((await redeemed(codes[11])).card.mode).toBe("test");
  });
});
