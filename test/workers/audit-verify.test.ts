/** Proving the trail: a sound one passes, and whatever was done to it straight in the database is found. */
import { env } from "cloudflare:workers";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { configOf } from "../../src/config.ts";
import { servicesOf } from "../../src/services/services.ts";
import { call } from "../support/api.ts";
import { rowsOf, verifyAudit, type Finding, type Head } from "../support/audit.ts";
import { createTenant, type Tenant } from "../support/batches.ts";

const ACTS = 1000;
const ACT_NAMES = ["card.block", "card.activate", "batch.pause", "profile.put", "key.create", "brand.publish"] as const;
const OWNERS = ["acme", "globex", "operator"] as const;

type Row = Record<string, string | number | null>;

const trail = () => servicesOf(env, configOf(env)).audit;
const db = env.DB;
const run = (query: string, ...values: (string | number | null)[]) =>
  db
    .prepare(query)
    .bind(...values)
    .run();
const all = async () => (await db.prepare("SELECT * FROM audit ORDER BY owner, seq").all<Row>()).results;
const heads = async () => (await db.prepare("SELECT * FROM audit_heads ORDER BY owner").all<Row>()).results;

let rows: Row[];
let ends: Row[];
let tenant: Tenant;
let madeInMs: number;
beforeAll(async () => {
  tenant = await createTenant();
  const startMs = Date.now();
  for (let index = 0; index < ACTS; index += 20)
    await Promise.all(
      Array.from({ length: 20 }, (_, each) => {
        const number = index + each;
        return trail().record(
          { key: `key${number % 7}`, owner: number % 3 === 0 ? "operator" : "acme", requestId: `request${number}` },
          {
            owner: OWNERS[number % 3] ?? "acme",
            act: ACT_NAMES[number % 6] ?? "card.block",
            object: `thing:${number % 11}`,
            details: { number, text: `Ünïcödé "${number}"\n` },
            reason: number % 2 === 0 ? null : `Reason ${number}`,
          },
        );
      }),
    );
  madeInMs = Date.now() - startMs;
  rows = await all();
  ends = await heads();
}, 120_000);

/** Back to the sound trail, column for column. */
async function restore(): Promise<void> {
  const put = (table: string, stored: readonly Row[]) => {
    const columns = Object.keys(stored[0] ?? {});
    const json = JSON.stringify(stored);
    return db
      .prepare(
        `INSERT INTO ${table} (${columns.join(", ")}) SELECT ${columns.map((name) => `value->>'${name}'`).join(", ")} FROM json_each(?)`,
      )
      .bind(json);
  };
  await db.batch([
    db.prepare("DELETE FROM audit"),
    db.prepare("DELETE FROM audit_heads"),
    put("audit", rows),
    put("audit_heads", ends),
  ]);
}

const middle = (): Row => rows.filter(({ owner }) => owner === "globex")[150] ?? {};
const last = (owner = "globex"): Row => rows.filter((row) => row["owner"] === owner).at(-1) ?? {};
const where = "WHERE owner = ? AND seq = ?";
const keyOf = (row: Row) => [String(row["owner"]), Number(row["seq"])] as const;
const whats = (findings: readonly Finding[]) => findings.map(({ what }) => what).join("; ");

