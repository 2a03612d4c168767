/**
 * Speed, size and critical path of the product: `npm run bench [-- --quick] [-- --json FILE]`.
 * The bundle a deployment would upload runs in Miniflare (workerd) on this machine; floors run beside it, started the
 * same way, and in turn with it, so their ratios mean something on a busy machine and the absolute figures little.
 * Prints, and fails only if a route answered wrongly.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { measureIssue, measureSheet } from "./batch-figures.ts";
import { measureBundle } from "./bundle-figures.ts";
import { measureCards, measurePostings } from "./card-figures.ts";
import { makeCatalogue } from "./catalogue.ts";
import { measureCriticalPath } from "./critical-path.ts";
import { runRounds } from "./load.ts";
import { makeLoads } from "./loads.ts";
import { measureSigning } from "./signing-figures.ts";
import { buildBundles, startBench, type BenchPlatform } from "./platform.ts";
import {
  cardFiguresOf,
  figuresOf,
  figureTable,
  loadTable,
  pathTable,
  ratiosOf,
  ratioTable,
  signingFiguresOf,
} from "./report.ts";
import { command } from "../../src/cli/tools.ts";

const RESULTS_FILE = path.join(import.meta.dirname, "results.json");

const FULL = {
  rounds: 9,
  seconds: 1,
  mostSeconds: 150,
  firstPerRound: 150,
  issues: 20,
  codes: 1_000_000,
  hammerRounds: 5,
  hammerRequests: 1280,
  manyCards: 10_000,
  postings: [1000, 100_000],
  postingTurns: 40,
  paths: 15,
  startups: 5,
};
const QUICK = {
  rounds: 3,
  seconds: 0.5,
  mostSeconds: 60,
  firstPerRound: 50,
  issues: 8,
  codes: 100_000,
  hammerRounds: 2,
  hammerRequests: 640,
  manyCards: 500,
  postings: [1000, 100_000],
  postingTurns: 15,
  paths: 5,
  startups: 2,
};

const NOTES = `One after the other, in rounds (A B C A B C ...), 16 connections; figures are medians over the rounds,
ratios are formed within each round. CPU is the runtime's own time a request, alarms included: other programs on the
machine slow requests down and change it less. Floors, without product code, in a second instance with the same options
(a process of its own, idle while the product is measured, and the other way round):
  bare Hono: a GET that answers text. sign only: 2 ES256 JWTs of redeem's claims (jose), HMAC-SHA-1 and MD5 of the SIP
  digest, HMAC-SHA-1 for TURN, HMAC-SHA-256 of the refresh token. read + sign: the same after one RPC that reads one row
  of an object's SQLite. object write: the same JSON in as the product's route, one RPC that in one transaction reads the
  card's row, replaces it, adds a posting and an outcome and sets the alarm, as a debit does; its alarm does nothing,
  while a debit's tells the projection through the queue. with a hold: reads and replaces a hold's row besides, as every
  step of a hold does. two object writes: those of a hold and its commit, one request after the other at one object.
  created by one write + sign: a new object, one table, one row, the alarm, the signatures.
Product routes: redeem again, debit, hold and commit over 100 cards, extend over 100 others with one hold each; every
request from an address of its own; one code key. hold + commit counts both requests.
Many cards: an object that left memory is loaded again. Postings: one debit at a time, over HTTP; those that were there
before were made by the same object a thousand a request.
Start-up: wrangler check startup, "Active" (top level and garbage collection; idle left out), profiler included.`;

const say = (line: string) => process.stderr.write(`${line}\n`);

async function main(): Promise<number> {
  const { values } = parseArgs({ options: { json: { type: "string" }, quick: { type: "boolean", default: false } } });
  const plan = values.quick ? QUICK : FULL;
  const folder = await mkdtemp(path.join(tmpdir(), "ringfare-bench-"));
  const startedMs = performance.now();
  try {
    say("building");
    const bundles = await buildBundles(folder);
    const [bundle, loads, loaded, postings, [issued, sheet], [criticalPath, signing]] = [
      await measureBundle(bundles.product, folder, plan.startups),
      await withPlatform(folder, bundles.product, async (product) =>
        withPlatform(folder, bundles.floor, async (floor) =>
          runRounds(await makeLoads({ product, floor }, plan), plan, say),
        ),
      ),
      await withPlatform(folder, bundles.product, async (product) =>
        withPlatform(folder, bundles.floor, async (floor) => measureCards({ product, floor }, plan, say)),
      ),
      await withPlatform(folder, bundles.grown, async (product) => {
        say("many postings");
        return measurePostings(product, plan);
      }),
      await withPlatform(folder, bundles.product, async (platform) => {
        say("issuing");
        const bench = await makeCatalogue(platform.url, platform.key);
        return [
          await measureIssue(bench, platform, plan.issues),
          await measureSheet(bench, platform, plan.codes),
        ] as const;
      }),
      await withPlatform(folder, bundles.delayed, async (platform) => {
        say("slow bindings");
        return [await measureCriticalPath(platform, plan.paths), await measureSigning(platform, plan.paths)] as const;
      }),
    ];
    const cards = { ...loaded, postings };
    const ratios = ratiosOf(loads);
    const figures = [...figuresOf(issued, sheet, bundle), ...signingFiguresOf(signing)];
    const { object, kv, d1 } = criticalPath.delaysMs;
    const slow = `Bindings made slow (object ${object} ms, KV ${kv} ms, D1 ${d1} ms) and counted, most of any run. A debit writes ${criticalPath.debitRowsWritten} rows.`;
    console.log(
      [loadTable(loads), ratioTable(ratios), NOTES, figureTable([...cardFiguresOf(cards), ...figures])].join("\n\n"),
    );
    console.log(`\n${slow}\n\n${pathTable(criticalPath)}`);
    const seconds = Math.round((performance.now() - startedMs) / 1000);
    const machine = `node ${process.version}, ${process.platform} ${process.arch}, ${availableParallelism()} CPUs`;
    console.log(`\nTook ${seconds} s; ${machine}. Again: npm run bench${values.quick ? " -- --quick" : ""}`);
    const report = {
      quick: values.quick,
      machine,
      loads,
      ratios,
      cards,
      issued,
      sheet,
      bundle,
      signing,
      figures,
      criticalPath,
    };
    const files = [RESULTS_FILE, ...(values.json === undefined ? [] : [values.json])];
    await Promise.all(files.map((file) => writeFile(file, `${JSON.stringify(report, undefined, 2)}\n`)));
    return 0;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A fresh instance each time: memory and data of one part are not the next one's. */
async function withPlatform<T>(
  folder: string,
  bundle: string,
  work: (platform: BenchPlatform) => Promise<T>,
): Promise<T> {
  const platform = await startBench(await mkdtemp(path.join(folder, "state-")), bundle);
  try {
    return await work(platform);
  } finally {
    await platform.stop();
  }
}

await command(main);
