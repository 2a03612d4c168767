/** A device that registered a key (RFC 9449): a token, a code and a device id alone are worth nothing then. */
import { env } from "cloudflare:workers";
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWK } from "jose";
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { call } from "../support/api.ts";
import { createDeck, deviceId, redeemed, type Deck, type Problem, type Redeemed } from "../support/cards.ts";
import { upgrade } from "../support/sockets.ts";

type Pair = { readonly privateKey: CryptoKey; readonly jwk: JWK };
type ProofChanges = { readonly header?: object; readonly claims?: object; readonly by?: Pair; readonly token?: string };

let deck: Deck;
let next = 0;
let key: Pair;
let thief: Pair;
const newPair = async (): Promise<Pair> => {
  const { privateKey, publicKey } = await generateKeyPair("ES256", { extractable: true });
  return { privateKey, jwk: await exportJWK(publicKey) };
};
beforeAll(async () => {
  [deck, key, thief] = [await createDeck(), await newPair(), await newPair()];
});
afterEach(() => {
  vi.useRealTimers();
});

const hashOf = async (text: string) => {
  const bytes = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
};
async function proofOf(method: string, path: string, { header, claims, by = key, token }: ProofChanges = {}) {
  const payload = {
    jti: crypto.randomUUID(),
    htm: method,
    htu: `${env.PUBLIC_ORIGIN}${path}`,
    iat: Math.floor(Date.now() / 1000),
    ...(token !== undefined && { ath: await hashOf(token) }),
    ...claims,
  };
  return new SignJWT(payload)
    .setProtectedHeader({ alg: "ES256", typ: "dpop+jwt", jwk: by.jwk, ...header })
    .sign(by.privateKey);
}

const device = (publicKey?: JWK) => ({ id: deviceId("bound"), ...(publicKey && { publicKey }) });
const redeemWith = (code: string, proof?: string, publicKey?: JWK) =>
  call<Redeemed & Problem>("POST", "/v1/redeem", {
    body: { code, device: device(publicKey) },
    headers: proof === undefined ? {} : { DPoP: proof },
  });
async function bound(): Promise<Redeemed & { readonly code: string }> {
  const code = deck.codes[next++] ?? "";
  const answer = await redeemWith(code, undefined, key.jwk);
  expect(answer.status).toBe(200);
  return { ...answer.body, code };
}
const refreshWith = (refreshToken: string, proof?: string, path = "/v1/token") =>
  call<Record<string, string>>("POST", path, {
    body: { grant_type: "refresh_token", refresh_token: refreshToken },
    headers: proof === undefined ? {} : { DPoP: proof },
  });
const me = (scheme: string, token: string, proof?: string) =>
  call("GET", "/v1/me", {
    headers: { Authorization: `${scheme} ${token}`, ...(proof !== undefined && { DPoP: proof }) },
  });

/** Proofs for another request, another time, another key, or in another form. */
const badProofs = async (method: string, path: string, token?: string): Promise<Record<string, string>> => {
  const now = Math.floor(Date.now() / 1000);
  const make = (changes: ProofChanges) => proofOf(method, path, { ...(token !== undefined && { token }), ...changes });
  const good = await make({});
  return {
    "another method": await make({ claims: { htm: method === "GET" ? "POST" : "GET" } }),
    "a method in lower case": await make({ claims: { htm: method.toLowerCase() } }),
    "another path": await make({ claims: { htu: `${env.PUBLIC_ORIGIN}/v1/other` } }),
    "another host": await make({ claims: { htu: `https://elsewhere.test${path}` } }),
    "no address": await make({ claims: { htu: path } }),
    "an old one": await make({ claims: { iat: now - 62 } }),
    "one from the future": await make({ claims: { iat: now + 40 } }),
    "no time": await make({ claims: { iat: undefined } }),
    "no jti": await make({ claims: { jti: undefined } }),
    "an empty jti": await make({ claims: { jti: "" } }),
    "another type": await make({ header: { typ: "JWT" } }),
    "no key in it": await make({ header: { jwk: undefined } }),
    "a private key in it": await make({ header: { jwk: { ...key.jwk, d: "A".repeat(43) } } }),
    "our key, signed by another": await make({ by: { privateKey: thief.privateKey, jwk: key.jwk } }),
    "another key": await make({ by: thief }),
    tampered: `${good.slice(0, -6)}AAAAAA`,
    "no JWT": "x",
    empty: "",
    huge: "x".repeat(5000),
  };
};

