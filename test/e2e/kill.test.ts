/**
 * kill -9 of the whole product under load, again and again, on the same state: what was acknowledged is never lost,
 * what is asked again is never doubled, and the books add up after every start.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bundleWorker } from "../../src/cli/local-platform.ts";
import { makeFirstKey } from "../../src/cli/api-client.ts";
import { createSecrets } from "../../src/cli/secrets.ts";
import { runs } from "../support/model-runs.ts";
import { freePort } from "../support/free-port.ts";
import { ask, send, type Answer, type Asked, type Site } from "./kill-clients.ts";

const ROUNDS = 20;
/** Fifty times as many would be a day. */
const MOST_ROUNDS = 250;
const CLIENTS = 16;
const CARDS = 4;
const ALIVE_MS = { least: 150, most: 1_500 };
const START_LIMIT_MS = 60_000;

let folder: string;
let bundle: string;
let secrets: Readonly<Record<string, string>>;
let port: number;
let site: Site;
let adminKey: string;
let switchKey: string;
let serials: string[];
let child: ChildProcess | undefined;

async function start(): Promise<void> {
  const started = spawn(process.execPath, [path.join(import.meta.dirname, "kill-server.ts")], {
    env: {
      ...process.env,
      KILL_STATE: folder,
      KILL_PORT: String(port),
      KILL_BUNDLE: bundle,
      KILL_SECRETS: JSON.stringify(secrets),
    },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  child = started;
  let output = "";
  await new Promise<void>((resolve, reject) => {
    const hear = (text: string) => {
      output += text;
      if (/^ready /m.test(output)) resolve();
    };
    started.stdout.setEncoding("utf8").on("data", hear);
    started.stderr.setEncoding("utf8").on("data", hear);
    started.once("close", () => reject(new Error(`It ended before it was ready: ${output}`)));
    setTimeout(() => reject(new Error(`Not ready in time: ${output}`)), START_LIMIT_MS).unref();
  });
}

/** The process group that this test started, and nothing else. */
async function kill(): Promise<void> {
  const ending = child;
  child = undefined;
  if (ending?.pid === undefined || ending.exitCode !== null || ending.signalCode !== null) return;
  const ended = new Promise((resolve) => ending.once("close", resolve));
  process.kill(-ending.pid, "SIGKILL");
  await ended;
}

async function made(method: string, address: string, body: object): Promise<Record<string, unknown>> {
  const answer = await send(site, { method, path: address, body });
  if (answer.status > 201) throw new Error(`${method} ${address}: ${JSON.stringify(answer)}`);
  return answer.body;
}

async function makeCatalogue(): Promise<string[]> {
  const EUR = { outstanding: "1000000.00", creditPerDay: "1000000.00", maxFaceValue: "1000.00" };
  await made("PUT", "/v1/partners/kill", { name: "Kill", status: "active", timeZone: "UTC", limits: { EUR } });
  await made("PUT", "/v1/trunks/kill", {
    name: "Kill",
    partners: ["kill"],
    domain: "sip.kill.example",
    proxies: ["sip:sip.kill.example"],
    webSockets: [],
    digest: { mac: "sha1", algorithm: "MD5", secret: "a secret of sixteen characters" },
  });
  await made("PUT", "/v1/profiles/kill?partner=kill", { name: "Kill", trunk: "kill", concurrentCalls: 50 });
  await made("PUT", "/v1/brands/kill?partner=kill", { name: "Kill" });
  await made("POST", "/v1/brands/kill/publish", {});
  const key = await made("POST", "/v1/keys", { name: "switch", scopes: ["switch"], trunks: ["kill"] });
  switchKey = String(key["key"]);
  const response = await fetch(new URL("/v1/batches", site.url), {
    method: "POST",
    headers: {
      Authorization: `Bearer ${site.key("/v1/batches")}`,
      "Content-Type": "application/json",
      "Idempotency-Key": "kill-1",
    },
    body: JSON.stringify({
      partner: "kill",
      brand: "kill",
      profile: "kill",
      kind: "card",
      quantity: CARDS,
      credit: { amount: "10.00", currency: "EUR" },
      expiry: { daysAfterFirstUse: 365 },
    }),
  });
  const batch = (await response.json()) as { number: number };
  const codes = await fetch(new URL(`/v1/batches/${batch.number}/codes`, site.url), {
    headers: { Authorization: `Bearer ${site.key("/v1/batches")}`, Accept: "application/json" },
  });
  const { items } = (await codes.json()) as { items: { serial: string; code: string }[] };
  for (const { code } of items)
    await made("POST", "/v1/redeem", { code, device: { id: "kill-device-0123456789abcdef" } });
  return items.map(({ serial }) => serial);
}

/** What an id is pinned to: everything but the time of the answer and the hold's present state. */
const figures = ({ status, body }: Answer): unknown => {
  const { serverTime: _time, state: _state, instance: _instance, holds: _holds, hold: _hold, ...rest } = body;
  return { status, ...rest };
};

type Books = { balance: Record<string, string>; openHolds: number };
const cents = (text: unknown): number => Math.round(Number(text) * 100);

/** Every answer of a card's whole life against its books: each effect is in them once, and nothing else is. */
async function audit(serial: string, log: readonly Asked[]): Promise<void> {
  const { balance, openHolds } = (await made("GET", `/v1/cards/${serial}`, {})) as unknown as Books;
  const terms = Object.fromEntries(Object.entries(balance).map(([name, text]) => [name, cents(text)]));
  const { available = 0, held = 0, spent = 0, reversed = 0, expired = 0, credits = 0, debt = 0 } = terms;
  expect(credits + debt).toBe(available + held + spent + reversed + expired);
  const applied = log.filter(({ path: asked, answer }) => asked.includes(`/${serial}/`) && answer?.status === 200);
  const sum = (part: string, field: string): number =>
    applied.reduce(
      (all, { path: asked, answer }) => (asked.includes(part) ? all + cents(answer?.body[field]) : all),
      0,
    );
  expect(credits).toBe(1000 + sum("/credits/", "amount"));
  expect(spent).toBe(sum("/debits/", "collected") + sum("/extend", "charged") + sum("/commit", "charged"));
  const placed = applied.filter(({ path: asked }) => /\/holds\/[^/]+$/.test(asked)).length;
  expect(openHolds).toBe(placed - applied.filter(({ path: asked }) => /\/(commit|release)$/.test(asked)).length);
  let lines = 0;
  let left = 0;
  for (let cursor: string | null = ""; cursor !== null;) {
    const at: string = cursor === "" ? "" : `&cursor=${encodeURIComponent(cursor)}`;
    const page = await made("GET", `/v1/cards/${serial}/postings?limit=200${at}`, {});
    const items = page["items"] as { amount: string }[];
    lines += items.length;
    left += items.reduce((all, { amount }) => all + cents(amount), 0);
    cursor = page["nextCursor"] as string | null;
  }
  expect(lines).toBe(1 + applied.length);
  expect(left).toBe(available);
}

beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), "ringfare-kill-"));
  port = await freePort();
  ({ secrets } = await createSecrets(Date.now()));
  bundle = await bundleWorker(folder);
  const isSwitch = (asked: string) => asked.includes("/holds/") || asked.includes("/debits/");
  site = { url: `http://127.0.0.1:${port}`, key: (asked) => (isSwitch(asked) ? switchKey : adminKey) };
  await start();
  ({ key: adminKey } = await makeFirstKey(site.url, secrets["ADMIN_API_KEY"] ?? ""));
  serials = await makeCatalogue();
}, 120_000);

