/** Pages of the upstream on the portal’s host, and the forms on them. */
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import type { Redeemed } from "../support/cards.ts";
import { createPortal, go, type Jar, type Portal, signIn, standIn, UPSTREAM, type Seen } from "../support/portal.ts";

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

describe("pages", () => {
  const shown = async (body: string, headers: Record<string, string> = {}, options: Parameters<typeof go>[2] = {}) => {
    standIn(() => html(body, headers));
    return (await at("/", options)).text();
  };

  it("have their own absolute links on this host, and others as they were", async () => {
    const page = await shown(
      `<html><head><base href="${UPSTREAM}/base/"><link rel=stylesheet href='//shop.acme.example/a.css'><meta http-equiv="Refresh" content="5; url=${UPSTREAM}/later"><meta http-equiv=refresh content="0;url=https://evil.example/"><meta http-equiv=refresh content="30"></head>
<body class=x><a href="${UPSTREAM}/x?a=1&amp;b=2#c" ping="https://evil.example/p">a</a><a href="https:&#47;&#47;shop.acme.example/y">b</a><a href="https://other.example/">c</a><form action="${UPSTREAM}/pay"><button formaction="http://shop.acme.example/z"></form><img src="//shop.acme.example/i.png" srcset="${UPSTREAM}/1.png 1x, /2.png 2x"><script>var a="${UPSTREAM}"</script></body></html>`,
    );
    expect(page).toContain('<base href="/base/">');
    expect(page).toContain('href="/a.css"');
    expect(page).toContain('content="5; url=/later"');
    expect(page).not.toContain("https://evil.example");
    expect(page).toContain('content="30"');
    expect(page).toContain('<a href="/x?a=1&amp;b=2#c">a</a>');
    expect(page).toContain('href="/y"');
    expect(page).toContain('<a href="https://other.example/">');
    expect(page).toContain('action="/pay"');
    expect(page).toContain('formaction="/z"');
    expect(page).toContain('src="/i.png" srcset="/1.png 1x, /2.png 2x"');
    expect(page).toContain(`<script>var a="${UPSTREAM}"</script>`);
  });

  it("carry the brand's bar once, only where they are the whole page", async () => {
    const bars = (page: string) => page.split("<ringfare-bar>").length - 1;
    expect(bars(await shown("<body><p>x</p></body><body>"))).toBe(1);
    expect(bars(await shown("<p>no body tag"))).toBe(1);
    const bar = await shown("<body>");
    expect(bar).toContain(`Card <bdi dir="ltr">&#8226;&#8226;&#8226; ${card.card.serial.slice(-4)}</bdi>`);
    expect(bar).not.toContain(card.card.serial);
    expect(
      bars(await shown("<p>part</p>", {}, { headers: { "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty" } })),
    ).toBe(0);
    expect(bars(await shown("<body>", {}, { headers: { "Sec-Fetch-Dest": "iframe" } }))).toBe(0);
    expect(bars(await shown("{}", { "Content-Type": "application/json" }))).toBe(0);
  });

  it("stay as they are in any encoding that holds ASCII", async () => {
    for (const charset of ["windows-1251", "shift_jis", "utf-8", "no-such-charset", "utf-8, x", '"'] as const) {
      const ascii = (text: string) => [...new TextEncoder().encode(text)];
      const odd = [0xe9, 0x80, 0xff, 0x81, 0x8d, 0xf0, 0x9f];
      const page = (link: string) => [...ascii(`<a href="${link}`), ...odd, ...ascii('">'), ...odd];
      standIn(
        () =>
          new Response(new Uint8Array(page(`${UPSTREAM}/`)), {
            headers: { "Content-Type": `text/html; charset=${charset}` },
          }),
      );
      const answer = await at("/", { headers: { "Sec-Fetch-Dest": "iframe" } });
      expect([...new Uint8Array(await answer.arrayBuffer())], charset).toEqual(page("/"));
      expect(answer.headers.get("Content-Type")).toBe(
        ["windows-1251", "shift_jis", "utf-8"].includes(charset) ? `text/html; charset=${charset}` : "text/html",
      );
    }
  });

  it.each([
    { "Content-Type": "text/html; charset=utf-16le" },
    { "Content-Type": "text/html; charset=UTF-7" },
    { "Content-Encoding": "deflate" },
    { "Content-Encoding": "zstd" },
  ])("that cannot be read are not shown: %j", async (headers) => {
    standIn(() => html("<body>x", headers));
    expect((await at("/")).status).toBe(502);
  });
});

