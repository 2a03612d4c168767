/** What a redeem waits for when objects, KV and D1 are far away: time of one request at a time, and its calls. */
import { setTimeout as sleep } from "node:timers/promises";
import { codesOf, issue, makeCatalogue, redeemBody, type Bench, type RedeemBody } from "./catalogue.ts";
import { DELAYS_MS, type Calls } from "./delays.ts";
import { median, WrongAnswer } from "./load.ts";
import type { BenchPlatform } from "./platform.ts";

type Case = {
  readonly name: string;
  readonly isolate: "known" | "new";
  readonly keepsKv: boolean;
  readonly again: boolean;
};
export type PathFigure = {
  readonly name: string;
  readonly medianMs: number;
  readonly calls: Calls;
  /** Rows the card's database wrote for it. */
  readonly rowsWritten: number;
  /** What it may take: a tenth more than the calls that cannot be avoided. */
  readonly goalMs: number | null;
};
export type CriticalPath = {
  readonly delaysMs: typeof DELAYS_MS;
  readonly figures: readonly PathFigure[];
  readonly warmObjectCalls: number;
  readonly debitRowsWritten: number;
};

const ALLOWANCE = 1.1;
const ALARM_MS = 1500;
const { object, kv, d1 } = DELAYS_MS;
const WARM = "warm: redeem again";
const CASES: readonly (Case & { readonly goalMs: number | null })[] = [
  { name: WARM, isolate: "known", keepsKv: true, again: true, goalMs: ALLOWANCE * object },
  { name: "warm: first redemption", isolate: "known", keepsKv: true, again: false, goalMs: ALLOWANCE * object },
  { name: "KV warm, isolate cold", isolate: "new", keepsKv: true, again: false, goalMs: ALLOWANCE * (object + kv) },
  {
    name: "cold: isolate and KV",
    isolate: "new",
    keepsKv: false,
    again: false,
    goalMs: ALLOWANCE * (object + kv + d1),
  },
];

export async function measureCriticalPath(platform: BenchPlatform, runs: number): Promise<CriticalPath> {
  const bench = await makeCatalogue(platform.url, platform.key);
  const rows = await codesOf(bench, await issue(bench, (runs + 1) * CASES.length + 1));
  const holder = redeemBody(rows[0]?.code ?? "");
  await timed(bench, holder, "known");
  await sleep(ALARM_MS); // or the write of its alarm would be taken for a redeem's
  const unused = rows.slice(1)[Symbol.iterator]();
  const taken = new Map<string, { ms: number; calls: Calls; rowsWritten: number }[]>();
  // In turn, and the first turn only warms up.
  for (let run = 0; run <= runs; run++) {
    for (const { name, isolate, keepsKv, again } of CASES) {
      const { serial = "", code = "" } = unused.next().value ?? {};
      const body = again ? holder : redeemBody(code);
      const shown = again ? (rows[0]?.serial ?? "") : serial;
      if (!keepsKv) await emptyKv(platform);
      const rowsBefore = again ? await rowsWritten(bench, shown) : 0;
      const { ms, calls } = await timed(bench, body, isolate);
      const sample = { ms, calls, rowsWritten: (await rowsWritten(bench, shown)) - rowsBefore };
      if (run > 0) taken.set(name, [...(taken.get(name) ?? []), sample]);
    }
  }
  const figures = CASES.map(({ name, goalMs }) => figure(name, taken.get(name) ?? [], goalMs));
  return {
    delaysMs: DELAYS_MS,
    figures,
    warmObjectCalls: figures.find(({ name }) => name === WARM)?.calls.object ?? 0,
    debitRowsWritten: await debitRows(bench, rows[0]?.serial ?? ""),
  };
}

function figure(
  name: string,
  samples: readonly { ms: number; calls: Calls; rowsWritten: number }[],
  goalMs: number | null,
): PathFigure {
  const most = (value: (calls: Calls) => number) => Math.max(...samples.map(({ calls }) => value(calls)));
  return {
    name,
    goalMs,
    medianMs: median(samples.map(({ ms }) => ms)),
    calls: {
      object: most((calls) => calls.object),
      kvGet: most((calls) => calls.kvGet),
      kvPut: most((calls) => calls.kvPut),
      d1: most((calls) => calls.d1),
    },
    rowsWritten: Math.max(...samples.map((sample) => sample.rowsWritten)),
  };
}

async function timed(
  { url }: Bench,
  body: RedeemBody,
  isolate: Case["isolate"],
): Promise<{ ms: number; calls: Calls }> {
  const startedMs = performance.now();
  const answer = await fetch(new URL("/v1/redeem", url), {
    method: "POST",
    headers: { "Content-Type": "application/json", ...(isolate === "new" && { "X-Bench-Isolate": "new" }) },
    body: JSON.stringify(body),
  });
  const text = await answer.text();
  const ms = performance.now() - startedMs;
  if (answer.status !== 200) throw new WrongAnswer(`redeem with slow bindings: ${answer.status} ${text}`);
  return { ms, calls: JSON.parse(answer.headers.get("X-Bench-Calls") ?? "{}") as Calls };
}

/** Of the card's database since its object came to memory; asked before and after. */
async function rowsWritten({ url }: Bench, serial: string): Promise<number> {
  const answer = await fetch(new URL(`/bench/rows?serial=${serial}`, url));
  return ((await answer.json()) as { rows: number }).rows;
}

async function debitRows(bench: Bench, serial: string): Promise<number> {
  const before = await rowsWritten(bench, serial);
  const answer = await fetch(new URL(`/v1/cards/${serial}/debits/rows`, bench.url), {
    method: "PUT",
    headers: { "Content-Type": "application/json", Authorization: `Bearer ${bench.switchKey}` },
    body: JSON.stringify({ amount: "0.01", currency: "EUR" }),
  });
  if (answer.status !== 200) throw new WrongAnswer(`debit: ${answer.status} ${await answer.text()}`);
  return (await rowsWritten(bench, serial)) - before;
}

async function emptyKv({ miniflare }: BenchPlatform): Promise<void> {
  const store = await miniflare.getKVNamespace("BRANDING");
  const { keys } = await store.list();
  await Promise.all(keys.map(({ name }) => store.delete(name)));
}
