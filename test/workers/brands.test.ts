import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import { operatorKey, call, fresh } from "../support/api.ts";
import { BAD_BODIES, expectRefused } from "../support/bad-input.ts";
import { comparable, createKey, createPartner, createPartnerKey } from "../support/catalogue.ts";

type Body = Record<string, unknown>;
type Page = { items: Body[]; nextCursor: string | null };

let partner: string;
let key: string;
let otherPartner: string;
let otherKey: string;
beforeAll(async () => {
  partner = await createPartner();
  key = await createPartnerKey(partner);
  otherPartner = await createPartner();
  otherKey = await createPartnerKey(otherPartner);
});

const put = (brand: string, body: Body, as = key, query = "") =>
  call<Body>("PUT", `/v1/brands/${brand}${query}`, { key: as, body });
const get = (brand: string, as = key) => call<Body>("GET", `/v1/brands/${brand}`, { key: as });
const publish = (brand: string, as = key) => call<Body>("POST", `/v1/brands/${brand}/publish`, { key: as });
const rollback = (brand: string, version: unknown, as = key) =>
  call<Body>("POST", `/v1/brands/${brand}/rollback`, { key: as, body: { version } });
const manifest = (brand: string, query = "", headers: Record<string, string> = {}) =>
  call<Body>("GET", `/v1/brands/${brand}/manifest${query}`, { headers });

async function made(body: Body = { name: "Acme Talk" }): Promise<string> {
  const brand = fresh("brand");
  expect((await put(brand, body)).status).toBe(201);
  return brand;
}

const light = {
  primary: "#0B5FFF",
  onPrimary: "#FFFFFF",
  background: "#FFFFFF",
  surface: "#F4F6FA",
  text: "#101828",
  mutedText: "#475467",
  danger: "#B42318",
};
const NO_TEXTS = { tagline: "", welcome: "", topUp: "", support: "" };
const NO_LINKS = { terms: null, privacy: null, support: null, website: null };

describe("drafts", () => {
  it("are created with defaults, replaced and read back", async () => {
    const brand = fresh("brand");
    const created = await put(brand, { name: "Acme Talk" });
    expect(created.status).toBe(201);
    expect(created.body).toEqual({
      brand,
      name: "Acme Talk",
      colours: { light, dark: expect.objectContaining({ primary: "#7CA6FF" }) },
      logo: null,
      texts: { en: NO_TEXTS },
      links: NO_LINKS,
      publishedVersion: null,
    });
    const changed = {
      name: "Acme <Talk> & 1 عربي 😀",
      colours: { light: { ...light, primary: "#0b5ffe" }, dark: light },
      texts: { de: { tagline: "Günstig telefonieren" }, "pt-BR": { welcome: "Olá" } },
      links: { terms: "https://acme.example/terms", website: null },
    };
    const replaced = await put(brand, changed);
    expect(replaced.status).toBe(200);
    expect(replaced.body).toMatchObject({
      name: changed.name,
      colours: { light: { primary: "#0B5FFE" } },
      texts: { en: NO_TEXTS, de: { ...NO_TEXTS, tagline: "Günstig telefonieren" }, "pt-BR": { welcome: "Olá" } },
      links: { ...NO_LINKS, terms: "https://acme.example/terms" },
    });
    expect((await get(brand)).body).toEqual(replaced.body);
  });

  it("are listed by id, each partner its own", async () => {
    const brands = [await made(), await made(), await made()];
    const first = await call<Page>("GET", "/v1/brands?limit=1", { key });
    expect(first.body.items).toHaveLength(1);
    const next = await call<Page>("GET", `/v1/brands?limit=200&cursor=${first.body.nextCursor}`, { key });
    const seen = [...first.body.items, ...next.body.items].map((item) => item["brand"]);
    expect(seen).toEqual(expect.arrayContaining(brands));
    const others = await call<Page>("GET", "/v1/brands?limit=200", { key: otherKey });
    expect(others.body.items.map((item) => item["brand"])).not.toEqual(expect.arrayContaining([brands[0]]));
    expect((await call("GET", `/v1/brands?cursor=${first.body.nextCursor}`, { key: otherKey })).status).toBe(422);
  });

  it("are made by the operator for a partner it names", async () => {
    const brand = fresh("brand");
    expect((await put(brand, { name: "A" }, operatorKey())).status).toBe(422);
    expect((await put(brand, { name: "A" }, operatorKey(), "?partner=nobody")).status).toBe(422);
    const created = await put(brand, { name: "A" }, operatorKey(), `?partner=${partner}`);
    expect(created.status).toBe(201);
    expect(created.body["partner"]).toBe(partner);
    expect((await put(brand, { name: "B" }, operatorKey())).status).toBe(200);
    expect((await put(brand, { name: "B" }, operatorKey(), `?partner=${otherPartner}`)).status).toBe(409);
    expect((await get(brand)).body).toMatchObject({ name: "B" });
  });

  it("are one when twenty arrive at once", async () => {
    const brand = fresh("brand");
    const answers = await Promise.all(Array.from({ length: 20 }, () => put(brand, { name: "A" })));
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(19);
  });
});

