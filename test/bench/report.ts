/** The bench in words: tables with the goal beside each figure, and what was compared with what. */
import type { IssueFigures, SheetFigures } from "./batch-figures.ts";
import type { CardFigures } from "./card-figures.ts";
import type { BundleFigures } from "./bundle-figures.ts";
import type { CriticalPath } from "./critical-path.ts";
import type { LoadResult, Sample } from "./load.ts";
import { PAIRS } from "./loads.ts";
import type { SigningFigure } from "./signing-figures.ts";

export type Ratio = {
  readonly route: string;
  readonly floor: string;
  readonly requestsPerSecond: number;
  readonly p99: number;
  /** Floor to route, so that more is better as with requests. */
  readonly cpu: number;
  readonly goal: number | null;
};
export type Figure = {
  readonly what: string;
  readonly value: string;
  readonly goal: string;
  readonly met: boolean | null;
};

const GOALS = {
  issueRatio: 1.5,
  codesPerSecond: 10_000,
  gzipKib: 260,
  startupMs: 50,
  pathToFloor: 1.1,
  postings: 1.2,
  signMicroseconds: 100,
} as const;

export function ratiosOf(results: readonly LoadResult[]): Ratio[] {
  const named = new Map(results.map((result) => [result.name, result]));
  return PAIRS.flatMap(({ route, floor, goal }) => {
    const [ours, theirs] = [named.get(route), named.get(floor)];
    if (!ours || !theirs) return [];
    // Each round's two neighbours in time, then the median: a slow minute of the machine hits both.
    const of = (value: (sample: Sample) => number) =>
      middle(ours.samples.map((sample, round) => value(sample) / value(theirs.samples[round] ?? theirs)));
    const requestsPerSecond = of((sample) => sample.perSecond);
    const p99 = of((sample) => sample.p99Ms);
    return [{ route, floor, requestsPerSecond, p99, cpu: of((sample) => 1 / sample.cpuMs), goal: goal ?? null }];
  });
}

function middle(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.ceil(sorted.length / 2) - 1] ?? Number.NaN;
}

const verdict = (met: boolean | null): string => (met === null ? "" : met ? "met" : "NOT MET");

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, at) => (at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0)))
      .join("  ")
      .trimEnd();
  return [line(head), widths.map((width) => "-".repeat(width)).join("  "), ...rows.map((row) => line(row))].join("\n");
}

const orUntold = (value: number, digits: number): string => (Number.isNaN(value) ? "?" : value.toFixed(digits));

export const loadTable = (results: readonly LoadResult[]): string =>
  table(
    ["route", "requests/s", "p99 ms", "CPU ms", "requests"],
    results.map(({ name, perSecond, p99Ms, cpuMs, requests }) => [
      name,
      perSecond.toFixed(0),
      p99Ms.toFixed(1),
      orUntold(cpuMs, 2),
      String(requests),
    ]),
  );

export const ratioTable = (ratios: readonly Ratio[]): string =>
  table(
    ["ratio to the floor", "requests/s", "p99", "1/CPU", "goal", ""],
    ratios.map(({ route, floor, requestsPerSecond, p99, cpu, goal }) => [
      `${route} / ${floor.replace("floor: ", "")}`,
      requestsPerSecond.toFixed(2),
      p99.toFixed(2),
      orUntold(cpu, 2),
      goal === null ? "-" : `>= ${goal}`,
      verdict(goal === null ? null : requestsPerSecond >= goal),
    ]),
  );

export const figureTable = (figures: readonly Figure[]): string =>
  table(
    ["figure", "value", "goal", ""],
    figures.map(({ what, value, goal, met }) => [what, value, goal, verdict(met)]),
  );

const mib = (value: number | null): string => (value === null ? "not told by this system" : `${value.toFixed(0)} MiB`);

const plain = (what: string, value: string): Figure => ({ what, value, goal: "-", met: null });

