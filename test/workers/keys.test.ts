import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import { PARTNER_SCOPES } from "../../src/domain/scopes.ts";
import { operatorKey, call } from "../support/api.ts";
import { BAD_BODIES, expectRefused } from "../support/bad-input.ts";
import { comparable, createKey, createPartner, createPartnerKey, createTrunk } from "../support/catalogue.ts";

const operator = operatorKey();

type Key = { id: string; key: string; scopes: string[]; trunks: string[]; partner: string | null };
type Listed = { items: Key[]; nextCursor: string | null };
type Body = Record<string, unknown>;

let partner = "";
let foreign = "";
let partnerKey = "";
let trunk = "";
let otherTrunk = "";

const path = (of = partner, id = "") => `/v1/partners/${of}/keys${id && `/${id}`}`;
const order = (overrides: Body = {}): Body => ({ name: "Shop", scopes: ["cards:read"], ...overrides });
const make = (body: Body, key = partnerKey, of = partner) => call<Key>("POST", path(of), { key, body });

beforeAll(async () => {
  partner = await createPartner();
  foreign = await createPartner();
  partnerKey = await createPartnerKey(partner);
  trunk = await createTrunk([partner]);
  otherTrunk = await createTrunk([partner]);
});

describe("making keys", () => {
  it("makes a partner's key that works", async () => {
    const made = await make(
      order({ scopes: ["catalogue:read", "keys:write"], expiresAt: "2099-01-01T01:00:00+01:00" }),
    );
    expect(made.status).toBe(201);
    expect(made.body).toEqual({
      id: expect.stringMatching(/^[a-z0-9]{13}$/),
      key: expect.stringMatching(new RegExp(`^rf_${made.body.id}_[a-z0-9]{38}$`)),
      name: "Shop",
      scopes: ["catalogue:read", "keys:write"],
      trunks: [],
      partner,
      expiresAt: "2099-01-01T00:00:00Z",
      createdAt: expect.any(String),
      lastUsedAt: null,
    });
    expect((await call("GET", path(), { key: made.body.key })).status).toBe(200);
  });

  it.each([
    ["support", ["catalogue:read", "cards:read", "cards:write"]],
    ["retailer", ["cards:activate"]],
    ["issuer", ["catalogue:read", "batches:write", "batches:export"]],
  ])("knows the preset %s", async (preset, scopes) => {
    expect((await make({ name: "Shop", preset })).body.scopes).toEqual(scopes);
  });

  it("makes an operator's key, and lists it without what opens it", async () => {
    const made = await call<Key>("POST", "/v1/keys", { key: operator, body: order({ scopes: ["partners:write"] }) });
    expect(made.status).toBe(201);
    expect(made.body.partner).toBeNull();
    const listed = await call<Listed>("GET", "/v1/keys?limit=200", { key: operator });
    const { key, ...shown } = made.body;
    expect(listed.body.items).toContainEqual(shown);
    expect(listed.text).not.toContain(key.slice(-38));
    expect(listed.body.items.every((item) => item.partner === null)).toBe(true);
    expect((await call("DELETE", `/v1/keys/${made.body.id}`, { key: operator })).status).toBe(204);
  });

  it("stores only a hash", async () => {
    const { body } = await make(order());
    const { results } = await env.DB.prepare("SELECT * FROM api_keys WHERE id = ?").bind(body.id).all();
    expect(results).toHaveLength(1);
    expect(JSON.stringify(results)).not.toContain(body.key.split("_")[2]);
    expect(JSON.stringify(results)).toMatch(/"hash":"[0-9a-f]{64}"/);
    const listed = await call("GET", path(), { key: partnerKey });
    expect(listed.text).not.toMatch(/[0-9a-f]{64}|rf_/);
  });

  it.each([
    [{ scopes: undefined }, "/scopes"],
    [{ preset: "support" }, "/scopes"],
    [{ scopes: undefined, preset: "admin" }, "/preset"],
    [{ scopes: [] }, "/scopes"],
    [{ scopes: ["cards:read", "cards:read"] }, "/scopes"],
    [{ scopes: ["everything"] }, "/scopes/0"],
    [{ scopes: "cards:read" }, "/scopes"],
    [{ expiresAt: "2020-01-01T00:00:00Z" }, "/expiresAt"],
    [{ expiresAt: "tomorrow" }, "/expiresAt"],
    [{ expiresAt: null }, "/expiresAt"],
    [{ trunks: ["trunk1"] }, "/trunks"],
    [{ trunks: [] }, "/trunks"],
    [{ name: undefined }, "/name"],
    [{ partner: "partner2" }, "/partner"],
    [{ hash: "00" }, "/hash"],
  ])("refuses %j", async (overrides, pointer) => {
    const made = await make(order(overrides));
    expect(made.status).toBe(422);
    expect((made.body as unknown as Body).errors).toContainEqual(expect.objectContaining({ pointer }));
  });

  it.each(Object.keys(BAD_BODIES))("refuses a bad body: %s", async (name) => {
    await expectRefused(name, { method: "POST", path: path(), key: partnerKey, body: order() });
  });
});