describe("bad brands", () => {
  const withColour = (primary: unknown) => ({ name: "A", colours: { light: { ...light, primary }, dark: light } });
  it.each<[string, Body]>([
    ...["red", "#fff", "#12345g", "#000;}", "url(//x)", "\\75rl(", "", 7, null].map((colour): [string, Body] => [
      `colour ${String(colour)}`,
      withColour(colour),
    ]),
    ["one palette", { name: "A", colours: { light } }],
    ["part of a palette", { name: "A", colours: { light: { primary: "#000000" }, dark: light } }],
    ["an unknown role", { name: "A", colours: { light: { ...light, link: "#000000" }, dark: light } }],
    ["no name", {}],
    ["an empty name", { name: "" }],
    ["a name of spaces", { name: "   " }],
    ["a long name", { name: "a".repeat(81) }],
    ["a name with bidi", { name: "a\u202Eb" }],
    ["a name with an isolate", { name: "a\u2066b" }],
    ["a script link", { name: "A", links: { terms: "javascript:alert(1)" } }],
    ["a relative link", { name: "A", links: { terms: "//evil.example" } }],
    ["a link with user info", { name: "A", links: { terms: "https://bank.example@evil.example/" } }],
    ["a homograph", { name: "A", links: { terms: "https://аcme.example/" } }],
    ["an unknown link", { name: "A", links: { imprint: "https://acme.example/" } }],
    ["an unknown language", { name: "A", texts: { english: {} } }],
    ["a long text", { name: "A", texts: { en: { tagline: "a".repeat(81) } } }],
    ["an unknown text", { name: "A", texts: { en: { slogan: "" } } }],
    ["a logo of one's own", { name: "A", logo: { url: "https://evil.example/x.svg", width: 1, height: 1 } }],
    ["another partner's field", { name: "A", partner: "x" }],
  ])("%s", async (_, body) => {
    const answer = await put(fresh("brand"), body);
    expect(answer.status).toBe(422);
    expect(answer.body["code"]).toBe("invalid_input");
  });

  it.each(Object.keys(BAD_BODIES))("%s", async (name) => {
    const path = `/v1/brands/${fresh("brand")}`;
    await expectRefused(name, { method: "PUT", path, key, body: { name: "A" } });
  });

  it.each(["A", "a", "-ab", "ab-", "a_b", "a.b", "1ab", "a".repeat(33), "%2e%2e"])("id %s", async (brand) => {
    expect((await put(brand, { name: "A" })).status).toBeGreaterThanOrEqual(404);
  });
});