describe(`a trail of ${ACTS} mixed acts`, () => {
  afterEach(restore);

  it("is sound, whole, and proved in reasonable time", async () => {
    expect(rows.length).toBeGreaterThanOrEqual(ACTS);
    const startMs = Date.now();
    const proof = await verifyAudit();
    const tookMs = Date.now() - startMs;
    expect(proof).toEqual({ checked: rows.length, findings: [] });
    console.info(`audit: ${ACTS} acts written and chained in ${madeInMs} ms, ${proof.checked} proved in ${tookMs} ms`);
    expect(tookMs).toBeLessThan(10_000);
    // In small pages, over the borders of chains, too.
    expect(await verifyAudit({ limit: 37 })).toEqual({ checked: rows.length, findings: [] });
    expect(await verifyAudit({ partner: "globex" })).toEqual({ checked: await rowsOf("globex"), findings: [] });
  });

  it("is found edited, whichever single column of whichever row it is", { timeout: 120_000 }, async () => {
    const columns = Object.keys(middle());
    expect(columns).toHaveLength(14);
    for (const row of [rows.find(({ owner }) => owner === "globex") ?? {}, middle(), last()])
      for (const column of columns) {
        const value = row[column];
        const other =
          column === "seq" ? 999_999 : typeof value === "number" ? value + 1 : value === null ? "" : `${value}x`;
        await run(`UPDATE audit SET ${column} = ? ${where}`, other ?? null, ...keyOf(row));
        const { findings } = await verifyAudit({ limit: 100 });
        expect(findings, `${column} of ${row["seq"]}`).not.toEqual([]);
        await restore();
      }
    expect((await verifyAudit()).findings).toEqual([]);
  });

  it("is found edited where a value was taken away", async () => {
    for (const column of ["reason", "previous_hash", "hash"])
      for (const row of [rows.filter(({ reason }) => reason !== null)[40] ?? {}, last()]) {
        const value = column === "reason" && row["reason"] === null ? "" : null;
        await run(`UPDATE audit SET ${column} = ? ${where}`, value, ...keyOf(row));
        expect((await verifyAudit()).findings, `${column} of ${row["owner"]} ${row["seq"]}`).not.toEqual([]);
        await restore();
      }
  });

  it("is found with a row out of it: in the middle, at the start, at the end, or all of them", async () => {
    await run(`DELETE FROM audit ${where}`, ...keyOf(middle()));
    expect(whats((await verifyAudit()).findings)).toBe("1 before it missing");
    await restore();
    await run("DELETE FROM audit WHERE owner = 'globex' AND seq = 1");
    expect(whats((await verifyAudit()).findings)).toBe("1 before it missing");
    await restore();
    await run(`DELETE FROM audit ${where}`, ...keyOf(last()));
    expect(whats((await verifyAudit()).findings)).toBe("the end of the chain is cut off");
    await restore();
    await run("DELETE FROM audit WHERE owner = 'globex'");
    expect(whats((await verifyAudit()).findings)).toBe("the end of the chain is cut off");
    await restore();
    await run("DELETE FROM audit WHERE owner = 'globex' AND seq > 100");
    expect((await verifyAudit({ partner: "globex" })).findings).toMatchObject([{ seq: Number(last()["seq"]) }]);
    expect((await verifyAudit({ partner: "acme" })).findings).toEqual([]);
  });

  it("is found with rows that changed places", async () => {
    const [owner, seq] = keyOf(middle());
    await run("UPDATE audit SET seq = -1 WHERE owner = ? AND seq = ?", owner, seq);
    await run("UPDATE audit SET seq = ? WHERE owner = ? AND seq = ?", seq, owner, seq + 1);
    await run("UPDATE audit SET seq = ? WHERE owner = ? AND seq = -1", seq + 1, owner);
    expect((await verifyAudit()).findings.filter(({ what }) => what === "was changed")).toHaveLength(2);
  });

  it("is found with a row in it twice, or one slipped in, whether or not it says it is chained", async () => {
    const copy = (seq: number, hash: string) =>
      run(
        `INSERT INTO audit SELECT owner, ?, id || 'copy', at_ms, actor, actor_owner, act, object, details, reason, request_id, seal, previous_hash, ${hash} FROM audit ${where}`,
        seq,
        ...keyOf(middle()),
      );
    const end = Number(last()["seq"]);
    await copy(end + 1, "hash");
    expect((await verifyAudit()).findings.length).toBeGreaterThan(0);
    await restore();
    await copy(end + 1, "NULL");
    expect(whats((await verifyAudit()).findings)).toBe("was not written by this deployment");
    // And it stays found when acts follow.
    await trail().record(
      { key: "key1", owner: "operator", requestId: "later" },
      { owner: "globex", act: "card.block", object: "card:1", details: {} },
    );
    expect(whats((await verifyAudit()).findings)).toBe("was not written by this deployment");
  });

  it("is found with another end than the one that was kept", async () => {
    for (const change of ["seq = seq + 1", "seq = seq - 1", "hash = 'x' || hash", "owner = 'x' || owner"]) {
      await run(`UPDATE audit_heads SET ${change} WHERE owner = 'globex'`);
      expect((await verifyAudit()).findings, change).not.toEqual([]);
      await restore();
    }
    await run("DELETE FROM audit_heads WHERE owner = 'globex'");
    expect(whats((await verifyAudit()).findings)).toBe("the record of the chain's end is missing");
  });

  it("cut off, it is found so for good: the numbers that are gone are not given again", async () => {
    const end = Number(last()["seq"]);
    await run("DELETE FROM audit WHERE owner = 'globex' AND seq > ?", end - 3);
    await trail().record(
      { key: "key1", owner: "operator", requestId: "later" },
      { owner: "globex", act: "card.block", object: "card:1", details: {} },
    );
    expect((await verifyAudit()).findings).toEqual([{ owner: "globex", seq: end + 1, what: "3 before it missing" }]);
  });

  it("cut off and tidied up, it is found by an end that was logged", async () => {
    const logged = ends.map(({ owner, seq, hash }) => ({ owner, seq, hash })) as Head[];
    const before = rows.filter(({ owner }) => owner === "globex").at(-4) ?? {};
    await run("DELETE FROM audit WHERE owner = 'globex' AND seq > ?", before["seq"] ?? 0);
    await run(
      "UPDATE audit_heads SET seq = ?, hash = ? WHERE owner = 'globex'",
      before["seq"] ?? 0,
      before["hash"] ?? "",
    );
    expect((await verifyAudit()).findings).toEqual([]);
    expect((await verifyAudit({ heads: logged })).findings).toEqual([
      { owner: "globex", seq: last()["seq"], what: "is not the row that was logged as the end" },
    ]);
    await restore();
    expect((await verifyAudit({ heads: logged })).findings).toEqual([]);
  });
});

