/**
 * Takes the critical path of redeem round the world: `npm run bench:world [-- --json FILE] [-- --write-hints]`.
 * Measured by others: the latency figures. Measured here: object calls in one redeem, if bench results exist.
 * Modelled: everything printed, which is those figures times those calls.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { z } from "zod";
import { hintModule } from "./hint-module.ts";
import { loadReadings, type Place, type Readings } from "./latency-data.ts";
import {
  chosenHints,
  defaultMs,
  eachPlace,
  hintCase,
  isContradicted,
  isWin,
  MIN_GAIN_MS,
  MIN_GAIN_SHARE,
  nearestHint,
  slowestHostMs,
  summarise,
  type HintCase,
  type Summary,
} from "./world-model.ts";

const RESULTS_FILE = new URL("./results.json", import.meta.url);
const HINT_MODULE_FILE = new URL("../../src/domain/location-hint.ts", import.meta.url);
const DESIGNED_OBJECT_CALLS = 1;
const MAX_OBJECT_CALLS = 20;

type CriticalPath = { readonly objectCalls: number; readonly origin: "measured" | "designed" };
type Row = { readonly deployment: string } & Summary;
type ReadTwice = { readonly colo: string; readonly hint: string; readonly first: HintCase; readonly second: HintCase };

const benchResults = z.object({
  criticalPath: z.object({ warmObjectCalls: z.int().min(1).max(MAX_OBJECT_CALLS) }).optional(),
});

/** Object calls one warm redeem waits for: as counted by the bench, so that the product goes round the world. */
function criticalPath(): CriticalPath {
  const counted = existsSync(RESULTS_FILE)
    ? benchResults.parse(JSON.parse(readFileSync(RESULTS_FILE, "utf8"))).criticalPath
    : undefined;
  return counted === undefined
    ? { objectCalls: DESIGNED_OBJECT_CALLS, origin: "designed" }
    : { objectCalls: counted.warmObjectCalls, origin: "measured" };
}

function deployments(readings: Readings, calls: number): Row[] {
  const shipped = chosenHints(readings);
  const shippedMs = (place: Place): number => {
    const hint = shipped.get(place.colo);
    return hint === undefined ? defaultMs(place) : place.regionsMs[hint];
  };
  const row = (deployment: string, ms: (place: Place) => number): Row => ({
    deployment,
    ...summarise(eachPlace(readings.first, ms)),
  });
  return [
    row("ours, default placement", (place) => calls * defaultMs(place)),
    row(`ours as shipped (hints at ${shipped.size} locations)`, (place) => calls * shippedMs(place)),
    row("ours, nearest hint everywhere", (place) => calls * place.regionsMs[nearestHint(place)]),
    row("ours, default, slowest host of each place", (place) => calls * slowestHostMs(place)),
    row("ours, cold: D1 in western Europe, then card", (place) => place.regionsMs.weur + calls * defaultMs(place)),
    // A central service has its data beside it: one trip, however many calls it then makes.
    row("one region: western Europe", (place) => place.regionsMs.weur),
    row("one region: eastern North America", (place) => place.regionsMs.enam),
  ];
}

function readTwice({ first, second }: Readings): ReadTwice[] {
  const pairs = [...second.places.values()].flatMap((again) => {
    const place = first.places.get(again.colo);
    if (place === undefined) return [];
    const hint = nearestHint(place);
    return [{ colo: again.colo, hint, first: hintCase(place, hint), second: hintCase(again, hint) }];
  });
  return pairs.toSorted((a, b) => b.first.gainMs - a.first.gainMs);
}

const whole = (ms: number): string => ms.toFixed(0).padStart(6);
const tenth = (ms: number): string => ms.toFixed(1).padStart(8);

function table(rows: readonly Row[]): string {
  const head = `${"redeem, ms (edge to object and back)".padEnd(46)}   p50   p90   p95 worst  where`;
  const lines = rows.map(
    (row) =>
      `${row.deployment.padEnd(45)}${whole(row.p50)}${whole(row.p90)}${whole(row.p95)}${whole(row.worst)}  ${row.worstColo}`,
  );
  return [head, "-".repeat(head.length), ...lines].join("\n");
}

/** What the rule makes of a location, and how much of the first reading's win the second one saw. */
function verdictOf(first: HintCase, second: HintCase): string {
  if (!isWin(first)) return "no win, no hint";
  if (isContradicted(second)) return "contradicted, no hint";
  return isWin(second) ? "hint, won twice" : "hint, hardly won again";
}

function comparisonTable(pairs: readonly ReadTwice[]): string {
  const head = "place hint  default    hint    gain | default    hint    gain | verdict";
  const lines = pairs.map(({ colo, hint, first, second }) => {
    const figures = [first, second].map((found) => tenth(found.defaultMs) + tenth(found.hintMs) + tenth(found.gainMs));
    const verdict = verdictOf(first, second);
    return `${colo}   ${hint.padEnd(4)}${figures.join(" |")} | ${verdict}`;
  });
  return [`${"".padEnd(11)}first reading${"".padEnd(11)}| second reading`, head, ...lines].join("\n");
}

function notes(path: CriticalPath, rows: readonly Row[], readings: Readings): string {
  const [ours, central] = [rows[0], rows.at(-2)];
  const times = ours && central ? (central.p50 / ours.p50).toFixed(1) : "?";
  const calls =
    path.origin === "measured"
      ? `${path.objectCalls}, as counted by the bench (results.json)`
      : `${path.objectCalls}, the designed figure: no count in results.json; run npm run bench first`;
  return `Object calls on the critical path of a warm redeem: ${calls}.
Figures: ${readings.first.source}.
Measured (not by us): time from the Worker to an object it has just made, averaged for each place it landed.
Modelled: a location is the mean of its hosts weighted by how often an object lands there, times the object calls.
  Percentiles are nearest rank over ${readings.first.places.size} locations, each counting once, whatever its traffic.
Not included: the caller's way to the edge, our CPU time (npm run bench), and for cold redeem the KV read.
Beware: the objects were new, so the times can hold the making of the object too. That is what a first redemption
  costs; a central service that already runs would be faster than its rows say, by a factor the figures do not give.
  Western Europe would have to be ${times} times faster than its row to have our p50.`;
}

function main(): void {
  const { values } = parseArgs({
    options: { json: { type: "string" }, "write-hints": { type: "boolean", default: false } },
  });
  const readings = loadReadings();
  const path = criticalPath();
  const rows = deployments(readings, path.objectCalls);
  const pairs = readTwice(readings);
  const hints = chosenHints(readings);
  const rule = `${MIN_GAIN_MS} ms and ${MIN_GAIN_SHARE * 100} % in the first reading and is not slower than default placement in the second`;
  const comparison = `Locations read twice, and how far readings differ. A hint is used if it wins by ${rule}.`;
  console.log([table(rows), notes(path, rows, readings), comparison, comparisonTable(pairs)].join("\n\n"));
  console.log(`\nLocations with a hint: ${hints.size}${hints.size > 0 ? ` (${[...hints.keys()].join(", ")})` : ""}.`);
  if (values.json !== undefined) {
    const report = {
      criticalPath: path,
      source: readings.first.source,
      rows,
      readTwice: pairs,
      hints: Object.fromEntries(hints),
    };
    writeFileSync(values.json, `${JSON.stringify(report, undefined, 2)}\n`);
  }
  if (values["write-hints"]) writeFileSync(HINT_MODULE_FILE, hintModule(hints));
}

main();
