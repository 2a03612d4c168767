/** RFC 7662 as a switch uses it, and everything that must not pass for a SIP token. */
import { env } from "cloudflare:workers";
import { importJWK, SignJWT, type JWTPayload } from "jose";
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { operatorKey, call } from "../support/api.ts";
import { cardCallOf, objectOf } from "../support/card-of.ts";
import { createDeck, redeem, redeemed, type Deck, type Redeemed } from "../support/cards.ts";
import { createKey } from "../support/catalogue.ts";

type Introspection = { readonly active: boolean } & Readonly<Record<string, unknown>>;

let deck: Deck;
let other: Deck;
let key: string;
let next = 0;
beforeAll(async () => {
  [deck, other] = [await createDeck(), await createDeck()];
  key = (await createKey(null, ["switch"], { trunks: [deck.trunk] })).key;
});
afterEach(() => {
  vi.useRealTimers();
});

const sipTokenOf = ({ provisioning }: Redeemed): string =>
  provisioning.sip?.credentials.find(({ type }) => type === "bearer")?.token ?? "";
const introspect = (token: string, by = key) =>
  call<Introspection>("POST", "/v1/introspect", {
    key: by,
    raw: `token=${token}&token_type_hint=access_token&unknown=1`,
    headers: { "Content-Type": "application/x-www-form-urlencoded" },
  });
async function freshCard(): Promise<Redeemed & { readonly code: string }> {
  const code = deck.codes[next++] ?? "";
  return { ...(await redeemed(code)), code };
}
const expectInactive = async (token: string, by = key) => {
  const answer = await introspect(token, by);
  expect([answer.status, answer.text]).toEqual([200, '{"active":false}']);
};

const claimsOf = (token: string): JWTPayload =>
  JSON.parse(atob((token.split(".")[1] ?? "").replaceAll("-", "+").replaceAll("_", "/"))) as JWTPayload;
const ownJwk = () =>
  (JSON.parse((env as unknown as Record<string, string>)["SIGNING_KEY_test1"] ?? "") as { jwk: JsonWebKey }).jwk;
/** Signed with our own key: what only a claim, a type or a name can tell apart. */
const forge = async (token: string, payload: JWTPayload = {}, header: object = {}) =>
  new SignJWT({ ...claimsOf(token), ...payload })
    .setProtectedHeader({ alg: "ES256", typ: "JWT", kid: "test1", ...header })
    .sign(await importJWK(ownJwk(), "ES256"));

const base64url = (text: string) => btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
/** HS256 keyed with what everybody can fetch: the public key, as PEM and as the JWK's text. */
async function hs256(token: string, secret: string, typ: string): Promise<string> {
  const head = base64url(JSON.stringify({ alg: "HS256", typ, kid: "test1" }));
  const signed = `${head}.${token.split(".")[1]}`;
  const bytes = (text: string) => new TextEncoder().encode(text);
  const hmacKey = await crypto.subtle.importKey("raw", bytes(secret), { name: "HMAC", hash: "SHA-256" }, false, [
    "sign",
  ]);
  const mac = new Uint8Array(await crypto.subtle.sign("HMAC", hmacKey, bytes(signed)));
  return `${signed}.${base64url(String.fromCharCode(...mac))}`;
}

describe("a SIP token", () => {
  it("is told with what a switch checks and holds with", async () => {
    const card = await freshCard();
    const token = sipTokenOf(card);
    const { domain, username } = card.provisioning.sip ?? { domain: "", username: "" };
    const answer = await introspect(token);
    expect(answer.headers.get("Cache-Control")).toBe("no-store");
    const { iss, exp, iat, jti } = claimsOf(token);
    expect(answer.body).toEqual({
      active: true,
      scope: "sip",
      username,
      token_type: "Bearer",
      iss,
      sub: `${username}@${domain}`,
      aud: `sip:${domain}`,
      exp,
      iat,
      jti,
      sip_identity: `sip:${username}@${domain}`,
      partner: deck.partner,
    });
    const json = await call<Introspection>("POST", "/v1/introspect", { key, body: { token, more: 1 } });
    expect(json.body).toEqual(answer.body);
  });

  it("ends at once with its device, its seat, its card and its own time", async () => {
    const signedOut = await freshCard();
    await call("DELETE", "/v1/me/device", { key: signedOut.tokens.accessToken });
    await expectInactive(sipTokenOf(signedOut));
    // The seat is another device's now, and its token is not the old one's.
    const moved = await redeemed(signedOut.code, "another");
    expect((await introspect(sipTokenOf(moved))).body.active).toBe(true);
    await expectInactive(sipTokenOf(signedOut));

    const companion = await freshCard();
    const softphone = { idHash: "c".repeat(64), name: null, platform: "linphone" };
    const { serial } = companion.card;
    await objectOf(serial).link(cardCallOf(deck, serial), { device: 1, family: 1 }, softphone);
    await expectInactive(sipTokenOf(companion));

    const blocked = await freshCard();
    const act = (action: string) =>
      call("PATCH", `/v1/cards/${blocked.card.serial}`, { key: operatorKey(), body: { action, reason: "r" } });
    await act("block");
    await expectInactive(sipTokenOf(blocked));
    await act("unblock");
    expect((await introspect(sipTokenOf(blocked))).body.active).toBe(true);

    const late = sipTokenOf(await freshCard());
    vi.useFakeTimers({ toFake: ["Date"], now: (claimsOf(late).exp ?? 0) * 1000 - 1 });
    expect((await introspect(late)).body.active).toBe(true);
    vi.setSystemTime((claimsOf(late).exp ?? 0) * 1000);
    await expectInactive(late);
  });

  it("of another trunk, partner or domain is as inactive as a made-up one", async () => {
    const mine = sipTokenOf(await freshCard());
    const foreign = await redeemed(other.codes[0]);
    const foreignToken = sipTokenOf(foreign);
    await expectInactive(foreignToken);
    await expectInactive("nothing");
    const partnerKey = (await createKey(deck.partner, ["switch"], { trunks: [deck.trunk] })).key;
    expect((await introspect(mine, partnerKey)).body.active).toBe(true);
    await expectInactive(foreignToken, partnerKey);
    const both = (await createKey(null, ["switch"], { trunks: [deck.trunk, other.trunk] })).key;
    expect((await introspect(foreignToken, both)).body.active).toBe(true);
    // Signed by us, for a domain that another partner's trunk has, or in another partner's name.
    const domain = foreign.provisioning.sip?.domain ?? "";
    const [user = ""] = (claimsOf(mine).sub ?? "").split("@");
    const elsewhere = { sub: `${user}@${domain}`, aud: `sip:${domain}`, sip_identity: `sip:${user}@${domain}` };
    await expectInactive(await forge(mine, elsewhere), both);
    await expectInactive(await forge(mine, { partner: other.partner }), both);
    await expectInactive(await forge(mine, { aud: `sip:${domain}` }), both);
  });
});