export function figuresOf(issued: IssueFigures, sheet: SheetFigures, bundle: BundleFigures): Figure[] {
  return [
    plain("issue 1 card", `${issued.oneMs.toFixed(1)} ms`),
    plain("issue 1,000,000 cards", `${issued.millionMs.toFixed(1)} ms`),
    {
      what: "issue 1,000,000 / issue 1, time",
      value: issued.ratio.toFixed(2),
      goal: `<= ${GOALS.issueRatio}`,
      met: issued.ratio <= GOALS.issueRatio,
    },
    plain("D1 rows more after it: 1 / 1,000,000 cards", `${issued.rowsForOne} / ${issued.rowsForMillion}`),
    {
      what: `codes, all ${sheet.distinct} distinct`,
      value: `${sheet.perSecond.toFixed(0)}/s`,
      goal: `>= ${GOALS.codesPerSecond}/s`,
      met: sheet.perSecond >= GOALS.codesPerSecond,
    },
    plain("runtime memory before / peak meanwhile", `${mib(sheet.restMib)} / ${mib(sheet.peakMib)}`),
    {
      what: "JavaScript, gzip",
      value: `${bundle.gzipKib.toFixed(0)} KiB`,
      goal: `<= ${GOALS.gzipKib} KiB`,
      met: bundle.gzipKib <= GOALS.gzipKib,
    },
    {
      what: `start-up CPU, lowest of ${bundle.startupRunsMs.length}`,
      value: bundle.startupMs === null ? "no profile" : `${bundle.startupMs.toFixed(1)} ms`,
      goal: `<= ${GOALS.startupMs} ms`,
      met: bundle.startupMs === null ? null : bundle.startupMs <= GOALS.startupMs,
    },
    plain("all of them", bundle.startupRunsMs.map((ms) => ms.toFixed(0)).join(" ")),
  ];
}

export const signingFiguresOf = (signing: readonly SigningFigure[]): Figure[] =>
  signing.map(({ what, microseconds }) => ({
    what: `making one ${what}`,
    value: `${microseconds.toFixed(0)} µs`,
    goal: `<= ${GOALS.signMicroseconds} µs`,
    met: microseconds <= GOALS.signMicroseconds,
  }));

export const cardFiguresOf = ({ hammer, many, postings }: CardFigures): Figure[] => [
  plain(
    `one card hammered by 64 callers, ${hammer.paid} x 200, ${hammer.refused} x 402`,
    `${hammer.perSecond.toFixed(0)}/s`,
  ),
  plain("  to object write, one object, 64 callers", hammer.ratio.toFixed(2)),
  plain(`debit, ${many.cards} cards in turn`, `${many.perSecond.toFixed(0)}/s`),
  plain("  to debit, 100 cards in turn", many.ratio.toFixed(2)),
  ...postings.flatMap(({ count, ms, ratio }, index) => [
    plain(`cost of a debit at ${count} postings`, `${ms.toFixed(2)} ms`),
    ...(index === 0
      ? []
      : [
          {
            what: "  to 10 postings",
            value: ratio.toFixed(2),
            goal: `<= ${GOALS.postings}`,
            met: ratio <= GOALS.postings,
          },
        ]),
  ]),
];

export const pathTable = ({ figures }: CriticalPath): string =>
  table(
    [
      "one request at a time",
      "median ms",
      "to floor",
      "goal",
      "",
      "object",
      "KV",
      "D1",
      "KV put after",
      "rows written",
    ],
    figures.map(({ name, medianMs, toFloor, calls, rowsWritten }) => [
      name,
      medianMs.toFixed(1),
      toFloor === null ? "-" : toFloor.toFixed(2),
      toFloor === null ? "-" : `<= ${GOALS.pathToFloor}`,
      verdict(toFloor === null ? null : toFloor <= GOALS.pathToFloor),
      String(calls.object),
      String(calls.kvGet),
      String(calls.d1),
      String(calls.kvPut),
      String(rowsWritten),
    ]),
  );
