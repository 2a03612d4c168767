import { env } from "cloudflare:workers";
import { SignJWT, importJWK, exportJWK, generateKeyPair, type JWTPayload } from "jose";
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { operatorKey, call } from "../support/api.ts";
import { createDeck, redeem, redeemed, refresh, type Deck, type Redeemed } from "../support/cards.ts";

let deck: Deck;
let next = 0;
beforeAll(async () => {
  deck = await createDeck();
});
afterEach(() => {
  vi.useRealTimers();
});

/** A card no other test has touched. */
async function freshCard(): Promise<Redeemed & { code: string }> {
  const code = deck.codes[next++] ?? "";
  return { ...(await redeemed(code)), code };
}

const me = (token: string) => call("GET", "/v1/me", { key: token });

const BASE64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const nextSymbol = (text: string) => BASE64URL[BASE64URL.indexOf(text.at(-1) ?? "") + 1] ?? "";

describe("refresh tokens", () => {
  it("move on with every use, and only the newest chain lives", async () => {
    const { tokens } = await freshCard();
    const first = await refresh(tokens.refreshToken);
    expect(first.body).toMatchObject({ token_type: "Bearer", expires_in: 600 });
    expect(first.headers.get("Cache-Control")).toBe("no-store");
    expect(first.body.refresh_token).not.toBe(tokens.refreshToken);
    expect((await me(first.body.access_token)).status).toBe(200);
  });

  it("answer the same successor while it was not used: the reply may be lost", async () => {
    const { tokens } = await freshCard();
    const answers = await Promise.all(Array.from({ length: 10 }, () => refresh(tokens.refreshToken)));
    expect(new Set(answers.map(({ body }) => body.refresh_token)).size).toBe(1);
  });

  it("forgive the predecessor for ten seconds after its successor was used, then revoke the family", async () => {
    const { tokens, code } = await freshCard();
    const second = (await refresh(tokens.refreshToken)).body.refresh_token;
    const third = (await refresh(second)).body;
    expect((await refresh(tokens.refreshToken)).body.refresh_token).toBe(second);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 11_000 });
    const stolen = await refresh(tokens.refreshToken);
    expect([stolen.status, stolen.body.code, stolen.body.error]).toEqual([400, "invalid_grant", "invalid_grant"]);
    expect((await refresh(third.refresh_token)).body.error).toBe("invalid_grant");
    expect((await me(third.access_token)).body["code"]).toBe("device_signed_out");
    const again = await redeemed(code);
    expect(again.balance.available).toBe("10.00");
    expect(again.card.device).toBe(1);
    expect((await refresh(again.tokens.refreshToken)).status).toBe(200);
  });

  it("revoke the family when one of two generations back comes", async () => {
    const { tokens } = await freshCard();
    let newest = tokens.refreshToken;
    for (let step = 0; step < 3; step++) newest = (await refresh(newest)).body.refresh_token;
    expect((await refresh(tokens.refreshToken)).status).toBe(400);
    expect((await refresh(newest)).status).toBe(400);
  });

  it("are not called invalid while the card cannot answer: libraries would throw them away", async () => {
    const { tokens } = await freshCard();
    const halted = { refresh: async () => ({ ok: false, error: { code: "card_halted" } }) };
    const spy = vi.spyOn(env.CARDS, "getByName").mockReturnValue(halted as never);
    const answer = await refresh(tokens.refreshToken);
    spy.mockRestore();
    expect([answer.status, answer.body.code]).toEqual([503, "card_halted"]);
    expect(answer.body.error).toBe("temporarily_unavailable");
    expect((await refresh(tokens.refreshToken)).status).toBe(200);
  });

  it("die ninety days after their last use", async () => {
    const { tokens } = await freshCard();
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 91 * 86_400_000 });
    expect((await refresh(tokens.refreshToken)).body.error).toBe("invalid_grant");
  });

  it("are refused for free when forged or not whole", async () => {
    const { tokens } = await freshCard();
    const token = tokens.refreshToken;
    const spy = vi.spyOn(env.CARDS, "getByName");
    const flipped = `${token.slice(0, 10)}${token[10] === "A" ? "B" : "A"}${token.slice(11)}`;
    for (const bad of [
      flipped,
      token.slice(0, -1),
      `${token}A`,
      `${token}=`,
      ` ${token}`,
      "x",
      "A".repeat(8000),
      tokens.accessToken,
    ]) {
      const answer = await refresh(bad);
      expect([answer.status, answer.body.error]).toEqual([400, "invalid_grant"]);
    }
    expect(spy).not.toHaveBeenCalled();
    spy.mockRestore();
  });

  it("are taken as a form or JSON under both paths, unknown parameters ignored", async () => {
    const { tokens } = await freshCard();
    const body = { grant_type: "refresh_token", refresh_token: tokens.refreshToken, client_id: "x", extra: "y" };
    expect((await call("POST", "/token", { body })).status).toBe(200);
    const form = new URLSearchParams(body).toString();
    expect(
      (await call("POST", "/v1/token", { raw: form, headers: { "Content-Type": "application/x-www-form-urlencoded" } }))
        .status,
    ).toBe(200);
  });

  it.each([
    ["no grant", {}, "invalid_request"],
    ["another grant", { grant_type: "password" }, "unsupported_grant_type"],
    ["no token", { grant_type: "refresh_token" }, "invalid_request"],
    ["an array", ["refresh_token"], "invalid_request"],
    ["a number for a token", { grant_type: "refresh_token", refresh_token: 7 }, "invalid_request"],
  ])("refuse %s", async (_, body, error) => {
    const answer = await call<{ error: string }>("POST", "/v1/token", { body });
    expect([answer.status, answer.body.error]).toEqual([400, error]);
    const twice = "grant_type=refresh_token&grant_type=refresh_token&refresh_token=x";
    const doubled = await call<{ error: string }>("POST", "/v1/token", {
      raw: twice,
      headers: { "Content-Type": "application/x-www-form-urlencoded" },
    });
    expect(doubled.body.error).toBe("invalid_request");
  });
});