describe("granting no more than one has", () => {
  it("grants a subset of its own scopes only", async () => {
    const { key } = await createKey(partner, ["keys:write", "cards:read"]);
    expect((await make(order({ scopes: ["cards:read"] }), key)).status).toBe(201);
    for (const scopes of [["cards:write"], ["cards:read", "cards:write"], ["partners:write"], ["switch"]])
      expect(await make(order({ scopes, ...(scopes[0] === "switch" && { trunks: [trunk] }) }), key)).toMatchObject({
        status: 403,
        body: { code: "insufficient_scope" },
      });
    expect((await make({ name: "x", preset: "support" }, key)).status).toBe(403);
  });

  it("never puts an operator's scope on a partner's key", async () => {
    const made = await make(order({ scopes: ["cards:read", "partners:write"] }), operator);
    expect(made).toMatchObject({ status: 422, body: { errors: [{ pointer: "/scopes/1" }] } });
  });

  it("binds switch to trunks that exist and, for a partner, are granted to it", async () => {
    const body = order({ scopes: ["switch"], trunks: [trunk, otherTrunk] });
    expect((await make(body, operator)).body).toMatchObject({ scopes: ["switch"], trunks: [trunk, otherTrunk] });
    expect((await make({ name: "x", preset: "switch", trunks: [trunk] }, operator)).status).toBe(201);
    expect(await make(order({ scopes: ["switch"] }), operator)).toMatchObject({
      status: 422,
      body: { errors: [{ pointer: "/trunks" }] },
    });
    const notGranted = await make(body, operator, foreign);
    const absent = await make(order({ scopes: ["switch"], trunks: ["nothing", "here"] }), operator, foreign);
    expect(notGranted).toMatchObject({ status: 422, body: { errors: [{ pointer: "/trunks/0" }] } });
    expect(comparable(notGranted)).toEqual(comparable(absent));
    const ofOperator = (trunks: string[]) =>
      call("POST", "/v1/keys", { key: operator, body: order({ scopes: ["switch"], trunks }) });
    expect((await ofOperator([trunk])).status).toBe(201);
    expect(await ofOperator([trunk, "nothing"])).toMatchObject({
      status: 422,
      body: { errors: [{ pointer: "/trunks/1" }] },
    });
  });

  it("lets a key bound to trunks grant switch on those only", async () => {
    const { key } = await createKey(partner, ["keys:write", "switch"], { trunks: [trunk] });
    expect((await make(order({ scopes: ["switch"], trunks: [trunk] }), key)).status).toBe(201);
    const granted = await make(order({ scopes: ["switch"], trunks: [otherTrunk] }), key);
    const absent = await make(order({ scopes: ["switch"], trunks: ["nothing"] }), key);
    expect(granted).toMatchObject({ status: 403, body: { code: "insufficient_scope" } });
    expect(comparable(granted)).toEqual(comparable(absent));
    const bound = await createKey(null, ["keys:write", "switch"], { trunks: [trunk] });
    const wider = { key: bound.key, body: order({ scopes: ["switch"], trunks: [otherTrunk] }) };
    expect((await call("POST", "/v1/keys", wider)).status).toBe(403);
  });
});

