import { describe, expect, it } from "vitest";
import { PROBLEMS, type ProblemCode, slugOf } from "../../src/domain/errors.ts";
import { call } from "../support/api.ts";

const CODES = Object.keys(PROBLEMS) as ProblemCode[];
const PAGES = ["/", "/r", "/docs", "/docs/sip", "/problems", "/problems/card-in-use"];

describe("pages", () => {
  it.each(PAGES)("%s answers HTML at once, under a strict policy", async (path) => {
    const answer = await call("GET", path);
    expect(answer.status).toBe(200);
    expect(answer.headers.get("Content-Type")).toMatch(/^text\/html; ?charset=utf-8$/i);
    const policy = answer.headers.get("Content-Security-Policy") ?? "";
    for (const part of [
      "default-src 'none'",
      "script-src 'self'",
      "style-src 'self'",
      "form-action 'none'",
      "base-uri 'none'",
      "frame-ancestors 'none'",
    ])
      expect(policy).toContain(part);
    expect(policy).not.toMatch(/unsafe|\*|https?:/);
    expect(answer.headers.get("Permissions-Policy")).toContain("camera=()");
    expect(answer.headers.get("Referrer-Policy")).toBe("no-referrer");
    expect(answer.headers.get("Cache-Control")).toBe("no-cache");
    expect(answer.headers.get("X-Request-Id")).not.toBeNull();
  });

  it.each(PAGES)("%s holds no inline script or style and loads nothing from elsewhere", async (path) => {
    const { text } = await call("GET", path);
    expect(text).toMatch(/^<!doctype html>/i);
    expect(text).toMatch(/<html lang="en"/);
    expect(text).not.toMatch(/<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\ssrc="\/build\/)/i);
    expect(text).not.toMatch(/(?:src|rel="stylesheet" href)="(?!\/)/);
  });

  it.each(PAGES)("%s answers HEAD without a body", async (path) => {
    const answer = await call("HEAD", path);
    expect([answer.status, answer.text]).toEqual([200, ""]);
    expect(answer.headers.get("Content-Security-Policy")).toContain("default-src 'none'");
  });

  it.each(["/", "/r", "/docs"])("%s is not sent again while it is the same", async (path) => {
    const etag = (await call("GET", path)).headers.get("ETag");
    expect(etag).not.toBeNull();
    const again = await call("GET", path, { headers: { "If-None-Match": etag ?? "" } });
    expect([again.status, again.text]).toEqual([304, ""]);
    expect(again.headers.get("Content-Security-Policy")).toContain("default-src 'none'");
  });

  it("need JavaScript only where they say so", async () => {
    for (const path of ["/", "/r", "/docs"]) expect((await call("GET", path)).text).toContain("<noscript>");
  });

  it("have no form a browser could send a code with", async () => {
    for (const path of PAGES) expect((await call("GET", path)).text).not.toMatch(/<form|\sname="code"/);
  });
});

describe("files", () => {
  it.each([
    ["/favicon.svg", /^image\/svg\+xml/],
    ["/robots.txt", /^text\/plain/],
    ["/docs/sip/kamailio.cfg", /^text\/plain; charset=utf-8$/],
    ["/docs/sip/turnserver.conf", /^text\/plain; charset=utf-8$/],
    ["/build/dialler.js", /javascript/],
    ["/build/landing.js", /javascript/],
    ["/build/dialler.css", /^text\/css/],
    ["/build/base.css", /^text\/css/],
    ["/build/docs/swagger-ui-bundle.js", /javascript/],
  ])("%s is served", async (path, type) => {
    const answer = await call("GET", path);
    expect(answer.status).toBe(200);
    expect(answer.headers.get("Content-Type")).toMatch(type);
    expect(answer.headers.get("X-Content-Type-Options")).toBe("nosniff");
  });

  it.each([
    "/index.html",
    "/r.html",
    "/r/",
    "/r/x",
    "/docs.html",
    "/docs/sip.html",
    "/docs/sip/",
    "/docs/sip/nothing.cfg",
    "/build/",
    "/build/nothing.js",
    "/build/%2e%2e/index.html",
    "/src/index.ts",
    "/wrangler.toml",
    "/problems/nothing",
    "/problems/card_in_use",
    "/problems/toString",
  ])("%s is the API's own 404", async (path) => {
    const answer = await call("GET", path);
    expect(answer.status).toBe(404);
    expect(answer.headers.get("Content-Type")).toBe("application/problem+json");
    expect(answer.body).toMatchObject({ code: "not_found" });
  });

  it("take no POST", async () => {
    const answer = await call("POST", "/", { body: { code: "7K3M" } });
    expect(answer.status).toBe(405);
    expect(answer.headers.get("Allow")).toBe("GET, HEAD");
  });
});

describe("problem pages", () => {
  it.each(CODES)("explain %s", async (code) => {
    const { status, text } = await call("GET", `/problems/${slugOf(code)}`);
    expect(status).toBe(200);
    expect(text).toContain(`<code>${code}</code>`);
    expect(text).toContain(`<dd>${PROBLEMS[code].status}</dd>`);
    expect(text).toMatch(/<h1>[^<]+<\/h1>/);
    expect(text).toContain(PROBLEMS[code].retryable ? "may succeed later" : "only after something has changed");
  });

  it("are all listed", async () => {
    const { text } = await call("GET", "/problems");
    for (const code of CODES) expect(text).toContain(`href="/problems/${slugOf(code)}"`);
  });

  it("are where problems point", async () => {
    const { body } = await call<{ type: string }>("GET", "/nothing");
    expect((await call("GET", new URL(body.type).pathname)).status).toBe(200);
  });
});
