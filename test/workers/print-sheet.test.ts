/** Cards to print: every code scans to its card, a hostile brand stays text, nobody else is asked, touched cards stay out. */
import { env } from "cloudflare:workers";
import { decodeQR } from "qr/decode.js";
import { beforeAll, describe, expect, it } from "vitest";
import { operatorKey, call } from "../support/api.ts";
import { createTenant, issue, order, project, type Tenant } from "../support/batches.ts";
import { codesOf } from "../support/cards.ts";
import { comparable, createKey } from "../support/catalogue.ts";
import { PNG } from "../support/images.ts";

const NAME = `</style><script>alert(1)</script>"'&<img src=//evil.example>`;

let acme: Tenant;
let other: Tenant;
let batch: number;

beforeAll(async () => {
  acme = await createTenant();
  other = await createTenant();
  await call("PUT", `/v1/brands/${acme.brand}`, {
    key: acme.key,
    body: { name: NAME, texts: { ar: { tagline: "اتصل بأهلك" } } },
  });
  await call("PUT", `/v1/brands/${acme.brand}/assets/logo`, { key: acme.key, raw: PNG });
  await call("POST", `/v1/brands/${acme.brand}/publish`, { key: acme.key });
  batch = (await issue(acme.key, order(acme, { quantity: 2000 }))).body.number;
});

const sheet = (query = "?to=3", key = acme.key, number = batch) =>
  call("GET", `/v1/batches/${number}/sheet${query}`, { key });
const cardsOf = (text: string) => text.split('<section class="card">').slice(1);

/** The link in a printed QR code, read from its drawing as a camera would. */
function scanned(card: string): string {
  const size = Number(/viewBox="0 0 (\d+) /.exec(card)?.[1]);
  const scale = 4;
  const side = size * scale;
  const pixels = new Uint8Array(side * side * 4).fill(255);
  for (const [, x = "", y = "", width = ""] of card.matchAll(/M(\d+) (\d+)h(\d+)v1h-\d+z/g))
    for (let row = Number(y) * scale; row < (Number(y) + 1) * scale; row += 1)
      pixels.fill(0, (row * side + Number(x) * scale) * 4, (row * side + (Number(x) + Number(width)) * scale) * 4);
  for (let at = 3; at < pixels.length; at += 4) pixels[at] = 255;
  return decodeQR({ height: side, width: side, data: pixels });
}

describe("a printed sheet", () => {
  it("has a card each with its code, its serial and a QR code that scans to its link", async () => {
    const { text, headers, status } = await sheet();
    expect(status).toBe(200);
    expect(headers.get("Content-Type")).toBe("text/html; charset=utf-8");
    expect(headers.get("Cache-Control")).toBe("no-store");
    const codes = await codesOf(batch);
    const cards = cardsOf(text);
    expect(cards).toHaveLength(3);
    for (const [index, card] of cards.entries()) {
      expect(card).toContain(`<div class="code">${codes[index]}</div>`);
      expect(card).toContain(`${String(batch).padStart(6, "0")}-000000${index + 1}`);
      expect(scanned(card)).toBe(`${env.PUBLIC_ORIGIN}/r#${codes[index]}`);
    }
    expect(text.endsWith("</html>")).toBe(true);
  });

  it("shows a hostile brand as text, right to left where its language is, and asks nobody for anything", async () => {
    const { text, headers } = await sheet();
    expect(text).toContain("&lt;/style&gt;&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;&lt;img");
    expect(text).not.toMatch(/<(?:script|img|link|iframe)|@import|\s(?:src|href)="/);
    expect(text).toContain('<html lang="ar" dir="rtl">');
    expect(text).toContain("اتصل بأهلك");
    expect(text).toContain(`url(data:image/png;base64,`);
    expect(text.match(/url\((?!data:)/g)).toBeNull();
    const policy = headers.get("Content-Security-Policy") ?? "";
    expect(policy).toMatch(
      /^default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; style-src 'sha256-/,
    );
    const [, style = ""] = /<style>(.*?)<\/style>/s.exec(text) ?? [];
    const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(style));
    expect(policy).toContain(`'sha256-${btoa(String.fromCharCode(...new Uint8Array(digest)))}'`);
  });

  it("reprints one card or a range, and no more than a thousand at once", async () => {
    expect(cardsOf((await sheet("?from=7&to=7")).text)).toHaveLength(1);
    expect(cardsOf((await sheet("?from=1001&to=2000")).text)).toHaveLength(1000);
    expect(await sheet("?from=1&to=1001")).toMatchObject({ status: 422, body: { errors: [{ pointer: "/to" }] } });
    expect((await sheet("")).status).toBe(422);
    expect((await sheet("?from=2&to=1")).status).toBe(422);
  });

  it("leaves out touched cards, but for an operator with a reason, and says when none is left", async () => {
    await project(batch, 11, { credits: 1 });
    expect(cardsOf((await sheet("?from=10&to=12")).text)).toHaveLength(2);
    const empty = (await sheet("?from=11&to=11")).text;
    expect(cardsOf(empty)).toEqual([]);
    expect(empty).toContain('<main class="cards"></main><p class="none"');
    expect((await sheet("?from=11&to=11&includeTouched=true&reason=x")).status).toBe(403);
    const again = await sheet("?from=11&to=11&includeTouched=true&reason=lost", operatorKey());
    expect(cardsOf(again.text)).toHaveLength(1);
  });

  it("prints vouchers, and marks test cards", async () => {
    const { profile: _profile, ...voucher } = order(acme, { kind: "voucher", mode: "test" });
    const number = (await issue(acme.key, voucher)).body.number;
    const { text } = await sheet("?to=2", acme.key, number);
    expect(cardsOf(text)).toHaveLength(2);
    expect(text.match(/<div class="test">TEST<\/div>/g)).toHaveLength(2);
    expect((await sheet()).text).not.toContain(">TEST<");
  });

  it("of a brand with nothing published has nobody's look", async () => {
    const number = (await issue(other.key, order(other))).body.number;
    const { text } = await sheet("?to=1", other.key, number);
    expect(text).toContain("Calling card");
    expect(text).toContain('<html lang="en" dir="ltr">');
  });

  it("of another partner is absent, and needs batches:export", async () => {
    expect(comparable(await sheet("?to=1", other.key))).toEqual(
      comparable(await sheet("?to=1", other.key, 33_000_000)),
    );
    const { key } = await createKey(acme.partner, ["catalogue:read", "cards:read"]);
    expect((await sheet("?to=1", key)).status).toBe(403);
  });
});