describe("what is no SIP token", () => {
  it("is inactive and told nothing of", async () => {
    const card = await freshCard();
    const good = sipTokenOf(card);
    const [head = "", body = "", signature = ""] = good.split(".");
    const now = Math.floor(Date.now() / 1000);
    const pem = (await call("GET", "/.well-known/keys/test1.pem")).text;
    const { kty, crv, x, y } = ownJwk();
    const sub = String(claimsOf(good).sub);
    expect((await introspect(await forge(good))).body.active).toBe(true);
    for (const bad of [
      card.tokens.accessToken,
      card.tokens.refreshToken,
      `${base64url('{"alg":"none","typ":"JWT"}')}.${body}.`,
      `${base64url('{"alg":"none","typ":"JWT"}')}.${body}`,
      await hs256(good, pem, "JWT"),
      await hs256(good, pem.trimEnd(), "JWT"),
      await hs256(good, JSON.stringify({ kty, crv, x, y }), "JWT"),
      `${head}.${body}`,
      `${head}.${body}.${signature}.x`,
      "x".repeat(8000),
      await forge(good, {}, { typ: "at+jwt" }),
      await forge(good, {}, { typ: "portal+jwt" }),
      await forge(good, {}, { kid: "other" }),
      await forge(good, { iss: "https://elsewhere.test" }),
      await forge(good, { aud: env.PUBLIC_ORIGIN }),
      await forge(good, { aud: [String(claimsOf(good).aud)] }),
      await forge(good, { scope: "api" }),
      await forge(good, { sub: sub.replace(".1@", ".2@") }),
      await forge(good, { sub: sub.replace(/^\d{6}/, "999999") }),
      await forge(good, { exp: now + 99_999, iat: now - 3700 }),
      await forge(good, { nbf: now + 600 }),
      await forge(card.tokens.accessToken),
    ])
      await expectInactive(bad);
  });

  it("and a SIP token opens no call of the API, in whatever dress", async () => {
    const card = await freshCard();
    const good = sipTokenOf(card);
    const pem = (await call("GET", "/.well-known/keys/test1.pem")).text;
    for (const token of [
      good,
      await forge(good, {}, { typ: "at+jwt" }),
      await forge(card.tokens.accessToken, {}, { typ: "JWT" }),
      await hs256(card.tokens.accessToken, pem, "at+jwt"),
      await hs256(card.tokens.accessToken, pem.trimEnd(), "at+jwt"),
    ])
      expect((await call("GET", "/v1/me", { key: token })).status, token).toBe(401);
    expect((await redeem(card.code)).status).toBe(200);
  });
});

describe("introspecting", () => {
  it("is for switches, and needs a token", async () => {
    const token = sipTokenOf(await freshCard());
    const reader = (await createKey(null, ["cards:read"])).key;
    expect(await introspect(token, reader)).toMatchObject({ status: 403, body: { code: "insufficient_scope" } });
    expect((await call("POST", "/v1/introspect", { body: { token } })).status).toBe(401);
    expect(await call("POST", "/v1/introspect", { key, body: {} })).toMatchObject({
      status: 400,
      body: { code: "invalid_request", error: "invalid_request" },
    });
    const twice = await call("POST", "/v1/introspect", {
      key,
      raw: "token=a&token=b",
      headers: { "Content-Type": "application/x-www-form-urlencoded" },
    });
    expect(twice.body["error"]).toBe("invalid_request");
  });
});
