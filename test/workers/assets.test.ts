import { env, exports } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import { call, fresh } from "../support/api.ts";
import { createPartner, createPartnerKey } from "../support/catalogue.ts";
import { ascii, joined, JPEG, PNG, pngSized, pngWith, WEBP } from "../support/images.ts";

type Asset = { asset: string; url: string; width: number; height: number };

let key: string;
let brand: string;
beforeAll(async () => {
  key = await createPartnerKey(await createPartner());
  brand = fresh("brand");
  await call("PUT", `/v1/brands/${brand}`, { key, body: { name: "Acme" } });
});

const upload = (bytes: BodyInit, type = "image/png") =>
  call<Asset>("PUT", `/v1/brands/${brand}/assets/logo`, { key, raw: bytes, headers: { "Content-Type": type } });
const draft = async () => (await call<{ logo: unknown }>("GET", `/v1/brands/${brand}`, { key })).body;
const fetchAsset = (url: string, init: RequestInit = {}) =>
  exports.default.fetch(new Request(new URL(url, env.PUBLIC_ORIGIN), init));

describe("a logo", () => {
  it.each([
    ["png", PNG, "image/png"],
    ["jpg", JPEG, "image/jpeg"],
    ["webp", WEBP, "image/webp"],
  ])("is stored as %s by its content and served for ever", async (extension, bytes, type) => {
    const { status, body } = await upload(bytes, "text/html");
    expect(status).toBe(200);
    expect(body).toEqual({
      asset: expect.stringMatching(new RegExp(`^[0-9a-f]{64}\\.${extension}$`)),
      url: `${env.PUBLIC_ORIGIN}/assets/${body.asset}`,
      width: 8,
      height: 6,
    });
    expect((await draft()).logo).toEqual({ url: body.url, width: 8, height: 6 });
    const served = await fetchAsset(body.url);
    expect(new Uint8Array(await served.arrayBuffer())).toEqual(new Uint8Array(bytes));
    expect(Object.fromEntries(served.headers)).toMatchObject({
      "content-type": type,
      "cache-control": "public, max-age=31536000, immutable",
      "content-security-policy": "default-src 'none'; sandbox",
      "x-content-type-options": "nosniff",
      "access-control-allow-origin": "*",
      etag: `"${body.asset}"`,
    });
    const again = await fetchAsset(body.url, { headers: { "If-None-Match": `"${body.asset}"` } });
    expect([again.status, await again.text()]).toEqual([304, ""]);
    const head = await fetchAsset(body.url, { method: "HEAD" });
    expect([head.status, await head.text(), head.headers.get("Content-Type")]).toEqual([200, "", type]);
  });

  it("loses where it was taken, and equal pictures are one asset", async () => {
    const plain = await upload(PNG);
    const dressed = await upload(pngWith("eXIf", ascii("52.5200 N 13.4050 E")));
    expect(dressed.body).toEqual(plain.body);
    const served = await (await fetchAsset(dressed.body.url)).arrayBuffer();
    expect(new TextDecoder("latin1").decode(served)).not.toContain("52.5200");
  });

  it("survives a new draft, is published with it, and is removed from the draft alone", async () => {
    const { body } = await upload(PNG);
    await call("PUT", `/v1/brands/${brand}`, { key, body: { name: "Acme 2" } });
    expect((await draft()).logo).toMatchObject({ url: body.url });
    await call("POST", `/v1/brands/${brand}/publish`, { key });
    expect((await call("DELETE", `/v1/brands/${brand}/assets/logo`, { key })).status).toBe(204);
    expect((await draft()).logo).toBeNull();
    const manifest = await call<{ logo: unknown }>("GET", `/v1/brands/${brand}/manifest`);
    expect(manifest.body.logo).toEqual({ url: body.url, width: 8, height: 6 });
  });
});

describe("no logo", () => {
  it.each<[string, Uint8Array<ArrayBuffer>]>([
    ["nothing", new Uint8Array()],
    ["an SVG", ascii('<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>')],
    ["a GIF", ascii("GIF89a\x01\0\x01\0\x80\0\0\0\0\0;")],
    ["HTML", ascii("<!doctype html><script>alert(1)</script>")],
    ["JSON", ascii("{}")],
    ["half a picture", PNG.slice(0, 70)],
    ["a picture and a script", joined(PNG, ascii("<script>alert(1)</script>"))],
    ["a forged size", pngSized(60_000, 60_000)],
    ["a moving picture", pngWith("acTL", new Uint8Array(8))],
  ])("is %s", async (_, bytes) => {
    const before = await draft();
    const { status, body } = await upload(bytes);
    expect(status).toBe(422);
    expect(body).toMatchObject({
      code: "invalid_input",
      errors: [{ pointer: "", detail: expect.stringMatching(/\w{4}/) }],
    });
    expect(await draft()).toEqual(before);
  });

  it("is larger than 512 KB, whether or not it says so", async () => {
    expect((await upload(new Uint8Array(512 * 1024 + 1))).status).toBe(413);
    const endless = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(new Uint8Array(64 * 1024)),
    });
    expect((await upload(endless)).status).toBe(413);
  });

  it("has another slot", async () => {
    const answer = await call("PUT", `/v1/brands/${brand}/assets/banner`, { key, raw: PNG });
    expect(answer.status).toBe(404);
  });

  it.each([
    "/assets/x.png",
    `/assets/${"0".repeat(64)}.png`,
    `/assets/${"0".repeat(64)}.svg`,
    `/assets/${"A".repeat(64)}.png`,
    "/assets/..%2fbrand%2facme",
    "/assets/",
  ])("is at %s", async (path) => {
    const answer = await call("GET", path);
    expect([answer.status, answer.headers.get("Cache-Control")]).toEqual([404, "no-store"]);
  });
});