describe("sites that check where their forms come from", () => {
  /** Double-submit cookie, checked against a field or a header, and Referer on https, as Django does. */
  const django = (seen: Seen): Response => {
    if (seen.method === "GET")
      return html("<form method=post>", { "Set-Cookie": "csrftoken=tok123; Path=/; SameSite=Lax" });
    const cookie = /csrftoken=(\w+)/.exec(seen.headers.get("Cookie") ?? "")?.[1];
    const sent = seen.headers.get("X-CSRFToken") ?? new URLSearchParams(seen.body).get("csrfmiddlewaretoken");
    const origin = seen.headers.get("Origin");
    const referer = seen.headers.get("Referer") ?? "";
    const isFine = cookie !== undefined && cookie === sent && origin === UPSTREAM && referer.startsWith(`${UPSTREAM}/`);
    return new Response(isFine ? "accepted" : "CSRF failed", {
      status: isFine ? 200 : 403,
      headers: { "Content-Type": "text/plain" },
    });
  };
  /** A token bound to the session cookie, and the Origin compared with the site's own base URL, as Rails does. */
  const rails = (seen: Seen): Response => {
    if (seen.method === "GET")
      return html('<input name=authenticity_token value="for-s1">', {
        "Set-Cookie": "_shop_session=s1; path=/; secure; HttpOnly; SameSite=Lax",
      });
    const isFine =
      seen.headers.get("Cookie")?.includes("_shop_session=s1") &&
      (new URLSearchParams(seen.body).get("authenticity_token") ?? seen.headers.get("X-CSRF-Token")) === "for-s1" &&
      seen.headers.get("Origin") === new URL(seen.url).origin;
    return new Response(isFine ? "accepted" : "InvalidAuthenticityToken", {
      status: isFine ? 200 : 422,
      headers: { "Content-Type": "text/plain" },
    });
  };
  /** A readable, percent-encoded XSRF-TOKEN cookie that scripts send back as a header, beside the session, as Laravel does. */
  const laravel = (seen: Seen): Response => {
    if (seen.method === "GET") {
      const headers = new Headers({ "Content-Type": "text/html" });
      headers.append(
        "Set-Cookie",
        "XSRF-TOKEN=eyJpdiI6%3D%3D; expires=Mon, 23 Nov 2037 00:00:00 GMT; Max-Age=7200; path=/; secure; samesite=lax",
      );
      headers.append("Set-Cookie", "laravel_session=abc%3D; path=/; secure; httponly; samesite=lax");
      return new Response("x", { headers });
    }
    const sent = seen.headers.get("X-XSRF-TOKEN") ?? new URLSearchParams(seen.body).get("_token");
    const isFine = seen.headers.get("Cookie")?.includes("laravel_session=abc%3D") && sent === "eyJpdiI6==";
    return new Response(isFine ? "accepted" : "Page Expired", {
      status: isFine ? 200 : 419,
      headers: { "Content-Type": "text/plain" },
    });
  };
  const FORM = { "Content-Type": "application/x-www-form-urlencoded" };

  it.each([
    ["Django", django, "csrfmiddlewaretoken=tok123", "X-CSRFToken", "tok123", "csrftoken"],
    ["Rails", rails, "authenticity_token=for-s1", "X-CSRF-Token", "for-s1", "_shop_session"],
    ["Laravel", laravel, "_token=eyJpdiI6%3D%3D", "X-XSRF-TOKEN", "eyJpdiI6==", "XSRF-TOKEN"],
  ] as const)(
    "%s accepts its own form and its own script, and nobody else's",
    async (_, site, form, header, value, cookie) => {
      const browser = await signIn(await portal.nextCard());
      standIn(site);
      await (await at("/form", { jar: browser })).text();
      expect(browser.names).toContain(cookie);
      const headers = { ...FORM, Referer: `${portal.origin}/form` };
      const posted = await at("/form", { jar: browser, method: "POST", headers, body: form });
      expect([posted.status, await posted.text()]).toEqual([200, "accepted"]);
      const script = {
        Referer: `${portal.origin}/form`,
        "Sec-Fetch-Mode": "cors",
        "Sec-Fetch-Dest": "empty",
        [header]: value,
      };
      const fetched = await at("/form", { jar: browser, method: "POST", headers: script, body: "{}" });
      expect([fetched.status, await fetched.text()]).toEqual([200, "accepted"]);
      const wrong = await at("/form", { jar: browser, method: "POST", headers, body: form.replace("=", "=x") });
      expect(wrong.status).toBeGreaterThanOrEqual(403);
      const evil = await at("/form", {
        jar: browser,
        method: "POST",
        headers: { ...FORM, Origin: "https://evil.portal.ringfare.test" },
        body: form,
      });
      expect(evil.status).toBe(403);
      vi.restoreAllMocks();
    },
  );
});
