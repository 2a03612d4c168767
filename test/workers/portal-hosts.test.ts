/** Which hosts are portals, and whose. */
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { call, operatorKey } from "../support/api.ts";
import type { Redeemed } from "../support/cards.ts";
import { createPortal, go, Jar, type Portal, setPortal, signIn, standIn, UPSTREAM } from "../support/portal.ts";

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

describe("hosts", () => {
  it.each([
    "nobody.portal.ringfare.test",
    "a.b.portal.ringfare.test",
    "portal.ringfare.test",
    "-.portal.ringfare.test",
    "topup.unknown.example",
    "127.0.0.1",
  ])("%s is nobody's: a page, and nothing is fetched", async (host) => {
    const upstream = standIn();
    for (const path of ["/", "/v1/me", "/.ringfare/open", "/console", "/docs"]) {
      const answer = await go(`https://${host}`, path);
      expect([answer.status, answer.headers.get("Content-Type")], path).toEqual([404, "text/html; charset=utf-8"]);
      expect(await answer.text()).toContain("There is no portal at this address");
    }
    expect(upstream.seen).toEqual([]);
  });

  it("shows nothing of the API, the console or the dialler on a portal", async () => {
    standIn(() => new Response("theirs", { headers: { "Content-Type": "text/plain" } }));
    for (const path of [
      "/",
      "/v1/me",
      "/docs",
      "/r",
      "/openapi.json",
      "/healthz",
      "/build/dialler.js",
      "/.well-known/jwks.json",
    ])
      expect(await (await at(path)).text(), path).toBe("theirs");
  });

  it("serves a brand's own host, and no other brand can take it", async () => {
    const [one, two] = [await createPortal(), await createPortal()];
    const host = `topup.${one.brand}.example`;
    await setPortal(one.brand, { hosts: [host] });
    const phone = await one.nextCard();
    expect(new URL(phone.portal.url).host).toBe(host);
    const browser = await signIn(phone);
    standIn();
    expect((await go(`https://${host}`, "/", { jar: browser })).status).toBe(200);
    const refused = await call("PUT", `/v1/brands/${two.brand}/portal`, {
      key: operatorKey(),
      body: { origin: UPSTREAM, hosts: [`other.${two.brand}.example`, host] },
    });
    expect(refused).toMatchObject({ status: 409, body: { code: "id_taken" } });
    expect((await call("GET", `/v1/brands/${two.brand}/portal`, { key: operatorKey() })).body).toMatchObject({
      hosts: [],
    });
    await setPortal(one.brand, { hosts: [] });
    expect((await go(`https://${host}`, "/", { jar: browser })).status).toBe(404);
    await setPortal(two.brand, { hosts: [host] });
    // Another brand's visit is worth nothing there now.
    expect((await go(`https://${host}`, "/", { jar: browser })).status).toBe(401);
  });
});

describe("coming back from a provider", () => {
  it("goes on by GET, without cookies, with the form's fields", async () => {
    const upstream = standIn();
    for (const origin of ["https://pay.example", "null"]) {
      const answer = await at("/return?order=1", {
        method: "POST",
        jar: new Jar(),
        headers: {
          Origin: origin,
          "Sec-Fetch-Site": "cross-site",
          "Content-Type": "application/x-www-form-urlencoded",
        },
        body: "status=ok&sig=a%26b%22%3E",
      });
      expect(answer.status).toBe(200);
      const page = await answer.text();
      expect(page).toContain('content="0; url=/return?order=1&amp;status=ok&amp;sig=a%26b%22%3E"');
      expect(answer.headers.getSetCookie()).toEqual([]);
    }
    expect(upstream.seen).toEqual([]);
  });

  it("is for listed providers and listed paths only", async () => {
    await setPortal(portal.brand, { ...SETTINGS, paths: ["/return"] });
    const back = (path: string, origin: string, headers: Record<string, string> = {}) =>
      at(path, {
        method: "POST",
        headers: { Origin: origin, "Sec-Fetch-Site": "cross-site", ...headers },
        body: "a=1",
      });
    expect((await back("/return", "https://pay.example")).status).toBe(200);
    expect((await back("/return", "https://evil.example")).status).toBe(403);
    expect((await back("/return", "https://pay.example", { "Sec-Fetch-Mode": "cors" })).status).toBe(403);
    expect((await back("/elsewhere", "https://pay.example")).status).toBe(404);
    await setPortal(portal.brand, SETTINGS);
  });
});
