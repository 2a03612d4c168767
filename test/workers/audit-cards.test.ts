/** Acts on cards: journaled by the card, told by its alarm at least once, and in the trail exactly once. */
import {
  createMessageBatch,
  createScheduledController,
  evictDurableObject,
  runDurableObjectAlarm,
  runInDurableObject,
} from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeAll, expect, it, vi } from "vitest";
import type { ActsEvent, AuditedAct } from "../../src/domain/card-acts.ts";
import worker from "../../src/index.ts";
import { call, operatorKey } from "../support/api.ts";
import { audit, rowsOf, verifyAudit, type AuditItem } from "../support/audit.ts";
import { createDeck, redeemed, type Deck } from "../support/cards.ts";
import { createKey, createPartnerKey } from "../support/catalogue.ts";

let deck: Deck;
let key: string;
let next = 0;
beforeAll(async () => {
  deck = await createDeck({ batch: { quantity: 60 } });
  key = await createPartnerKey(deck.partner);
});
afterEach(() => {
  vi.restoreAllMocks();
});

const stubOf = (serial: string) => env.CARDS.getByName(serial);
const act = (serial: string, action: string, extra: object = {}, by = key) =>
  call("PATCH", `/v1/cards/${serial}`, { key: by, body: { action, reason: `To ${action}`, ...extra } });
const fresh = async () => (await redeemed(deck.codes[next++])).card.serial;
const trail = async (serial: string): Promise<AuditItem[]> =>
  (await audit(`?object=card:${serial}&limit=200`, key)).body.items.toSorted((a, b) => a.seq - b.seq);

async function told(serial: string, rows: number): Promise<AuditItem[]> {
  await runDurableObjectAlarm(stubOf(serial));
  await vi.waitFor(async () => expect(await trail(serial)).toHaveLength(rows), { timeout: 10_000, interval: 50 });
  return trail(serial);
}

const journaled = (serial: string) =>
  runInDurableObject(stubOf(serial), (_, { storage }) =>
    Number(storage.sql.exec("SELECT count(*) AS n FROM acts").one()["n"]),
  );

const delivered = async (...acts: AuditedAct[]): Promise<void> => {
  const body: ActsEvent = { type: "acts", acts };
  const message = { id: crypto.randomUUID(), timestamp: new Date(), attempts: 1, body };
  await worker.queue(createMessageBatch("ringfare-card-events", [message]), env);
};

const anAct = (id: string, overrides: Partial<AuditedAct> = {}): AuditedAct => ({
  id,
  atMs: Date.now(),
  owner: deck.partner,
  act: "card.block",
  object: "card:000099-0000001",
  details: {},
  reason: "r",
  actor: "k",
  actorOwner: deck.partner,
  requestId: "q",
  ...overrides,
});

it("each act is one row with its reason, its key and its request", async () => {
  const serial = await fresh();
  const operator = await createKey(null, ["cards:write"]);
  const expiresAt = new Date(Date.now() + 900 * 86_400_000).toISOString().replace(/\.\d+/, "");
  const answers = [
    await act(serial, "block"),
    await act(serial, "unblock"),
    await act(serial, "extend", { expiresAt }),
    await act(serial, "release_device", { device: 1 }),
    await act(serial, "close", {}, operator.key),
  ];
  for (const { status, text } of answers) expect(status, text).toBe(200);
  const rows = await told(serial, 5);
  expect(rows.map((row) => [row.act, row.reason, row.details])).toEqual([
    ["card.block", "To block", {}],
    ["card.unblock", "To unblock", {}],
    ["card.extend", "To extend", { expiresAt }],
    ["card.release_device", "To release_device", { device: 1 }],
    ["card.close", "To close", {}],
  ]);
  expect(rows.map(({ requestId }) => requestId)).toEqual(answers.map(({ headers }) => headers.get("X-Request-Id")));
  expect(rows.map(({ actorOwner }) => actorOwner)).toEqual([...Array(4).fill(deck.partner), "operator"]);
  expect(rows.at(-1)).toMatchObject({ owner: deck.partner, actor: "operator", object: `card:${serial}` });
  expect((await audit(`?actor=${operator.id}`)).body.items).toHaveLength(1);
});