describe("publishing", () => {
  it("shows the draft to everybody, and older versions on request", async () => {
    const brand = await made({ name: "One" });
    expect((await manifest(brand)).status).toBe(404);
    expect((await publish(brand)).body).toEqual({ version: 1 });
    const draft = await put(brand, { name: "Two" });
    expect(draft.body["publishedVersion"]).toBe(1);
    const { publishedVersion: _, ...look } = draft.body;
    expect((await manifest(brand)).body).toEqual({ ...look, version: 1, name: "One" });
    expect((await publish(brand)).body).toEqual({ version: 2 });
    const current = await manifest(brand);
    expect(current.body).toMatchObject({ brand, version: 2, name: "Two" });
    expect((await manifest(brand, "?version=1")).body).toMatchObject({ version: 1, name: "One" });
    for (const version of ["3", "0", "x", "-1", "1.5"])
      expect((await manifest(brand, `?version=${version}`)).status).toBe(version === "3" ? 404 : 422);
    expect(current.headers.get("Cache-Control")).toBe("public, max-age=60");
    expect(current.headers.get("Access-Control-Allow-Origin")).toBe("*");
  });

  it("goes back to an older look as a new version", async () => {
    const brand = await made({ name: "One" });
    await publish(brand);
    await put(brand, { name: "Two" });
    await publish(brand);
    expect((await rollback(brand, 1)).body).toEqual({ version: 3 });
    expect((await manifest(brand)).body).toMatchObject({ version: 3, name: "One" });
    expect((await get(brand)).body).toMatchObject({ name: "Two", publishedVersion: 3 });
    expect((await rollback(brand, 9)).status).toBe(404);
    for (const version of [0, 1.5, "1", null, -1]) expect((await rollback(brand, version)).status).toBe(422);
    const versions = await call<Page>("GET", `/v1/brands/${brand}/versions`, { key });
    expect(versions.body.items.map((item) => item["version"])).toEqual([3, 2, 1]);
    expect(versions.body.items[0]).toEqual({
      version: 3,
      publishedAt: expect.stringMatching(/Z$/),
      by: expect.any(String),
    });
  });

  it("makes one version of one draft, however often and at once it is asked for", async () => {
    const brand = await made();
    const answers = await Promise.all(Array.from({ length: 20 }, () => publish(brand)));
    expect(new Set(answers.map(({ text }) => text))).toEqual(new Set(['{"version":1}']));
    const versions = await call<Page>("GET", `/v1/brands/${brand}/versions`, { key });
    expect(versions.body.items).toHaveLength(1);
    const backs = await Promise.all(Array.from({ length: 5 }, () => rollback(brand, 1)));
    expect(new Set(backs.map(({ body }) => body["version"]))).toEqual(new Set([2, 3, 4, 5, 6]));
  });

  it("answers 304 to who has it", async () => {
    const brand = await made();
    await publish(brand);
    const { headers } = await manifest(brand);
    const etag = headers.get("ETag") ?? "";
    for (const tag of [etag, `W/${etag}`, `"x", ${etag}`, "*"]) {
      const again = await manifest(brand, "", { "If-None-Match": tag });
      expect([again.status, again.text, again.headers.get("ETag")]).toEqual([304, "", etag]);
    }
    expect((await manifest(brand, "", { "If-None-Match": '"x"' })).status).toBe(200);
    await put(brand, { name: "New" });
    await publish(brand);
    expect((await manifest(brand, "", { "If-None-Match": etag })).status).toBe(200);
  });

  it("keeps a copy in KV that names its owner", async () => {
    const brand = await made();
    await publish(brand);
    const { keys } = await env.BRANDING.list();
    const copy = keys.find(({ name }) => name.endsWith(`/${brand}`));
    expect(await env.BRANDING.get(copy?.name ?? "", "json")).toMatchObject({ brand, partner, version: 1 });
  });
});

describe("tenancy", () => {
  it("shows a foreign brand as absent in every keyed call, but for the id that is taken", async () => {
    const foreign = fresh("brand");
    expect((await put(foreign, { name: "Other" }, otherKey)).status).toBe(201);
    await publish(foreign, otherKey);
    for (const [method, path, body] of [
      ["GET", "", undefined],
      ["GET", "/versions", undefined],
      ["POST", "/publish", undefined],
      ["POST", "/rollback", { version: 1 }],
      ["PUT", "/assets/logo", { name: "x" }],
      ["DELETE", "/assets/logo", undefined],
    ] as const) {
      const ask = (brand: string) => call(method, `/v1/brands/${brand}${path}`, { key, ...(body && { body }) });
      const answer = await ask(foreign);
      expect(answer.status, path).toBe(404);
      expect(comparable(answer)).toEqual(comparable(await ask("absent")));
    }
    const taken = await put(foreign, { name: "Mine" });
    expect([taken.status, taken.body["code"]]).toEqual([409, "id_taken"]);
    expect((await put(fresh("brand"), { name: "A" }, key, `?partner=${otherPartner}`)).status).toBe(404);
    expect((await get(foreign, otherKey)).body).toMatchObject({ name: "Other" });
  });

  it("needs the scopes", async () => {
    const brand = await made();
    const reader = (await createKey(partner, ["catalogue:read"])).key;
    expect((await get(brand, reader)).status).toBe(200);
    expect((await put(brand, { name: "A" }, reader)).status).toBe(403);
    expect((await publish(brand, reader)).status).toBe(403);
    expect((await call("GET", `/v1/brands/${brand}`)).status).toBe(401);
  });
});
