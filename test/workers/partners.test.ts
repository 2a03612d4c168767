import { describe, expect, it } from "vitest";
import { operatorKey, call, fresh } from "../support/api.ts";
import { BAD_BODIES, expectRefused } from "../support/bad-input.ts";
import { comparable, createKey, createPartner, createPartnerKey, partnerBody } from "../support/catalogue.ts";

const key = operatorKey();

describe("partners", () => {
  it("creates, replaces and reads", async () => {
    const path = `/v1/partners/${fresh("acme")}`;
    const made = await call("PUT", path, { key, body: partnerBody() });
    expect(made.status).toBe(201);
    expect(made.body).toEqual({ id: path.slice(13), ...partnerBody() });
    const body = partnerBody({
      name: "Acme 2 🎉",
      status: "suspended",
      limits: {
        USD: { outstanding: "5", creditPerDay: "0", maxFaceValue: "0.123456" },
        JPY: { outstanding: "5000", creditPerDay: "10", maxFaceValue: "500" },
      },
    });
    const replaced = await call("PUT", path, { key, body });
    expect(replaced.status).toBe(200);
    const read = await call("GET", path, { key });
    const { usage, ...shown } = read.body;
    expect(shown).toEqual(replaced.body);
    expect(Object.keys(usage as object)).toEqual(["JPY", "USD"]);
    expect(read.body).toMatchObject({
      name: "Acme 2 🎉",
      status: "suspended",
      limits: {
        USD: { outstanding: "5.00", creditPerDay: "0.00", maxFaceValue: "0.123456" },
        JPY: { outstanding: "5000", creditPerDay: "10", maxFaceValue: "500" },
      },
    });
    expect((read.body.limits as object) ?? {}).not.toHaveProperty("EUR");
  });

  it("takes a partner without limits", async () => {
    const id = await createPartner(fresh("acme"), { limits: {} });
    expect((await call("GET", `/v1/partners/${id}`, { key })).body.limits).toEqual({});
  });

  it("gives one of two at once 201", async () => {
    const path = `/v1/partners/${fresh("acme")}`;
    const answers = await Promise.all([1, 2, 3, 4].map(() => call("PUT", path, { key, body: partnerBody() })));
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 200, 200, 201]);
  });

  it.each([
    [{ timeZone: "Mars/Olympus" }, "/timeZone"],
    [{ timeZone: "" }, "/timeZone"],
    [{ status: "paused" }, "/status"],
    [{ name: "" }, "/name"],
    [{ limits: null }, "/limits"],
    [{ limits: [] }, "/limits"],
    [{ limits: { EUR: null } }, "/limits/EUR"],
    [{ limits: { XXX: { outstanding: "1", creditPerDay: "1", maxFaceValue: "1" } } }, "/limits/XXX"],
    [{ limits: { eur: { outstanding: "1", creditPerDay: "1", maxFaceValue: "1" } } }, "/limits/eur"],
    [{ limits: { EUR: { outstanding: 1, creditPerDay: "1", maxFaceValue: "1" } } }, "/limits/EUR/outstanding"],
    [{ limits: { EUR: { outstanding: "-1", creditPerDay: "1", maxFaceValue: "1" } } }, "/limits/EUR/outstanding"],
    [{ limits: { EUR: { outstanding: "1e3", creditPerDay: "1", maxFaceValue: "1" } } }, "/limits/EUR/outstanding"],
    [
      { limits: { EUR: { outstanding: "9999999999", creditPerDay: "1", maxFaceValue: "1" } } },
      "/limits/EUR/outstanding",
    ],
    [{ limits: { EUR: { outstanding: "1", creditPerDay: "1" } } }, "/limits/EUR/maxFaceValue"],
    [{ limits: { EUR: { outstanding: "1", creditPerDay: "1", maxFaceValue: "1", x: "1" } } }, "/limits/EUR/x"],
  ])("refuses %j", async (overrides, pointer) => {
    const answer = await call("PUT", `/v1/partners/${fresh("acme")}`, { key, body: partnerBody(overrides) });
    expect(answer.status).toBe(422);
    expect(answer.body.errors).toContainEqual(expect.objectContaining({ pointer }));
  });

  it("refuses __proto__ as a currency", async () => {
    const raw = JSON.stringify(partnerBody({ limits: {} })).replace('"limits":{}', '"limits":{"__proto__":{}}');
    const headers = { "Content-Type": "application/json" };
    expect((await call("PUT", `/v1/partners/${fresh("acme")}`, { key, raw, headers })).status).toBe(422);
  });

  it.each(["Acme", "a", "-acme", "acme-", "1acme", "a".repeat(33), "acme%00", "ac_me", "operator"])(
    "refuses the id %s",
    async (id) => {
      const answer = await call("PUT", `/v1/partners/${id}`, { key, body: partnerBody() });
      expect(answer.status).toBe(422);
      expect(answer.body.errors).toEqual([expect.objectContaining({ pointer: "/partner" })]);
      expect((await call("GET", `/v1/partners/${id}`, { key })).status).toBe(404);
    },
  );

  it.each(Object.keys(BAD_BODIES))("refuses a bad body: %s", async (name) => {
    await expectRefused(name, { method: "PUT", path: "/v1/partners/bad-body", key, body: partnerBody() });
    expect((await call("GET", "/v1/partners/bad-body", { key })).status).toBe(404);
  });

  it("shows a partner's key its own partner, and others as absent", async () => {
    const own = await createPartner();
    const foreign = await createPartner();
    const { key: narrow } = await createKey(own, ["cards:activate"]);
    expect((await call("GET", `/v1/partners/${own}`, { key: narrow })).body.id).toBe(own);
    const [theirs, absent] = [
      await call("GET", `/v1/partners/${foreign}`, { key: narrow }),
      await call("GET", "/v1/partners/nobody-here", { key: narrow }),
    ];
    expect(theirs.body.code).toBe("not_found");
    expect(comparable(theirs)).toEqual(comparable(absent));
  });

  it("asks an operator's key for a scope", async () => {
    const id = await createPartner();
    const { key: reader } = await createKey(null, ["catalogue:read"]);
    expect((await call("GET", `/v1/partners/${id}`, { key: reader })).status).toBe(200);
    expect((await call("PUT", `/v1/partners/${id}`, { key: reader, body: partnerBody() })).status).toBe(403);
    const { key: other } = await createKey(null, ["cards:read"]);
    expect((await call("GET", `/v1/partners/${id}`, { key: other })).body.code).toBe("insufficient_scope");
  });

  it("shuts out a suspended partner's keys at once, and lets them in again", async () => {
    const id = await createPartner();
    const partnerKey = await createPartnerKey(id);
    expect((await call("GET", `/v1/partners/${id}`, { key: partnerKey })).status).toBe(200);
    await createPartner(id, { status: "suspended" });
    expect((await call("GET", `/v1/partners/${id}`, { key: partnerKey })).body.code).toBe("partner_suspended");
    await createPartner(id);
    expect((await call("GET", `/v1/partners/${id}`, { key: partnerKey })).status).toBe(200);
  });
});