it("money that people move is told with its amount; what a switch moves is not", async () => {
  const serial = await fresh();
  const path = `/v1/cards/${serial}`;
  const switchKey = (await createKey(null, ["switch"], { trunks: [deck.trunk] })).key;
  const send = async (method: string, under: string, body: object, by = key) => {
    const answer = await call(method, `${path}/${under}`, { key: by, body });
    expect(answer.status, answer.text).toBe(200);
  };
  const euros = (amount: string) => ({ amount, currency: "EUR" });
  await send("PUT", "debits/d1", euros("2.00"), switchKey);
  await send("PUT", "holds/h1", { ...euros("3.00"), ttlSeconds: 600 }, switchKey);
  await send("POST", "holds/h1/commit", { amount: "1.00" }, switchKey);
  await send("PUT", "holds/h2", { ...euros("1.00"), ttlSeconds: 600 }, switchKey);
  await send("POST", "holds/h2/release", {}, switchKey);
  await send("PUT", "credits/c1", { ...euros("5.00"), source: "goodwill", reason: "Sorry" });
  await send("PUT", "credits/c1", { ...euros("5.00"), source: "goodwill", reason: "Sorry" });
  await send("POST", "credits/c1/reversals/r1", { amount: "1.50", reason: "Too much" });
  await send("POST", "debits/d1/reversals/r2", { reason: "Bad line" });
  const rows = await told(serial, 3);
  expect(rows.map((row) => [row.act, row.details, row.reason])).toEqual([
    ["card.credit", { id: "c1", amount: "5.00", currency: "EUR", source: "goodwill" }, "Sorry"],
    ["card.reverse_credit", { id: "r1", original: "c1", amount: "1.50", currency: "EUR" }, "Too much"],
    ["card.reverse_debit", { id: "r2", original: "d1", amount: "2.00", currency: "EUR" }, "Bad line"],
  ]);
});

it("what is refused, or changes nothing any more, leaves no act", async () => {
  const serial = await fresh();
  await act(serial, "block");
  await act(serial, "block");
  expect((await act(serial, "release_device", { device: 9 })).status).toBe(422);
  expect((await act(serial, "fly")).status).toBe(422);
  expect(
    (
      await call("PUT", `/v1/cards/${serial}/credits/c1`, {
        key,
        body: { amount: "1.00", currency: "USD", source: "goodwill" },
      })
    ).status,
  ).toBe(422);
  await act(serial, "close");
  await act(serial, "close");
  expect((await act(serial, "unblock")).status).toBe(410);
  expect(await journaled(serial)).toBe(2);
  expect((await told(serial, 2)).map((row) => row.act)).toEqual(["card.block", "card.close"]);
});

it("a replacement is told when the balance has moved, and not when the other card refused", async () => {
  const [old, taken] = [await fresh(), await fresh()];
  const untouched = taken.replace(/\d{7}$/, "0000059");
  const replace = (id: string, to: string) => call("POST", `/v1/cards/${old}/replace`, { key, body: { id, to } });
  expect((await replace("r1", taken)).status).toBeGreaterThanOrEqual(400);
  expect(await journaled(old)).toBe(0);
  expect((await replace("r2", untouched)).status).toBe(200);
  expect((await replace("r2", untouched)).status).toBe(200);
  const rows = await told(old, 1);
  expect(rows[0]).toMatchObject({ act: "card.replace", details: { id: "r2", to: untouched, moved: "10.00" } });
});

it("a message that comes again, together or later, adds nothing; messages at once leave no gap", async () => {
  const before = await rowsOf(deck.partner);
  const [one, two, three] = [anAct("act_x_1"), anAct("act_x_2"), anAct("act_x_3")];
  await delivered(one, one, two);
  await delivered(two, three, one);
  await Promise.all(Array.from({ length: 10 }, (_, index) => delivered(two, anAct(`act_y_${index}`), three)));
  expect(await rowsOf(deck.partner)).toBe(before + 13);
  expect((await verifyAudit({ partner: deck.partner })).findings).toEqual([]);
});