describe("a device that registered a key", () => {
  it("gets tokens bound to it, and refreshes with proofs, each of which counts once", async () => {
    const card = await bound();
    expect(card.tokens.tokenType).toBe("DPoP");
    const first = await proofOf("POST", "/v1/token");
    const refreshed = await refreshWith(card.tokens.refreshToken, first);
    expect(refreshed).toMatchObject({ status: 200, body: { token_type: "DPoP" } });
    expect(await refreshWith(card.tokens.refreshToken, first)).toMatchObject({
      status: 400,
      body: { error: "invalid_dpop_proof", code: "invalid_dpop_proof" },
    });
    const again = await refreshWith(refreshed.body["refresh_token"] ?? "", await proofOf("POST", "/token"), "/token");
    expect(again.status).toBe(200);
    // What was said in the query is no part of the address.
    const query = await proofOf("POST", "/v1/token", { claims: { htu: `${env.PUBLIC_ORIGIN}/v1/token?a=b#c` } });
    expect((await refreshWith(again.body["refresh_token"] ?? "", query)).status).toBe(200);
  });

  it("refreshes with no other proof; a thief's tries end nothing", async () => {
    const card = await bound();
    expect(await refreshWith(card.tokens.refreshToken)).toMatchObject({
      status: 400,
      body: { error: "invalid_dpop_proof" },
    });
    for (const [name, proof] of Object.entries(await badProofs("POST", "/v1/token")))
      expect((await refreshWith(card.tokens.refreshToken, proof)).body["error"], name).toBe("invalid_dpop_proof");
    expect((await refreshWith(card.tokens.refreshToken, await proofOf("POST", "/v1/token"))).status).toBe(200);
  });

  it("redeems again with a proof and not without", async () => {
    const card = await bound();
    expect(await redeemWith(card.code)).toMatchObject({ status: 400, body: { code: "invalid_dpop_proof" } });
    // Sending another key does not replace the one that was registered.
    expect((await redeemWith(card.code, undefined, thief.jwk)).body.code).toBe("invalid_dpop_proof");
    for (const [name, proof] of Object.entries(await badProofs("POST", "/v1/redeem")))
      expect((await redeemWith(card.code, proof)).body.code, name).toBe("invalid_dpop_proof");
    const proof = await proofOf("POST", "/v1/redeem");
    const again = await redeemWith(card.code, proof);
    expect(again).toMatchObject({ status: 200, body: { card: { device: 1 }, tokens: { tokenType: "DPoP" } } });
    expect((await redeemWith(card.code, proof)).body.code).toBe("invalid_dpop_proof");
  });

  it("calls with the scheme DPoP and a proof of token and request, each once", async () => {
    const { accessToken: token } = (await bound()).tokens;
    const proof = await proofOf("GET", "/v1/me", { token });
    expect((await me("DPoP", token, proof)).status).toBe(200);
    expect((await me("DPoP", token, proof)).status).toBe(401);
    expect((await me("dpop", token, await proofOf("GET", "/v1/me", { token }))).status).toBe(200);
    const bad = {
      ...(await badProofs("GET", "/v1/me", token)),
      "no ath": await proofOf("GET", "/v1/me"),
      "another token's": await proofOf("GET", "/v1/me", { token: `${token}x` }),
    };
    for (const [name, each] of Object.entries(bad)) {
      const answer = await me("DPoP", token, each);
      expect([answer.status, answer.body["code"]], name).toEqual([401, "unauthenticated"]);
      expect(answer.headers.get("WWW-Authenticate"), name).toBe('DPoP error="invalid_dpop_proof", algs="ES256"');
    }
    expect((await me("DPoP", token)).status).toBe(401);
    expect((await me("Bearer", token)).status).toBe(401);
    expect((await me("Bearer", token, await proofOf("GET", "/v1/me", { token }))).status).toBe(401);
  });

  it("listens with a proof too", async () => {
    const { accessToken: token } = (await bound()).tokens;
    const proof = () => proofOf("GET", "/v1/me/events", { token });
    const opened = await upgrade({ "Sec-WebSocket-Protocol": `dpop, ${token}, ${await proof()}` });
    expect([opened.status, opened.headers.get("Sec-WebSocket-Protocol")]).toEqual([101, "dpop"]);
    opened.webSocket?.accept();
    opened.webSocket?.close();
    for (const offered of [
      `bearer, ${token}`,
      `dpop, ${token}`,
      `dpop, ${token}, ${await proofOf("GET", "/v1/me", { token })}`,
      `bearer, ${token}, ${await proof()}`,
    ])
      expect((await upgrade({ "Sec-WebSocket-Protocol": offered })).status, offered).toBe(401);
  });

  it("cannot be made to remember without end", async () => {
    const card = await bound();
    let last = 0;
    for (let tries = 0; tries < 101 && last !== 429; tries += 1)
      last = (await refreshWith(card.tokens.refreshToken, await proofOf("POST", "/v1/token"))).status;
    expect(last).toBe(429);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 121_000 });
    expect((await redeemWith(card.code, await proofOf("POST", "/v1/redeem"))).status).toBe(200);
  });
});

describe("a device without a key", () => {
  it("works as ever; a proof gives its tokens nothing", async () => {
    const card = await redeemed(deck.codes[next++]);
    expect(card.tokens.tokenType).toBe("Bearer");
    const { accessToken, refreshToken } = card.tokens;
    expect((await me("Bearer", accessToken)).status).toBe(200);
    const proof = await proofOf("GET", "/v1/me", { token: accessToken });
    expect((await me("DPoP", accessToken, proof)).status).toBe(401);
    const refreshed = await refreshWith(refreshToken, await proofOf("POST", "/v1/token"));
    expect(refreshed).toMatchObject({ status: 200, body: { token_type: "Bearer" } });
  });
});
