/** What a deployment's own ADMIN_API_KEY can do: the first partner, one operator's key, and nothing else. */
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { createApiKey } from "../../src/auth/api-keys.ts";
import { createApp } from "../../src/app.ts";
import { SCOPES } from "../../src/domain/scopes.ts";
import { adminApiKey, call, operatorKey } from "../support/api.ts";
import { createTrunk, partnerBody } from "../support/catalogue.ts";

const key = adminApiKey();
const spent = { status: 403, body: { code: "insufficient_scope" } };
type Made = { id: string; name: string; key: string; scopes: string[]; trunks: string[] };
const firstKey = { name: "First", scopes: SCOPES };

const partnersInD1 = async () =>
  (
    await env.DB.prepare(
      "SELECT p.id, l.currency FROM partners AS p LEFT JOIN partner_limits AS l ON l.partner = p.id",
    ).all()
  ).results;

describe("the bootstrap key", () => {
  it("makes the first partner, once, whoever asks at the same time", async () => {
    const answers = await Promise.all(
      ["one", "two", "three", "four"].map((id) =>
        call("PUT", `/v1/partners/first-${id}`, { key, body: partnerBody() }),
      ),
    );
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([201, 403, 403, 403]);
    const made = answers.find(({ status }) => status === 201);
    expect(await partnersInD1()).toEqual([{ id: made?.body.id, currency: "EUR" }]);
  });

  it("changes no partner, not even that one", async () => {
    const [first] = await partnersInD1();
    const limits = { USD: { outstanding: "1.00", creditPerDay: "1.00", maxFaceValue: "1.00" } };
    for (const id of [String(first?.id), "another"])
      expect(await call("PUT", `/v1/partners/${id}`, { key, body: partnerBody({ limits }) })).toMatchObject(spent);
    expect(await partnersInD1()).toEqual([first]);
  });

  it("makes one operator's key with what it asks for, which then makes the rest", async () => {
    const answers = await Promise.all([1, 2, 3].map(() => call<Made>("POST", "/v1/keys", { key, body: firstKey })));
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([201, 403, 403]);
    const owner = answers.find(({ status }) => status === 201)?.body as Made;
    expect(owner).toMatchObject({ scopes: SCOPES, trunks: [], partner: null });
    const trunk = await createTrunk([]);
    const bound = { name: "Switch", scopes: ["switch"], trunks: [trunk] };
    expect((await call("POST", "/v1/keys", { key: owner.key, body: bound })).status).toBe(201);
    // Every other key names its trunks.
    expect((await call("POST", "/v1/keys", { key: owner.key, body: firstKey })).status).toBe(422);
    expect((await call("GET", "/v1/cards/000001-0000001/holds/h1", { key: owner.key })).status).toBe(404);
  });

  it("makes no second one after the first is revoked, and says how to come back", async () => {
    const { body } = await call<{ items: Made[] }>("GET", "/v1/keys?limit=200", { key: operatorKey() });
    const first = body.items.find(({ name }) => name === firstKey.name);
    expect((await call("DELETE", `/v1/keys/${first?.id}`, { key: operatorKey() })).status).toBe(204);
    const again = await call("POST", "/v1/keys", { key, body: firstKey });
    expect(again).toMatchObject(spent);
    expect(again.body.detail).toContain("new ADMIN_API_KEY");
    const renewed = { ...env, ADMIN_API_KEY: (await createApiKey("bootstrap")).key };
    const headers = { Authorization: `Bearer ${renewed.ADMIN_API_KEY}`, "Content-Type": "application/json" };
    const order = { method: "POST", headers, body: JSON.stringify(firstKey) };
    const url = new URL("/v1/keys", env.PUBLIC_ORIGIN);
    expect((await createApp().request(url, order, renewed)).status).toBe(201);
    expect((await createApp().request(url, order, renewed)).status).toBe(403);
    // The former one is nobody's.
    const former = { ...order, headers: { ...headers, Authorization: `Bearer ${key}` } };
    expect((await createApp().request(url, former, renewed)).status).toBe(401);
  });
});