afterAll(async () => {
  await kill();
  await rm(folder, { recursive: true, force: true });
});

describe("kill -9 under load", () => {
  it("loses nothing that was acknowledged and doubles nothing that is asked again", async () => {
    const rounds = Math.min(runs(ROUNDS), MOST_ROUNDS);
    const all: Asked[] = [];
    let unanswered = 0;
    let happened = 0;
    const startedAt = Date.now();
    for (let round = 1; round <= rounds; round += 1) {
      const log: Asked[] = [];
      let over = false;
      const clients = Array.from({ length: CLIENTS }, (_, index) => {
        const serial = serials[index % CARDS] as string;
        return ask(site, serial, `r${round}c${index}`, log, () => over);
      });
      await sleep(randomInt(ALIVE_MS.least, ALIVE_MS.most));
      await kill();
      over = true;
      await Promise.all(clients);
      await start();
      for (const asked of log) {
        const { answer } = asked;
        const repeated = await send(site, asked);
        // 503s and the like promise nothing; what was applied or refused for good must be answered as before.
        if (answer && answer.status < 500) {
          if (answer.status === 200) expect(repeated.replayed, JSON.stringify([asked, repeated])).toBe(true);
          expect(figures(repeated), JSON.stringify(asked)).toEqual(figures(answer));
          continue;
        }
        unanswered += 1;
        if (repeated.replayed) happened += 1;
        expect(repeated.status, JSON.stringify([asked, repeated])).toBeLessThan(500);
        asked.answer = repeated;
      }
      all.push(...log);
      for (const serial of serials) await audit(serial, all);
    }
    console.info(
      `kill -9: ${rounds} rounds in ${Math.round((Date.now() - startedAt) / 1000)} s, ${all.length} requests, ` +
        `${unanswered} without an answer, of which ${happened} had happened`,
    );
    expect(all.length).toBeGreaterThan(rounds * CLIENTS);
  }, 7_200_000);
});