describe("what a crash left unchained", () => {
  afterEach(restore);

  it("is chained by the next act, to the same hashes, whoever does it and how often", async () => {
    const tail = rows.filter(({ owner, seq }) => owner === "globex" && Number(seq) > 100);
    const before = rows.find(({ owner, seq }) => owner === "globex" && seq === 100) ?? {};
    await run("UPDATE audit SET hash = NULL, previous_hash = NULL WHERE owner = 'globex' AND seq > 100");
    await run("UPDATE audit_heads SET seq = 100, hash = ? WHERE owner = 'globex'", before["hash"] ?? "");
    expect(tail.length).toBeGreaterThan(200);
    await Promise.all(Array.from({ length: 5 }, () => trail().chain("globex")));
    expect(await all()).toEqual(rows);
    expect(await heads()).toEqual(ends);
  });

  it("is chained by a verification", async () => {
    await run("UPDATE audit SET hash = NULL, previous_hash = NULL WHERE owner = 'globex'");
    await run("DELETE FROM audit_heads WHERE owner = 'globex'");
    expect((await verifyAudit({ partner: "globex" })).findings).toEqual([]);
    expect(await all()).toEqual(rows);
  });
});

it("a partner proves its own chain, whose details can be of any size", async () => {
  const limits = Object.fromEntries(
    ["EUR", "USD", "GBP", "CHF"].map((code) => [
      code,
      { outstanding: "1.00", creditPerDay: "1.00", maxFaceValue: "1.00" },
    ]),
  );
  await call("PUT", `/v1/partners/${tenant.partner}`, {
    key: env.TEST_OPERATOR_KEY,
    body: { name: "Ω".repeat(80), status: "active", timeZone: "UTC", limits },
  });
  expect(await verifyAudit({}, tenant.key)).toEqual({ checked: await rowsOf(tenant.partner), findings: [] });
});
