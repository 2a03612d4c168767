/** What a browser gets of an upstream that does its worst. */
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import type { Redeemed } from "../support/cards.ts";
import { createPortal, go, type Jar, type Portal, signIn, standIn, UPSTREAM } from "../support/portal.ts";

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

describe("what the browser receives", () => {
  it("is content, and never control of this host", async () => {
    standIn(() => {
      const headers = new Headers({
        "Content-Type": "text/html; charset=utf-8",
        "Content-Security-Policy": `default-src 'none'; script-src 'self' ${UPSTREAM} 'nonce-x'; report-uri https://evil.example/r; style-src 'none', sandbox allow-forms`,
        Refresh: "0;url=https://evil.example",
        "Clear-Site-Data": '"cookies"',
        "Service-Worker-Allowed": "/",
        "Strict-Transport-Security": "max-age=0",
        "Public-Key-Pins": "x",
        "Alt-Svc": 'h3=":443"',
        NEL: "{}",
        "Report-To": "{}",
        "Reporting-Endpoints": 'x="https://evil.example"',
        Link: "<https://evil.example/x.css>; rel=stylesheet",
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Allow-Credentials": "true",
        "WWW-Authenticate": "Basic",
        Server: "secret/1.0",
        "X-Powered-By": "secret",
        SourceMap: "https://evil.example/m",
        "Cache-Control": "public, max-age=31536000",
        "X-Frame-Options": "ALLOWALL",
        "Cross-Origin-Resource-Policy": "cross-origin",
        Location: "https://evil.example",
        ETag: '"1"',
        "Last-Modified": "Mon, 23 Nov 2026 00:00:00 GMT",
        "X-CSRF-Token": "t",
        "Content-Language": "de",
      });
      return new Response("<body>x</body>", { headers });
    });
    const answer = await at("/account/x.css");
    const {
      "content-security-policy": csp,
      "x-request-id": _,
      "permissions-policy": permissions,
      ...rest
    } = Object.fromEntries(answer.headers);
    expect(rest).toEqual({
      "cache-control": "private, no-store",
      "content-language": "de",
      "content-type": "text/html; charset=utf-8",
      "cross-origin-opener-policy": "same-origin-allow-popups",
      "cross-origin-resource-policy": "same-origin",
      "referrer-policy": "same-origin",
      "strict-transport-security": "max-age=31536000; includeSubDomains",
      vary: "Cookie",
      "x-content-type-options": "nosniff",
      "x-csrf-token": "t",
      "x-robots-tag": "noindex",
    });
    expect(permissions).toContain("camera=()");
    const [ours, theirs, sandbox] = (csp ?? "").split(", ");
    expect(ours).toContain("script-src 'self' 'unsafe-inline' 'unsafe-eval' https://js.pay.example;");
    expect(ours).toContain("form-action 'self' https://pay.example;");
    expect(ours).toContain("connect-src 'self' wss://live.acme.example;");
    expect(ours).toContain("frame-ancestors 'self'");
    expect(theirs).toBe(
      `default-src 'none'; script-src 'self' ${portal.origin} 'nonce-x'; style-src ${portal.origin}/.ringfare/bar.css; img-src ${portal.origin}/.ringfare/logo`,
    );
    expect(sandbox).toBe("sandbox allow-forms");
  });

  it("are its cookies without domain, sealed, with their own flags, and none of our names", async () => {
    standIn(() => {
      const headers = new Headers({ "Content-Type": "text/plain" });
      for (const cookie of [
        "sid=1; Domain=portal.ringfare.test; Path=/shop; HttpOnly; SameSite=Strict; Max-Age=60",
        "csrftoken=abc; Domain=.acme.example",
        "third=1; SameSite=None; Secure; Partitioned; Expires=Mon, 23 Nov 2037 00:00:00 GMT",
        "__Host-ringfare=stolen; Path=/; Secure",
        "__HOST-RINGFARE-card=stolen; Path=/; Secure",
        "__Host-theirs=1; Path=/; Secure",
        "gone=; Max-Age=0",
        "=nameless",
        "bad name=1",
        `huge=${"x".repeat(5000)}`,
      ])
        headers.append("Set-Cookie", cookie);
      return new Response("x", { headers });
    });
    const set = (await at("/")).headers.getSetCookie();
    const theirs = set.filter((cookie) => !cookie.startsWith("__Host-ringfare-seal-"));
    expect(theirs).toEqual([
      "sid=1; Path=/shop; Max-Age=60; Secure; HttpOnly; SameSite=Strict",
      "csrftoken=abc; Secure; SameSite=Lax",
      "third=1; Expires=Mon, 23 Nov 2037 00:00:00 GMT; Secure; SameSite=None; Partitioned",
      "__Host-theirs=1; Path=/; Secure; SameSite=Lax",
      "gone=; Max-Age=0; Secure; SameSite=Lax",
    ]);
    expect(set).toHaveLength(10);
    for (const seal of set.filter((cookie) => cookie.startsWith("__Host-ringfare-seal-")))
      expect(seal).toMatch(/; Path=\/; Secure; HttpOnly; SameSite=/);
    jar = await signIn(card);
  });

  it.each([
    ["/next", 302, "/next"],
    [`${UPSTREAM}/next?a=1`, 303, "/next?a=1"],
    ["https://pay.example/start", 302, "https://pay.example/start"],
    ["https://pay.example/start", 307, "https://pay.example/start"],
  ])("is a redirect to %s (%i), without its body", async (location, status, expected) => {
    standIn(
      () => new Response("body with secrets", { status, headers: { Location: location, "Content-Type": "text/html" } }),
    );
    const answer = await at("/");
    expect([answer.status, answer.headers.get("Location"), await answer.text()]).toEqual([status, expected, ""]);
  });

  it.each([
    ["https://evil.example/", 302],
    ["//evil.example/", 302],
    ["/\\evil.example", 301],
    ["https://api.ringfare.test/v1/me", 302],
    ["https://pay.example:444/", 302],
    ["http://pay.example/", 302],
    ["javascript:alert(1)", 302],
    ["/.ringfare/sign-out", 302],
    [undefined, 302],
    ["/next", 300],
    ["/next", 305],
  ])("is no redirect to %s (%i)", async (location, status) => {
    const upstream = standIn(
      () =>
        new Response("x", {
          status,
          headers: { "Set-Cookie": "a=1", ...(location !== undefined && { Location: location }) },
        }),
    );
    const answer = await at("/");
    expect([answer.status, answer.headers.has("Location"), answer.headers.getSetCookie()]).toEqual([502, false, []]);
    const page = await answer.text();
    expect(page).toContain("does not work at the moment");
    expect(page).not.toContain("acme.example");
    expect(upstream.seen).toHaveLength(1);
  });

  it("follows no redirect itself, to itself neither", async () => {
    const upstream = standIn(() => new Response(null, { status: 302, headers: { Location: "/" } }));
    expect((await at("/")).headers.get("Location")).toBe("/");
    expect(upstream.seen).toHaveLength(1);
  });

  it("keeps a script from leaving to the provider", async () => {
    standIn(() => new Response(null, { status: 302, headers: { Location: "https://pay.example/" } }));
    expect((await at("/", { headers: { "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty" } })).status).toBe(502);
  });

  it.each([500, 502, 503, 504, 599])("is a page of ours when the upstream says %i", async (status) => {
    standIn(() => new Response("stack trace of up.internal", { status }));
    const answer = await at("/");
    expect(answer.status).toBe(502);
    expect(await answer.text()).not.toContain("up.internal");
  });

  it("is a page of ours when there is no upstream", async () => {
    standIn(() => Promise.reject(new TypeError("connect ECONNREFUSED up.internal")));
    const answer = await at("/");
    expect([answer.status, (await answer.text()).includes("up.internal")]).toEqual([502, false]);
  });

  it("are the upstream's own 4xx", async () => {
    standIn(() => new Response("no such item", { status: 404, headers: { "Content-Type": "text/plain" } }));
    const answer = await at("/nothing");
    expect([answer.status, await answer.text()]).toEqual([404, "no such item"]);
  });
});