it("one message with acts of several partners puts each in its own chain", async () => {
  const other = await createDeck();
  const [mine, theirs] = [await rowsOf(deck.partner), await rowsOf(other.partner)];
  await delivered(anAct("act_m_1"), anAct("act_t_1", { owner: other.partner }), anAct("act_m_2"));
  expect([await rowsOf(deck.partner), await rowsOf(other.partner)]).toEqual([mine + 2, theirs + 1]);
  expect((await verifyAudit()).findings).toEqual([]);
});

it("a crash between the send and the mark tells an act twice, and the trail has it once", async () => {
  const serial = await fresh();
  await act(serial, "block");
  await told(serial, 1);
  await runInDurableObject(stubOf(serial), (_, { storage }) => void storage.sql.exec("UPDATE card SET acts_told = 0"));
  await evictDurableObject(stubOf(serial));
  await act(serial, "unblock");
  expect((await told(serial, 2)).map((row) => row.act)).toEqual(["card.block", "card.unblock"]);
});

it("a queue that takes nothing delays acts and loses none", async () => {
  const serial = await fresh();
  await act(serial, "block");
  vi.spyOn(console, "error").mockImplementation(() => undefined);
  await runInDurableObject(stubOf(serial), async (instance) => {
    const queue = (instance as unknown as { env: Env }).env.CARD_EVENTS;
    const send = vi.spyOn(queue, "send").mockRejectedValue(new Error("down"));
    await (instance as unknown as { alarm(): Promise<void> }).alarm();
    expect(send).toHaveBeenCalled();
    send.mockRestore();
  });
  expect(await trail(serial)).toEqual([]);
  await told(serial, 1);
});

it("more acts than one message takes all arrive, in order", async () => {
  const serial = await fresh();
  for (let index = 0; index < 60; index += 1) await act(serial, index % 2 === 0 ? "block" : "unblock");
  const rows = await told(serial, 60);
  expect(rows.map((row) => row.act)).toEqual(
    Array.from({ length: 60 }, (_, index) => (index % 2 === 0 ? "card.block" : "card.unblock")),
  );
});

it("an untouched card that is blocked tells so as well", async () => {
  const serial = `${String(deck.batch).padStart(6, "0")}-0000050`;
  expect((await act(serial, "unblock")).status).toBe(200);
  expect((await act(serial, "block")).status).toBe(200);
  expect((await told(serial, 1)).map((row) => row.act)).toEqual(["card.block"]);
});

it("an act on many cards is one row for the order, and one for each card it changed, which names the order", async () => {
  const serials = [await fresh(), await fresh()];
  await act(serials[1] ?? "", "block");
  const body = { id: "many-1", action: "block", reason: "Stolen", serials };
  const ordered = await call("POST", "/v1/cards/actions", { key, body });
  expect(ordered.status, ordered.text).toBe(202);
  await vi.waitFor(
    async () => {
      const { body: now } = await call("GET", "/v1/cards/actions/many-1", { key });
      expect(now["done"]).toBe(2);
    },
    { timeout: 15_000, interval: 100 },
  );
  const [changed] = await told(serials[0] ?? "", 1);
  expect(changed).toMatchObject({ act: "card.block", reason: "Stolen", requestId: "card:many:many-1" });
  expect((await told(serials[1] ?? "", 1))[0]).toMatchObject({ reason: "To block" });
  expect((await audit("?object=card:many:many-1", key)).body.items).toMatchObject([{ reason: "Stolen" }]);
});

it("every day the end of each chain is logged, and those lines prove the chains later", async () => {
  const lines: string[] = [];
  vi.spyOn(console, "info").mockImplementation((line: string) => void lines.push(line));
  await worker.scheduled(createScheduledController({ cron: "0 0 * * *" }), env);
  vi.restoreAllMocks();
  const heads = lines.map((line) => JSON.parse(line)).filter(({ event }) => event === "audit_head");
  const kept = await env.DB.prepare("SELECT owner, seq, hash FROM audit_heads ORDER BY owner").all();
  expect(heads.map(({ owner, seq, hash }) => ({ owner, seq, hash }))).toEqual(kept.results);
  expect(heads.map(({ owner }) => owner)).toEqual(expect.arrayContaining([deck.partner, "operator"]));
  const known = heads.map(({ owner, seq, hash }) => ({ owner, seq, hash }));
  expect((await verifyAudit({ heads: known }, operatorKey())).findings).toEqual([]);
});