describe("lists and cursors", () => {
  type Listed = { items: { id: string; limits: object }[]; nextCursor: string | null };
  const listed = (query: string, as = key) => call<Listed>("GET", `/v1/partners${query}`, { key: as });

  it("pages through all without gap or repeat", async () => {
    const ids = await Promise.all(Array.from({ length: 5 }, () => createPartner(fresh("paged"))));
    const all = (await listed("?limit=200")).body;
    expect(all.nextCursor).toBeNull();
    const seen: string[] = [];
    let cursor: string | null = "";
    for (let pages = 0; cursor !== null && pages < 100; pages += 1) {
      const page: Listed = (await listed(`?limit=2${cursor && `&cursor=${cursor}`}`)).body;
      seen.push(...page.items.map(({ id }) => id));
      cursor = page.nextCursor;
    }
    expect(seen).toEqual(all.items.map(({ id }) => id));
    expect(seen).toEqual(expect.arrayContaining(ids));
    expect(all.items.find(({ id }) => id === ids[0])?.limits).toHaveProperty("EUR");
  });

  it("answers an empty page after the last, and a last page that is exactly full", async () => {
    const { items } = (await listed("?limit=200")).body;
    const full = await listed(`?limit=${items.length}`);
    expect(full.body.nextCursor).toBeNull();
  });

  it("refuses cursors that are altered, of another list, or of another caller", async () => {
    await createPartner();
    await createPartner();
    const cursor = (await listed("?limit=1")).body.nextCursor ?? "";
    expect((await listed(`?cursor=${cursor}`)).status).toBe(200);
    const [text = "", tag = ""] = cursor.split(".");
    const forged = [`${text}A.${tag}`, `${text}.${tag.slice(1)}`, `${text}.`, text, `${cursor}.x`, "x", "", "%00"];
    for (const bad of [...forged, `${btoa('["a"]')}.${tag}`]) {
      const answer = await listed(`?cursor=${bad}`);
      expect(answer.status, bad).toBe(422);
      expect((answer.body as unknown as { errors: unknown[] }).errors).toEqual([
        expect.objectContaining({ pointer: "/cursor" }),
      ]);
    }
    expect((await call("GET", `/v1/trunks?cursor=${cursor}`, { key })).status).toBe(422);
    expect((await call("GET", `/v1/keys?cursor=${cursor}`, { key })).status).toBe(422);
  });

  it("binds a cursor to the caller and the filter", async () => {
    const [one, two] = [await createPartner(), await createPartner()];
    const keys = [await createPartnerKey(one), await createPartnerKey(two)] as const;
    await createPartnerKey(one);
    const first = await call<Listed>("GET", `/v1/partners/${one}/keys?limit=1`, { key: keys[0] });
    const cursor = first.body.nextCursor ?? "";
    const next = (partner: string, as: string) =>
      call("GET", `/v1/partners/${partner}/keys?limit=1&cursor=${cursor}`, { key: as });
    expect((await next(one, keys[0])).status).toBe(200);
    expect((await next(two, keys[1])).status).toBe(422);
    expect((await next(one, key)).status).toBe(422);
  });

  it.each([
    "limit=0",
    "limit=201",
    "limit=-1",
    "limit=1.5",
    "limit=x",
    "limit=1000000000",
    "limit=1&limit=2",
    "page=1",
  ])("refuses ?%s", async (query) => {
    expect((await listed(`?${query}`)).status).toBe(422);
  });

  it("is the operator's only", async () => {
    const partnerKey = await createPartnerKey(await createPartner());
    expect((await listed("", partnerKey)).status).toBe(403);
  });
});
