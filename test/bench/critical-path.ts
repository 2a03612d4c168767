/** What a redeem waits for when objects, KV and D1 are far away: time of one request at a time, and its calls. */
import { setTimeout as sleep } from "node:timers/promises";
import { codesOf, issue, makeCatalogue, redeemBody, type Bench, type RedeemBody, type SheetRow } from "./catalogue.ts";
import { DELAYS_MS, type Calls } from "./delays.ts";
import { median, WrongAnswer } from "./load.ts";
import type { BenchPlatform } from "./platform.ts";

type Case = {
  readonly name: string;
  /** `object` and `all` are no redeem at all: only the calls that cannot be avoided, as floors. */
  readonly asks: "object" | "all" | "again" | "first";
  readonly isolate: "known" | "new";
  readonly keepsKv: boolean;
  /** The floor it may take a tenth more than. */
  readonly floor: string | null;
};
export type PathFigure = {
  readonly name: string;
  readonly medianMs: number;
  readonly calls: Calls;
  /** Rows the card's database wrote for it. */
  readonly rowsWritten: number;
  /** To its floor, measured in the same turns; null: is a floor, or nothing is promised. */
  readonly toFloor: number | null;
};
export type CriticalPath = {
  readonly delaysMs: typeof DELAYS_MS;
  readonly figures: readonly PathFigure[];
  readonly warmObjectCalls: number;
  readonly debitRowsWritten: number;
};

const ALARM_MS = 3500;
const WARM = "warm: redeem again";
const ONE_OBJECT = "floor: one object call";
const ONE_OF_EACH = "floor: one KV, D1 and object call";
const CASES: readonly Case[] = [
  { name: ONE_OBJECT, asks: "object", isolate: "known", keepsKv: true, floor: null },
  { name: WARM, asks: "again", isolate: "known", keepsKv: true, floor: ONE_OBJECT },
  { name: "warm: first redemption", asks: "first", isolate: "known", keepsKv: true, floor: null },
  { name: "isolate cold, KV warm: redeem again", asks: "again", isolate: "new", keepsKv: true, floor: null },
  { name: ONE_OF_EACH, asks: "all", isolate: "known", keepsKv: true, floor: null },
  { name: "cold: redeem again", asks: "again", isolate: "new", keepsKv: false, floor: ONE_OF_EACH },
  { name: "cold: first redemption", asks: "first", isolate: "new", keepsKv: false, floor: ONE_OF_EACH },
];

export async function measureCriticalPath(platform: BenchPlatform, runs: number): Promise<CriticalPath> {
  const bench = await makeCatalogue(platform.url, platform.key);
  const rows = await codesOf(bench, await issue(bench, (runs + 1) * CASES.length + 1));
  const holder = redeemBody(rows[0]?.code ?? "");
  await timed(bench, holder, "known");
  await sleep(ALARM_MS); // or the write of its alarm would be taken for a redeem's
  const unused = rows.slice(1)[Symbol.iterator]();
  const taken = new Map<string, Taken[]>();
  // In turn, and the first turn only warms up.
  for (let run = 0; run <= runs; run++) {
    for (const one of CASES) {
      const row = one.asks === "first" ? unused.next().value : rows[0];
      if (!one.keepsKv) await emptyKv(platform);
      const sample = await sampled(bench, one, row ?? { serial: "", code: "" }, holder);
      if (run > 0) taken.set(one.name, [...(taken.get(one.name) ?? []), sample]);
    }
  }
  const msOf = (name: string) => (taken.get(name) ?? []).map(({ ms }) => ms);
  const figures = CASES.map(({ name, floor }) => {
    const ratios = floor === null ? [] : msOf(name).map((ms, run) => ms / (msOf(floor)[run] ?? Number.NaN));
    return figure(name, taken.get(name) ?? [], floor === null ? null : median(ratios));
  });
  return {
    delaysMs: DELAYS_MS,
    figures,
    warmObjectCalls: figures.find(({ name }) => name === WARM)?.calls.object ?? 0,
    debitRowsWritten: await debitRows(bench, rows[0]?.serial ?? ""),
  };
}

type Taken = { readonly ms: number; readonly calls: Calls; readonly rowsWritten: number };

async function sampled(bench: Bench, { asks, isolate }: Case, row: SheetRow, holder: RedeemBody): Promise<Taken> {
  const before = asks === "first" ? 0 : await rowsWritten(bench, row.serial);
  const { ms, calls } =
    asks === "object" || asks === "all"
      ? await answered(new URL(`/bench/${asks}?serial=${row.serial}`, bench.url), {})
      : await timed(bench, asks === "again" ? holder : redeemBody(row.code), isolate);
  return { ms, calls, rowsWritten: (await rowsWritten(bench, row.serial)) - before };
}

function figure(name: string, samples: readonly Taken[], toFloor: number | null): PathFigure {
  const most = (value: (calls: Calls) => number) => Math.max(...samples.map(({ calls }) => value(calls)));
  return {
    name,
    toFloor,
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

const timed = ({ url }: Bench, body: RedeemBody, isolate: Case["isolate"]) =>
  answered(new URL("/v1/redeem", url), {
    method: "POST",
    headers: { "Content-Type": "application/json", ...(isolate === "new" && { "X-Bench-Isolate": "new" }) },
    body: JSON.stringify(body),
  });

async function answered(url: URL, init: RequestInit): Promise<{ ms: number; calls: Calls }> {
  const startedMs = performance.now();
  const answer = await fetch(url, init);
  const text = await answer.text();
  const ms = performance.now() - startedMs;
  if (answer.status !== 200) throw new WrongAnswer(`${url.pathname} with slow bindings: ${answer.status} ${text}`);
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
