/** The audit trail over HTTP: who reads what, acts at once, what it never holds. */
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { operatorKey, call, fresh } from "../support/api.ts";
import { audit, rowsOf, verifyAudit, type AuditItem } from "../support/audit.ts";
import { createTenant, issue, order, type Tenant } from "../support/batches.ts";
import { comparable, createKey, createPartner, DIGEST_SECRET, partnerBody, profileBody } from "../support/catalogue.ts";

let acme: Tenant;
let globex: Tenant;
beforeAll(async () => {
  acme = await createTenant();
  globex = await createTenant();
});

const trail = async (query: string, key?: string): Promise<AuditItem[]> => (await audit(query, key)).body.items;

describe("what a row says", () => {
  it("names the act, the thing, the key and the request, and follows the row before", async () => {
    const answer = await issue(acme.key, order(acme, { quantity: 7, label: "Kiosks" }), "kiosk-order");
    const [row, before] = await trail(`?partner=${acme.partner}`);
    expect(row).toMatchObject({
      owner: acme.partner,
      act: "batch.issue",
      object: `batch:${answer.body.number}`,
      actorOwner: acme.partner,
      reason: null,
      requestId: answer.headers.get("X-Request-Id"),
      previousHash: before?.hash,
      hash: expect.stringMatching(/^[0-9a-f]{64}$/),
      details: {
        quantity: 7,
        label: "Kiosks",
        credit: { amount: "10.00", currency: "EUR" },
        idempotencyKey: "kiosk-order",
      },
    });
    expect(row?.seq).toBe((before?.seq ?? 0) + 1);
  });

  it("puts an operator's act on a partner's thing in the partner's chain, and names no key of the operator's to it", async () => {
    const operator = await createKey(null, ["profiles:write", "catalogue:read"]);
    const id = fresh("byop");
    const body = profileBody(acme.trunk);
    await call("PUT", `/v1/profiles/${id}?partner=${acme.partner}`, { key: operator.key, body });
    const seen = { owner: acme.partner, act: "profile.put", object: `profile:${id}`, actorOwner: "operator" };
    expect((await trail(`?object=profile:${id}`))[0]).toMatchObject({ ...seen, actor: operator.id });
    expect((await trail(`?object=profile:${id}`, acme.key))[0]).toMatchObject({ ...seen, actor: "operator" });
    // The filter must not tell what the row does not.
    expect(await trail(`?actor=${operator.id}`, acme.key)).toEqual([]);
    expect((await trail(`?actor=${operator.id}`))[0]).toMatchObject(seen);
    expect((await trail("?actor=operator&limit=1", acme.key))[0]).toMatchObject({ ...seen, actor: "operator" });
  });

  it("tells the version that was published, and the version that was gone back to", async () => {
    await call("POST", `/v1/brands/${acme.brand}/publish`, { key: acme.key });
    await call("POST", `/v1/brands/${acme.brand}/rollback`, { key: acme.key, body: { version: 1 } });
    const rows = await trail(`?object=brand:${acme.brand}&limit=2`, acme.key);
    expect(rows.map(({ act, details }) => [act, details])).toEqual([
      ["brand.rollback", { to: 1, version: 2 }],
      ["brand.publish", { version: 1 }],
    ]);
  });

  it("holds no secret: neither of a trunk nor of a key, nor a code", async () => {
    const made = await createKey(acme.partner, ["cards:read"]);
    const { number } = (await issue(acme.key, order(acme, { quantity: 2 }))).body;
    const sheet = await call<{ items: { code: string }[] }>("GET", `/v1/batches/${number}/codes`, {
      key: acme.key,
      headers: { Accept: "application/json" },
    });
    const { results } = await env.DB.prepare("SELECT * FROM audit").all();
    const text = JSON.stringify(results);
    expect(text).toContain(`"trunk:${acme.trunk}"`);
    for (const secret of [DIGEST_SECRET, made.key, made.key.slice(10), ...sheet.body.items.map(({ code }) => code)])
      expect(text).not.toContain(secret);
    expect((await trail(`?object=trunk:${acme.trunk}`))[0]?.details).toMatchObject({
      digest: { mac: "sha1", algorithm: "MD5", secret: "new" },
      ice: { secret: "new" },
    });
  });

  it("has the export's reason, and none of a refused one", async () => {
    const { number } = (await issue(acme.key, order(acme))).body;
    const path = `/v1/batches/${number}/codes`;
    const before = await rowsOf(acme.partner);
    expect((await call("GET", `${path}?from=900`, { key: acme.key })).status).toBe(422);
    expect((await call("GET", `${path}?includeTouched=true&reason=x`, { key: acme.key })).status).toBe(403);
    expect(await rowsOf(acme.partner)).toBe(before);
    const query = "?from=3&to=9&includeTouched=true&reason=Lost%20sheet";
    await call("GET", path + query, { key: operatorKey() });
    expect((await trail(`?object=batch:${number}`, acme.key))[0]).toMatchObject({
      act: "batch.export",
      reason: "Lost sheet",
      details: { from: 3, to: 9, format: "csv", includeTouched: true },
    });
  });

  it("hands out no code when the row cannot be written", async () => {
    const { number } = (await issue(acme.key, order(acme))).body;
    await env.DB.prepare("ALTER TABLE audit RENAME TO audit_away").run();
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    try {
      const answer = await call("GET", `/v1/batches/${number}/codes`, { key: acme.key });
      expect(answer).toMatchObject({ status: 503, body: { code: "try_again" } });
      const profile = fresh("lost");
      const body = profileBody(acme.trunk);
      expect((await call("PUT", `/v1/profiles/${profile}`, { key: acme.key, body })).status).toBe(503);
      expect((await call("GET", `/v1/profiles/${profile}`, { key: acme.key })).status).toBe(404);
    } finally {
      await env.DB.prepare("ALTER TABLE audit_away RENAME TO audit").run();
      vi.restoreAllMocks();
    }
  });
});