describe("revoking", () => {
  it("ends a key at once; again is a success; the list forgets it", async () => {
    const { id, key } = await createKey(partner, [...PARTNER_SCOPES]);
    expect((await call("GET", path(), { key })).status).toBe(200);
    const revoked = await call("DELETE", path(partner, id), { key: partnerKey });
    expect([revoked.status, revoked.text]).toEqual([204, ""]);
    expect((await call("GET", path(), { key })).status).toBe(401);
    expect((await call("DELETE", path(partner, id), { key: partnerKey })).status).toBe(204);
    const { body } = await call<Listed>("GET", `${path()}?limit=200`, { key: partnerKey });
    expect(body.items.map((item) => item.id)).not.toContain(id);
  });

  it("lets a key revoke itself", async () => {
    const { id, key } = await createKey(partner, ["keys:write"]);
    expect((await call("DELETE", path(partner, id), { key })).status).toBe(204);
    expect((await call("DELETE", path(partner, id), { key })).status).toBe(401);
  });
});

describe("tenancy", () => {
  it("treats another partner's keys as absent", async () => {
    const theirs = await createKey(foreign, ["cards:read"]);
    const absentKey = await call("DELETE", path(partner, "nothing"), { key: partnerKey });
    expect(absentKey.body.code).toBe("not_found");
    const cases = [
      [await call("DELETE", path(partner, theirs.id), { key: partnerKey }), absentKey],
      [await call("DELETE", path(foreign, theirs.id), { key: partnerKey }), absentKey],
      [await call("DELETE", path("nobody-here", theirs.id), { key: partnerKey }), absentKey],
      [
        await call("GET", path(foreign), { key: partnerKey }),
        await call("GET", path("nobody-here"), { key: partnerKey }),
      ],
      [await make(order(), partnerKey, foreign), await make(order(), partnerKey, "nobody-here")],
    ] as const;
    for (const [foreignAnswer, absentAnswer] of cases) {
      expect(foreignAnswer.status).toBe(404);
      expect(comparable(foreignAnswer)).toEqual(comparable(absentAnswer));
    }
    expect((await call("GET", `/v1/partners/${foreign}`, { key: theirs.key })).status).toBe(200);
  });

  it("keeps a partner's keys and the operator's apart", async () => {
    const ofOperator = await createKey(null, ["cards:read"]);
    const ofPartner = await createKey(partner, ["cards:read"]);
    expect((await call("DELETE", `/v1/keys/${ofPartner.id}`, { key: operator })).status).toBe(404);
    expect((await call("DELETE", path(partner, ofOperator.id), { key: operator })).status).toBe(404);
    expect((await call("DELETE", "/v1/keys/bootstrap", { key: operator })).status).toBe(404);
    for (const [method, url] of [
      ["GET", "/v1/keys"],
      ["POST", "/v1/keys"],
      ["DELETE", `/v1/keys/${ofOperator.id}`],
    ] as const)
      expect((await call(method, url, { key: partnerKey })).status).toBe(403);
    expect((await call("GET", path("nobody-here"), { key: operator })).status).toBe(404);
    expect((await make(order(), operator, "nobody-here")).status).toBe(404);
  });

  it("lists only its own, in pages", async () => {
    const first = await call<Listed>("GET", `${path()}?limit=2`, { key: partnerKey });
    expect(first.body.items).toHaveLength(2);
    expect(first.body.items.every((item) => item.partner === partner)).toBe(true);
    const next = await call<Listed>("GET", `${path()}?limit=200&cursor=${first.body.nextCursor}`, { key: partnerKey });
    const ids = [...first.body.items, ...next.body.items].map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(next.body.nextCursor).toBeNull();
  });
});