describe("Linphone 5.4", () => {
  /** What it sends: its own order, the token not URL-encoded, and a client id that nobody gave it. */
  const linphoneForm = (token: string) => `grant_type=refresh_token&refresh_token=${token}&client_id=linphone`;
  const send = (path: string, token: string) =>
    call("POST", path, {
      raw: linphoneForm(token),
      headers: { "Content-Type": "application/x-www-form-urlencoded" },
    });

  it("refreshes with its own form, under both paths, again and again", async () => {
    let { refreshToken } = (await freshCard()).tokens;
    for (const path of ["/token", "/v1/token", "/token", "/token"]) {
      // Nothing in it may need encoding.
      expect(refreshToken).toMatch(/^[A-Za-z0-9_-]+$/);
      const answer = await send(path, refreshToken);
      expect(answer).toMatchObject({ status: 200, body: { token_type: "Bearer", expires_in: 600 } });
      expect(Object.keys(answer.body).toSorted((a, b) => a.localeCompare(b))).toEqual([
        "access_token",
        "expires_in",
        "refresh_token",
        "token_type",
      ]);
      refreshToken = String(answer.body["refresh_token"]);
    }
  });
});

describe("signing out", () => {
  it("ends the device at once and frees its seat under a new number", async () => {
    const { tokens, code } = await freshCard();
    expect((await redeem(code, "new-phone")).status).toBe(409);
    expect((await call("DELETE", "/v1/me/device", { key: tokens.accessToken })).status).toBe(204);
    expect((await me(tokens.accessToken)).body).toMatchObject({ code: "device_signed_out", status: 403 });
    expect((await refresh(tokens.refreshToken)).body.error).toBe("invalid_grant");
    const moved = await redeemed(code, "new-phone");
    expect(moved.card.device).toBe(2);
    expect(moved.balance.available).toBe("10.00");
  });

  it("by RFC 7009 ends the tokens and keeps the seat; anything unknown is a success", async () => {
    const { tokens, code } = await freshCard();
    expect((await call("POST", "/v1/revoke", { body: { token: "nothing" } })).status).toBe(200);
    expect((await call("POST", "/v1/revoke", { body: {} })).status).toBe(400);
    expect((await call("POST", "/v1/revoke", { body: { token: tokens.accessToken } })).status).toBe(200);
    expect((await refresh(tokens.refreshToken)).status).toBe(400);
    expect((await redeem(code, "other")).status).toBe(409);
    expect((await redeemed(code)).card.device).toBe(1);
  });

  it("by the operator frees a lost device's seat", async () => {
    const { card, code, tokens } = await freshCard();
    const release = (device: number) =>
      call("PATCH", `/v1/cards/${card.serial}`, {
        key: operatorKey(),
        body: { action: "release_device", device, reason: "lost" },
      });
    expect((await release(2)).status).toBe(422);
    expect((await release(1)).status).toBe(200);
    expect((await me(tokens.accessToken)).status).toBe(403);
    expect((await redeemed(code, "b")).card.device).toBe(2);
  });
});

