/** Batches by size: what issuing costs, and what making a million codes takes in time and memory. */
import { issue, type Bench } from "./catalogue.ts";
import { median, WrongAnswer } from "./load.ts";
import type { BenchPlatform } from "./platform.ts";
import { residentMib } from "./processes.ts";

const MILLION = 1_000_000;
const SAMPLE_MS = 100;

export type IssueFigures = {
  readonly oneMs: number;
  readonly millionMs: number;
  readonly ratio: number;
  readonly rowsForOne: number;
  readonly rowsForMillion: number;
};

/** One, a million, one, a million …: medians, and how many rows D1 has more than before, all tables together. */
export async function measureIssue(bench: Bench, platform: BenchPlatform, runs: number): Promise<IssueFigures> {
  const times: Record<number, number[]> = { 1: [], [MILLION]: [] };
  const rows: Record<number, number> = {};
  for (let run = 0; run <= runs; run++) {
    for (const quantity of [1, MILLION]) {
      const before = run === 0 ? await countRows(platform) : 0;
      const startedMs = performance.now();
      await issue(bench, quantity);
      const ms = performance.now() - startedMs;
      if (run === 0) rows[quantity] = (await countRows(platform)) - before;
      else times[quantity]?.push(ms);
    }
  }
  const [oneMs, millionMs] = [median(times[1] ?? []), median(times[MILLION] ?? [])];
  return {
    oneMs,
    millionMs,
    ratio: millionMs / oneMs,
    rowsForOne: rows[1] ?? Number.NaN,
    rowsForMillion: rows[MILLION] ?? Number.NaN,
  };
}

async function countRows({ miniflare }: BenchPlatform): Promise<number> {
  const db = await miniflare.getD1Database("DB");
  const { results } = await db
    .prepare(
      "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' AND name NOT LIKE '\\_cf%' ESCAPE '\\'",
    )
    .all<{ name: string }>();
  const counts = results.map(({ name }) => `(SELECT count(*) FROM "${name}")`).join(" + ");
  return (await db.prepare(`SELECT ${counts} AS rows`).first<number>("rows")) ?? Number.NaN;
}

export type SheetFigures = {
  readonly codes: number;
  readonly distinct: number;
  readonly seconds: number;
  readonly perSecond: number;
  /** Resident memory of the runtime; null where the system does not tell. */
  readonly restMib: number | null;
  readonly peakMib: number | null;
};

/** The whole sheet of one batch as NDJSON, every line read, every code remembered. */
export async function measureSheet(bench: Bench, platform: BenchPlatform, quantity: number): Promise<SheetFigures> {
  const batch = await issue(bench, quantity);
  const restMib = await residentMib(platform.runtimePids);
  let peakMib = restMib;
  const sampler = setInterval(() => {
    void residentMib(platform.runtimePids).then(
      (now) => (peakMib = now === null ? peakMib : Math.max(peakMib ?? 0, now)),
    );
  }, SAMPLE_MS);
  const startedMs = performance.now();
  const seen = new Set<string>();
  let codes = 0;
  try {
    const answer = await fetch(new URL(`/v1/batches/${batch}/codes?from=1&to=${quantity}`, bench.url), {
      headers: { Authorization: `Bearer ${bench.key}`, Accept: "application/x-ndjson" },
    });
    if (answer.status !== 200 || !answer.body)
      throw new WrongAnswer(`codes: ${answer.status} ${(await answer.text()).slice(0, 500)}`);
    let rest = "";
    for await (const text of answer.body.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) seen.add((JSON.parse(line) as { code: string }).code);
      codes += lines.length;
    }
  } finally {
    clearInterval(sampler);
  }
  const seconds = (performance.now() - startedMs) / 1000;
  if (codes !== quantity || seen.size !== quantity)
    throw new WrongAnswer(`codes: asked for ${quantity}, got ${codes}, of them ${seen.size} distinct`);
  return { codes, distinct: seen.size, seconds, perSecond: codes / seconds, restMib, peakMib };
}
