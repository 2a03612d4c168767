/** What a portal passes on to an upstream that does its worst, and what it keeps. */
import { env } from "cloudflare:workers";
import { decodeProtectedHeader, importJWK, jwtVerify } from "jose";
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { call } from "../support/api.ts";
import type { Redeemed } from "../support/cards.ts";
import { createPortal, go, Jar, type Portal, signIn, standIn, UPSTREAM, type Seen } from "../support/portal.ts";

let portal: Portal;
let card: Redeemed;
let jar: Jar;
const SETTINGS = {
  paths: ["/"],
  methods: ["GET", "HEAD", "POST", "PUT"],
  exitHosts: ["pay.example"],
  csp: {
    script: ["https://js.pay.example"],
    frame: ["https://pay.example"],
    connect: ["wss://live.acme.example"],
    form: [],
  },
};
beforeAll(async () => {
  portal = await createPortal(SETTINGS);
  card = await portal.nextCard();
  jar = await signIn(card);
});
afterEach(() => {
  vi.restoreAllMocks();
});

const at = (path: string, options: Parameters<typeof go>[2] = {}) => go(portal.origin, path, { jar, ...options });
const html = (body: string, headers: Record<string, string> = {}) =>
  new Response(body, { headers: { "Content-Type": "text/html; charset=utf-8", ...headers } });

describe("what the upstream receives", () => {
  it("is its own visitor's request, and who is signed in", async () => {
    const upstream = standIn();
    const answer = await at("/shop?a=1&b=%2F", {
      headers: {
        Accept: "text/html",
        "Accept-Language": "ar",
        "User-Agent": "phone",
        Referer: `${portal.origin}/before?x=1`,
        Range: "bytes=0-9",
      },
    });
    expect(answer.status).toBe(200);
    const [seen] = upstream.seen as [Seen];
    expect(seen.url).toBe(`${UPSTREAM}/shop?a=1&b=%2F`);
    const { authorization, ...rest } = Object.fromEntries(seen.headers);
    expect(rest).toEqual({
      accept: "text/html",
      "accept-encoding": "gzip, br",
      "accept-language": "ar",
      range: "bytes=0-9",
      referer: `${UPSTREAM}/before?x=1`,
      "user-agent": "phone",
    });
    const token = (authorization ?? "").replace("Bearer ", "");
    const { body } = await call<{ keys: [{ kid: string }] }>("GET", "/.well-known/jwks.json");
    expect(decodeProtectedHeader(token)).toEqual({ alg: "ES256", typ: "portal+jwt", kid: body.keys[0].kid });
    const { payload } = await jwtVerify(token, await importJWK(body.keys[0], "ES256"), {
      audience: UPSTREAM,
      issuer: env.PUBLIC_ORIGIN,
    });
    expect(payload).toMatchObject({
      sub: card.card.serial,
      device: 1,
      brand: portal.brand,
      partner: portal.partner,
      mode: "live",
      scope: "portal",
    });
    expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(300);
    // It opens nothing of ours.
    expect((await call("GET", "/v1/me", { key: token })).status).toBe(401);
  });

  it("is nothing of ours, whatever the browser sends along", async () => {
    const upstream = standIn((seen) =>
      html(`${[...seen.headers].map(([name, value]) => `${name}: ${value}`).join("\n")}\n${seen.url}\n${seen.body}`),
    );
    const headers = {
      Authorization: `Bearer ${card.tokens.accessToken}`,
      Forwarded: "for=1.2.3.4",
      "X-Forwarded-For": "1.2.3.4",
      "X-Forwarded-Host": "evil.example",
      "X-Real-IP": "1.2.3.4",
      "X-Original-URL": "/admin",
      "X-Rewrite-URL": "/admin",
      "X-HTTP-Method-Override": "DELETE",
      "X-Middleware-Subrequest": "middleware",
      "CF-Connecting-IP": "1.2.3.4",
      "CF-Ray": "abc",
      "Cf-Access-Jwt-Assertion": "x.y.z",
      "Proxy-Authorization": "Basic x",
      TE: "trailers",
      Trailer: "x",
      "Keep-Alive": "1",
      Referer: `${portal.origin}/.ringfare/open`,
      Cookie: `${jar.header}; __Host-ringfare-x=1; __HOST-RINGFARE=2`,
    };
    const reflected = await (await at("/", { headers })).text();
    const [seen] = upstream.seen as [Seen];
    expect([...seen.headers.keys()].toSorted()).toEqual(["accept-encoding", "authorization", "referer"]);
    expect(seen.headers.get("Referer")).toBe(`${UPSTREAM}/`);
    for (const secret of [
      jar.get("__Host-ringfare") ?? "?",
      card.tokens.accessToken,
      card.tokens.refreshToken,
      "ringfare-",
      "1.2.3.4",
      portal.origin,
    ])
      expect(reflected.replaceAll("<ringfare-bar>", "").split("</ringfare-bar>").at(-1), secret).not.toContain(secret);
  });

  it("is nothing about the card where the brand asked for that", async () => {
    const quiet = await createPortal({ signOn: "none" });
    const browser = await signIn(await quiet.nextCard());
    const upstream = standIn();
    await go(quiet.origin, "/", { jar: browser });
    expect(upstream.seen[0]?.headers.has("Authorization")).toBe(false);
  });

  it("is the body as it was sent", async () => {
    const upstream = standIn();
    const body = new Uint8Array(100_000).map((_, index) => index % 256);
    await at("/upload", { method: "PUT", body, headers: { "Content-Type": "application/octet-stream" } });
    expect(upstream.seen[0]).toMatchObject({ method: "PUT", url: `${UPSTREAM}/upload` });
    expect(upstream.seen[0]?.headers.get("Origin")).toBe(UPSTREAM);
    expect(upstream.seen[0]?.body).toHaveLength(new TextDecoder().decode(body).length);
  });

  it("is nothing at all without a session, from elsewhere, off the list or as a worker", async () => {
    const upstream = standIn();
    const statuses = await Promise.all([
      at("/", { jar: new Jar() }),
      at("/", { method: "POST", headers: { Origin: "" } }),
      at("/", { method: "POST", headers: { Origin: "https://evil.portal.ringfare.test" } }),
      at("/", { method: "DELETE" }),
      at("/sw.js", {
        headers: { "Service-Worker": "script", "Sec-Fetch-Mode": "same-origin", "Sec-Fetch-Dest": "serviceworker" },
      }),
      at("/x.png", { headers: { "Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors" } }),
      at("/a%2f..%2fb"),
      at("/", { headers: { Upgrade: "websocket", Origin: portal.origin } }),
      at("/.ringfare/nothing"),
    ]);
    expect(statuses.map(({ status }) => status)).toEqual([401, 403, 403, 405, 404, 403, 400, 405, 404]);
    for (const answer of statuses) {
      expect(answer.headers.get("Content-Type")).toBe("text/html; charset=utf-8");
      expect(answer.headers.get("Content-Security-Policy")).toContain("frame-ancestors 'none'");
      expect(await answer.text()).toContain(`Brand of ${portal.partner}`);
    }
    expect(upstream.seen).toEqual([]);
  });
});