describe("reading", () => {
  it("pages newest first through everything once, and takes no cursor of another filter, owner or maker", async () => {
    const seen: string[] = [];
    let cursor: string | null = "";
    let first = "";
    while (cursor !== null) {
      const page = await audit(`?limit=3${cursor === "" ? "" : `&cursor=${cursor}`}`, acme.key);
      expect(page.status, page.text).toBe(200);
      seen.push(...page.body.items.map(({ id }) => id));
      ({ nextCursor: cursor } = page.body);
      first ||= cursor ?? "";
    }
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen.length).toBe(await rowsOf(acme.partner));
    const forged = `${first.slice(0, -1)}${first.endsWith("A") ? "B" : "A"}`;
    for (const [query, key] of [
      [`?cursor=${first}&act=key.create`, acme.key],
      [`?cursor=${first}`, globex.key],
      [`?cursor=${first}`, operatorKey()],
      [`?cursor=${forged}`, acme.key],
    ] as const)
      expect((await audit(query, key)).status, query).toBe(422);
  });

  it("filters by act, object and time", async () => {
    const keys = await trail("?act=key.create", acme.key);
    expect(keys.length).toBeGreaterThan(0);
    expect(keys.every(({ act }) => act === "key.create")).toBe(true);
    expect(await trail(`?since=${new Date(Date.now() + 60_000).toISOString()}`)).toEqual([]);
    expect(await trail("?until=2020-01-01T00:00:00Z")).toEqual([]);
    expect((await trail(`?until=${new Date(Date.now() + 60_000).toISOString()}&limit=1`)).length).toBe(1);
    expect((await audit("?since=yesterday")).status).toBe(422);
    expect((await audit("?owner=x")).status).toBe(422);
  });

  it("shows the operator every chain, one of them, or its own", async () => {
    expect(new Set((await trail("?limit=200")).map(({ owner }) => owner)).size).toBeGreaterThanOrEqual(3);
    expect(new Set((await trail(`?partner=${globex.partner}`)).map(({ owner }) => owner))).toEqual(
      new Set([globex.partner]),
    );
    const own = await trail("?partner=operator");
    expect(new Set(own.map(({ owner }) => owner))).toEqual(new Set(["operator"]));
    expect(own.map(({ act }) => act)).toContain("trunk.put");
  });

  it("shows a partner nothing of another, which is as an unknown one", async () => {
    const mine = await trail("?limit=200", acme.key);
    expect(new Set(mine.map(({ owner }) => owner))).toEqual(new Set([acme.partner]));
    expect(JSON.stringify(mine)).not.toContain(globex.partner);
    const foreign = await audit(`?partner=${globex.partner}`, acme.key);
    expect(foreign.body).toEqual({ items: [], nextCursor: null });
    expect(comparable(foreign)).toEqual(comparable(await audit("?partner=nobody-here", acme.key)));
    expect(comparable(foreign)).toEqual(comparable(await audit("?partner=operator", acme.key)));
    expect((await trail(`?partner=${acme.partner}`, acme.key)).length).toBeGreaterThan(0);
    const proof = (partner: string) => call("POST", "/v1/audit/verifications", { key: acme.key, body: { partner } });
    const foreignProof = await proof(globex.partner);
    expect(foreignProof.body).toEqual({ checked: 0, findings: [], nextCursor: null });
    expect(comparable(foreignProof)).toEqual(comparable(await proof("nobody-here")));
    const logged = [{ owner: globex.partner, seq: 1, hash: "0".repeat(64) }];
    expect(await verifyAudit({ heads: logged }, acme.key)).toEqual({
      checked: await rowsOf(acme.partner),
      findings: [],
    });
  });
});