describe("access tokens", () => {
  type Forge = { header?: Record<string, unknown>; payload?: JWTPayload };
  async function forge(token: string, { header = {}, payload = {} }: Forge): Promise<string> {
    const [, body = ""] = token.split(".");
    const claims = JSON.parse(atob(body.replaceAll("-", "+").replaceAll("_", "/"))) as JWTPayload;
    const { jwk } = JSON.parse((env as unknown as Record<string, string>)["SIGNING_KEY_test1"] ?? "") as {
      jwk: JsonWebKey;
    };
    const protectedHeader = { alg: "ES256", typ: "at+jwt", kid: "test1", ...header };
    return new SignJWT({ ...claims, ...payload })
      .setProtectedHeader(protectedHeader)
      .sign(await importJWK(jwk, "ES256"));
  }

  it("are ours alone: every other claim, type, key and form is refused alike", async () => {
    const { tokens, provisioning } = await freshCard();
    const good = tokens.accessToken;
    const now = Math.floor(Date.now() / 1000);
    const sip = provisioning.sip?.credentials.find(({ type }) => type === "bearer")?.token ?? "";
    const [head = "", body = "", signature = ""] = good.split(".");
    const none = btoa('{"alg":"none","typ":"at+jwt"}').replaceAll("=", "");
    const other = await generateKeyPair("ES256", { extractable: true });
    const otherKey = await new SignJWT({ sub: "x" })
      .setProtectedHeader({ alg: "ES256", typ: "at+jwt", kid: "test1", jwk: await exportJWK(other.publicKey) })
      .sign(other.privateKey);
    expect((await me(await forge(good, {}))).status).toBe(200);
    const bad = [
      sip,
      otherKey,
      `${none}.${body}.`,
      `${head}.${body}`,
      `${good}.x`,
      `${good}=`,
      `${head}.${body}.${signature.slice(0, -2)}AA`,
      // The same 64 bytes in another spelling: the last symbol holds four bits that belong to nobody.
      `${head}.${body}.${signature.slice(0, -1)}${nextSymbol(signature)}`,
      "x".repeat(4000),
      await forge(good, { header: { typ: "JWT" } }),
      await forge(good, { header: { kid: "nope" } }),
      await forge(good, { header: { kid: "../../etc/passwd" } }),
      await forge(good, { payload: { aud: ["https://api.ringfare.test"] } }),
      await forge(good, { payload: { aud: "https://elsewhere.test" } }),
      await forge(good, { payload: { iss: "https://elsewhere.test" } }),
      await forge(good, { payload: { exp: now - 60 } }),
      await forge(good, { payload: { exp: now + 60, iat: now - 4000 } }),
      await forge(good, { payload: { nbf: now + 600 } }),
      await forge(good, { payload: { sub: "000001-0000001" } }),
      await forge(good, { payload: { sub: "999999-0000001.1" } }),
      await forge(good, { payload: { family: "1" } }),
    ];
    for (const token of bad) {
      const answer = await me(token);
      expect([token, answer.status, answer.body["code"]]).toEqual([token, 401, "unauthenticated"]);
      expect(answer.headers.get("WWW-Authenticate")).toMatch(/^Bearer/);
    }
    expect((await call("GET", "/v1/me")).status).toBe(401);
    expect((await call("GET", "/v1/me", { key: operatorKey() })).status).toBe(401);
  });

  it("expire after ten minutes, with half a minute for skewed clocks", async () => {
    const { tokens } = await freshCard();
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 615_000 });
    expect((await me(tokens.accessToken)).status).toBe(200);
    vi.setSystemTime(Date.now() + 20_000);
    expect((await me(tokens.accessToken)).status).toBe(401);
  });
});
