/** Webhooks as their owners see them: set up, read, rotated, tested, deleted; nothing of another partner's exists. */
import { env } from "cloudflare:workers";
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { createSealer, webhookSecretPlace } from "../../src/auth/sealing.ts";
import { configOf } from "../../src/config.ts";
import { operatorKey, call, fresh } from "../support/api.ts";
import { comparable, createKey, createPartner, createPartnerKey } from "../support/catalogue.ts";
import { expectInvalid, expectProblem } from "../support/problems.ts";
import type { Problem } from "../support/cards.ts";
import { Internet, verify, WakeQueue } from "../support/receivers.ts";

type Body = Record<string, unknown>;
const ALL = ["card.redeemed", "card.low_balance", "card.expiring", "card.blocked", "hold.late", "alert"];
const SECRET = /^whsec_[A-Za-z0-9+/]{43}=$/;

let partner: string;
let key: string;
let otherKey: string;
beforeAll(async () => {
  partner = await createPartner();
  key = await createPartnerKey(partner);
  otherKey = await createPartnerKey(await createPartner());
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const pathOf = (id: string, of = partner) => `/v1/partners/${of}/webhooks/${id}`;
const valid = (changes: Body = {}): Body => ({ url: "https://hooks.acme.example/in", events: ["alert"], ...changes });
const put = <T = Body & { secret: string }>(id: string, body: Body = valid(), as = key) =>
  call<T>("PUT", pathOf(id), { key: as, body });

describe("a webhook", () => {
  it("is created with a secret that is shown once, read, replaced, listed and deleted", async () => {
    const id = fresh("hook");
    const made = await put(id, valid({ events: ["hold.late", "card.redeemed"] }));
    expect(made.status).toBe(201);
    const { secret, ...shown } = made.body;
    expect(secret).toMatch(SECRET);
    expect(shown).toEqual({
      id,
      url: "https://hooks.acme.example/in",
      events: ["card.redeemed", "hold.late"],
      enabled: true,
      disabledReason: null,
      failingSince: null,
      oldSecretsUntil: null,
      createdAt: expect.stringMatching(/Z$/),
    });
    const read = await call("GET", pathOf(id), { key });
    expect(read).toMatchObject({ status: 200, body: shown });
    const replaced = await put(id, valid({ url: "https://Other.example", events: ALL, enabled: false }));
    expect(replaced.status).toBe(200);
    expect(replaced.body).toEqual({
      ...shown,
      url: "https://other.example/",
      events: ALL,
      enabled: false,
      disabledReason: "request",
    });
    const listed = await call<{ items: Body[] }>("GET", `/v1/partners/${partner}/webhooks`, { key });
    expect(listed.body.items).toContainEqual(replaced.body);
    for (const { text } of [read, replaced, listed]) expect(text).not.toMatch(/secret"|whsec_/);
    const deleted = await call("DELETE", pathOf(id), { key });
    expect([deleted.status, deleted.text]).toEqual([204, ""]);
    expect((await call("GET", pathOf(id), { key })).status).toBe(404);
    expectProblem(await call<Problem>("DELETE", pathOf(id), { key }), 404, "not_found");
    const again = await put(id);
    expect(again.status).toBe(201);
    expect(again.body.secret).not.toBe(secret);
  });

  it("keeps its secret as ciphertext for this very place", async () => {
    const id = fresh("hook");
    const { secret } = (await put(id)).body;
    const row = await env.DB.prepare("SELECT secrets FROM webhooks WHERE id = ?").bind(id).first<{ secrets: string }>();
    expect(row?.secrets).not.toContain(secret.slice(6));
    const [{ sealed }] = JSON.parse(row?.secrets ?? "[]") as [{ sealed: string }];
    const sealer = createSealer(configOf(env).dataKeys);
    expect(await sealer.open(webhookSecretPlace(partner, id), sealed)).toBe(secret);
    for (const place of [webhookSecretPlace("other", id), webhookSecretPlace(partner, "other")]) {
      const opened = await sealer.open(place, sealed).catch((error: unknown) => String(error));
      expect(opened).toMatch(/SealBroken/);
    }
  });

  it("created by many at once is created by one, and that one has the secret", async () => {
    const id = fresh("hook");
    const answers = await Promise.all(Array.from({ length: 8 }, () => put(id)));
    const created = answers.filter(({ status }) => status === 201);
    expect(created).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(7);
    const row = await env.DB.prepare("SELECT secrets FROM webhooks WHERE id = ?").bind(id).first<{ secrets: string }>();
    const [{ sealed }] = JSON.parse(row?.secrets ?? "[]") as [{ sealed: string }];
    const opened = await createSealer(configOf(env).dataKeys).open(webhookSecretPlace(partner, id), sealed);
    expect(opened).toBe(created[0]?.body.secret);
  });

  it("has at most nineteen brothers, however many are made at once", async () => {
    const own = await createPartner();
    const answers = await Promise.all(
      Array.from({ length: 25 }, (_, index) =>
        call<Problem>("PUT", pathOf(`brother${index}`, own), { key: operatorKey(), body: valid() }),
      ),
    );
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(20);
    for (const refused of answers.filter(({ status }) => status !== 201)) expectInvalid(refused, "");
    const made = await call<{ items: { id: string }[] }>("GET", `/v1/partners/${own}/webhooks`, { key: operatorKey() });
    const first = made.body.items[0]?.id ?? "";
    const changed = await call("PUT", pathOf(first, own), { key: operatorKey(), body: valid() });
    expect(changed.status, "one that exists may be changed").toBe(200);
  });

  it("lists by pages", async () => {
    const own = await createPartner();
    for (const id of ["aa", "bb", "cc"]) await call("PUT", pathOf(id, own), { key: operatorKey(), body: valid() });
    const page = (query: string) =>
      call<{ items: { id: string }[]; nextCursor: string | null }>("GET", `/v1/partners/${own}/webhooks?${query}`, {
        key: operatorKey(),
      });
    const first = await page("limit=2");
    expect(first.body.items.map(({ id }) => id)).toEqual(["aa", "bb"]);
    const second = await page(`limit=2&cursor=${first.body.nextCursor}`);
    expect(second.body).toMatchObject({ items: [{ id: "cc" }], nextCursor: null });
  });
});

describe("somebody else's webhook", () => {
  const ROUTES: readonly (readonly [method: string, suffix: string, body: Body | null])[] = [
    ["GET", "", null],
    ["PUT", "", valid()],
    ["DELETE", "", null],
    ["POST", "/rotate-secret", {}],
    ["POST", "/test", null],
    ["GET", "/deliveries", null],
  ];

  it.each(ROUTES)("%s …%s is as if it were not there", async (method, suffix, body) => {
    const id = fresh("hook");
    await put(id);
    const before = await env.DB.prepare("SELECT * FROM webhooks WHERE id = ?").bind(id).first();
    const ask = (path: string) => call(method, `${path}${suffix}`, { key: otherKey, ...(body && { body }) });
    const foreign = await ask(pathOf(id));
    expect(foreign.status).toBe(404);
    expect(comparable(foreign)).toEqual(comparable(await ask(pathOf("absent"))));
    expect(comparable(foreign)).toEqual(comparable(await ask(pathOf(id, "nobody"))));
    expect(await env.DB.prepare("SELECT * FROM webhooks WHERE id = ?").bind(id).first()).toEqual(before);
  });

  it("is in no list of others, and an unknown partner is unknown to the operator too", async () => {
    const list = (of: string, as: string) => call("GET", `/v1/partners/${of}/webhooks`, { key: as });
    expect(comparable(await list(partner, otherKey))).toEqual(comparable(await list("nobody", otherKey)));
    const operator = (await createKey(null, ["keys:write"])).key;
    expect((await list("nobody", operator)).status).toBe(404);
    expect((await put(fresh("hook"), valid(), operator)).status).toBe(201);
    expect((await call("PUT", pathOf("hook", "nobody"), { key: operator, body: valid() })).status).toBe(404);
  });
});

describe("rotating the secret", () => {
  const rotate = (id: string, body: Body = {}) =>
    call<{ secret: string; oldSecretsUntil: string }>("POST", `${pathOf(id)}/rotate-secret`, { key, body });

  it("answers a new one, and until when the old one signs too: a day, unless said otherwise", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
    const id = fresh("hook");
    const { secret } = (await put(id)).body;
    const day = await rotate(id);
    expect(day.body.secret).toMatch(SECRET);
    expect(day.body.secret).not.toBe(secret);
    expect(Date.parse(day.body.oldSecretsUntil)).toBe(Math.floor((Date.now() + 86_400_000) / 1000) * 1000);
    expect((await call("GET", pathOf(id), { key })).body).toMatchObject({
      oldSecretsUntil: day.body.oldSecretsUntil,
    });
    await rotate(id, { overlapSeconds: 0 });
    expect((await call("GET", pathOf(id), { key })).body).toMatchObject({ oldSecretsUntil: null });
  });

  it("by several at once loses nobody's secret", async () => {
    const id = fresh("hook");
    await put(id);
    const secrets = (await Promise.all([rotate(id), rotate(id), rotate(id)])).map(({ body }) => body.secret);
    const row = await env.DB.prepare("SELECT secrets FROM webhooks WHERE id = ?").bind(id).first<{ secrets: string }>();
    const sealer = createSealer(configOf(env).dataKeys);
    const kept = await Promise.all(
      (JSON.parse(row?.secrets ?? "[]") as { sealed: string }[]).map(({ sealed }) =>
        sealer.open(webhookSecretPlace(partner, id), sealed),
      ),
    );
    expect(kept).toEqual(expect.arrayContaining(secrets));
  });
});

describe("the test event and the log", () => {
  let internet: Internet;
  let wakes: WakeQueue;
  beforeEach(() => {
    internet = new Internet();
    wakes = new WakeQueue();
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
    internet.at("hooks.acme.example", () => new Response(null, { status: 204 }));
  });
  const test = (id: string) => call<{ id: string } & Problem>("POST", `${pathOf(id)}/test`, { key });

  it("goes to the receiver, whatever it has subscribed to, and one at a time", async () => {
    const id = fresh("hook");
    const { secret } = (await put(id)).body;
    const first = await test(id);
    expect(first.status).toBe(202);
    expect((await test(id)).body).toEqual(first.body);
    await wakes.run();
    expect(internet.received).toMatchObject([{ id: first.body.id, type: "webhook.test", data: { webhook: id } }]);
    expect(verify(secret, internet.received[0]!)).toMatchObject({ type: "webhook.test" });
    expect((await test(id)).body.id).not.toBe(first.body.id);
  });

  it("is refused by a webhook that is disabled or not there", async () => {
    const id = fresh("hook");
    await put(id, valid({ enabled: false }));
    expectProblem(await test(id), 409, "webhook_disabled");
    expectProblem(await test("absent"), 404, "not_found");
  });

  it("is found in the log: newest first, by pages, by status, and by nobody else's cursor", async () => {
    const [id, second] = [fresh("hook"), fresh("hook")];
    await put(id);
    await put(second);
    const ids: string[] = [];
    for (let index = 0; index < 5; index += 1) {
      ids.unshift((await test(id)).body.id);
      if (index < 4) await wakes.run();
    }
    type Page = { items: { id: string; status: string }[]; nextCursor: string | null };
    const page = (query = "", hook = id) => call<Page & Problem>("GET", `${pathOf(hook)}/deliveries?${query}`, { key });
    expect((await page()).body.items.map((entry) => entry.id)).toEqual(ids);
    const seen: string[] = [];
    let cursor: string | null = "";
    while (cursor !== null) {
      const { body }: { body: Page } = await page(`limit=2${cursor && `&cursor=${cursor}`}`);
      seen.push(...body.items.map((entry) => entry.id));
      cursor = body.nextCursor;
    }
    expect(seen).toEqual(ids);
    expect((await page("status=pending")).body.items.map((entry) => entry.id)).toEqual(ids.slice(0, 1));
    expect((await page("status=delivered")).body.items).toHaveLength(4);
    const { nextCursor } = (await page("limit=2")).body;
    expectInvalid(await page(`limit=2&cursor=${nextCursor}`, second), "/cursor");
    expectInvalid(await page(`limit=2&status=pending&cursor=${nextCursor}`), "/cursor");
    expect((await page("", second)).body).toEqual({ items: [], nextCursor: null });
    await call("DELETE", pathOf(id), { key });
    await put(id);
    expect((await page()).body.items).toEqual([]);
  });
});