describe("acts at once", () => {
  it("all get in, each with a number of its own, in one unbroken chain", async () => {
    const partner = await createPartner();
    const before = await rowsOf(partner);
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        call("POST", `/v1/partners/${partner}/keys`, {
          key: operatorKey(),
          body: { name: `key ${index}`, scopes: ["cards:read"] },
        }),
      ),
    );
    expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(201));
    const rows = (await trail(`?partner=${partner}&limit=200`)).toSorted((a, b) => a.seq - b.seq);
    expect(rows.map(({ seq }) => seq)).toEqual(Array.from({ length: before + 20 }, (_, index) => index + 1));
    expect(new Set(rows.map(({ details }) => details["name"])).size).toBe(21);
    for (const [index, row] of rows.entries()) expect(row.previousHash).toBe(rows[index - 1]?.hash ?? "0".repeat(64));
    expect(await verifyAudit({ partner })).toEqual({ checked: before + 20, findings: [] });
  });

  it("of which one counts leave one row: an order sent twenty times, a recall, a revocation", async () => {
    const before = await rowsOf(acme.partner);
    const body = order(acme);
    const orders = await Promise.all(Array.from({ length: 20 }, () => issue(acme.key, body, "at-once")));
    expect(new Set(orders.map(({ status }) => status))).toEqual(new Set([201]));
    expect(await rowsOf(acme.partner)).toBe(before + 1);
    const path = `/v1/batches/${orders[0]?.body.number}`;
    const recalls = await Promise.all(
      Array.from({ length: 20 }, () => call("PATCH", path, { key: acme.key, body: { status: "recalled" } })),
    );
    expect(new Set(recalls.map(({ status }) => status))).toEqual(new Set([200]));
    expect(await rowsOf(acme.partner)).toBe(before + 2);
    const { id } = await createKey(acme.partner, ["cards:read"]);
    await Promise.all(
      Array.from({ length: 20 }, () => call("DELETE", `/v1/partners/${acme.partner}/keys/${id}`, { key: acme.key })),
    );
    expect(await rowsOf(acme.partner)).toBe(before + 4);
    expect((await verifyAudit({ partner: acme.partner })).findings).toEqual([]);
  });

  it("whose order was refused leave none", async () => {
    const partner = await createPartner(fresh("poor"), { limits: {} });
    const tenant = { ...acme, partner };
    const before = await rowsOf();
    const refusals = [
      await issue(operatorKey(), { ...order(acme), partner, brand: "nobody" }),
      await issue(operatorKey(), { ...order(tenant), partner }),
      await call("PUT", `/v1/profiles/std?partner=${partner}`, { key: operatorKey(), body: profileBody("none") }),
      await call("DELETE", "/v1/keys/absent", { key: operatorKey() }),
      await call("PUT", `/v1/brands/${acme.brand}`, { key: globex.key, body: { name: "Mine" } }),
      await call("POST", `/v1/brands/${acme.brand}/publish`, { key: globex.key }),
      await call("PATCH", "/v1/batches/999999", { key: operatorKey(), body: { status: "paused" } }),
      await call("PUT", `/v1/partners/${partner}`, { key: acme.key, body: partnerBody() }),
    ];
    for (const { status, text } of refusals) expect(status, text).toBeGreaterThanOrEqual(400);
    expect(await rowsOf()).toBe(before);
  });
});
