/**
 * `npm run test:mutants`: are the tests of the money good enough? Each mutant is put alone into a copy of the tree and
 * its suite is run; a mutant that survives fails the run. The unmutated copy must pass first.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { MUTANTS, type Mutant, type Suite } from "./mutants.ts";

const ROOT = path.resolve(import.meta.dirname, "../..");
const COPIED = ["src", "test", "migrations", "public", "package.json", "wrangler.toml", "tsconfig.json"];
const AT_A_TIME = 2;
const ALL_LIMIT_MS = 15 * 60_000;
const ONE_LIMIT_MS = 180_000;

/** Below 1, so that the first counterexample ends the run; enough for every mutant in the list. */
const SUITES: Record<Suite, { readonly args: readonly string[]; readonly scale: string }> = {
  ledger: { args: ["--project", "unit", "test/unit/model"], scale: "0.3" },
  object: { args: ["--project", "workers", "test/workers/model.test.ts"], scale: "0.9" },
};

type Verdict = "killed" | "SURVIVED" | "NO MATCH" | "NOT RUN" | "passed" | "FAILED";
type Row = { readonly suite: string; readonly name: string; readonly verdict: Verdict; readonly seconds: number };

const children = new Set<ChildProcess>();
const stop = (child: ChildProcess): void => {
  if (child.pid === undefined || child.exitCode !== null) return;
  try {
    process.kill(-child.pid, "SIGKILL"); // its own group: vitest and the runtimes it started
  } catch {
    // gone already
  }
};

/** true = the suite passed; false = a test of it failed; undefined = it did not get to the point of either. */
async function passes(folder: string, suite: Suite): Promise<{ passed: boolean | undefined; output: string }> {
  const { args, scale } = SUITES[suite];
  const vitest = path.join(ROOT, "node_modules/vitest/vitest.mjs");
  const child = spawn(process.execPath, [vitest, "run", "--config", "test/vitest.config.ts", ...args], {
    cwd: folder,
    env: { ...process.env, MODEL_SCALE: scale, NO_COLOR: "1", CI: "1" },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  children.add(child);
  const timer = setTimeout(() => stop(child), ONE_LIMIT_MS);
  let output = "";
  const hear = (text: string) => {
    output += text;
    // The verdict is what counts; a runtime whose objects were broken on purpose may take its time to end.
    if (/^ +[❯✓] .*model.*test\.ts \(/m.test(output)) setTimeout(() => stop(child), 3_000);
  };
  child.stdout.setEncoding("utf8").on("data", hear);
  child.stderr.setEncoding("utf8").on("data", hear);
  await new Promise((resolve) => child.once("close", resolve));
  clearTimeout(timer);
  children.delete(child);
  const began = output.includes("MODEL_SEED=");
  const failed = / \| \d+ failed\)/.test(output);
  const passed = /^ +✓ .*model.*test\.ts \(/m.test(output);
  return { passed: began && failed ? false : began && passed ? true : undefined, output };
}

async function copyTree(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const name of COPIED) await cp(path.join(ROOT, name), path.join(folder, name), { recursive: true });
  await symlink(path.join(ROOT, "node_modules"), path.join(folder, "node_modules"));
}

async function judge(folder: string, mutant: Mutant): Promise<Row> {
  const startedAt = performance.now();
  const row = (verdict: Verdict): Row => ({
    suite: mutant.suite,
    name: mutant.name,
    verdict,
    seconds: (performance.now() - startedAt) / 1000,
  });
  const file = path.join(folder, mutant.file);
  const source = await readFile(file, "utf8");
  const parts = source.split(mutant.search);
  if (parts.length !== 2) return row("NO MATCH");
  await writeFile(file, parts.join(mutant.replacement));
  try {
    const { passed, output } = await passes(folder, mutant.suite);
    if (passed === undefined) console.error(output.slice(-3000));
    return row(passed === undefined ? "NOT RUN" : passed ? "SURVIVED" : "killed");
  } finally {
    await writeFile(file, source);
  }
}

async function control(folder: string, suite: Suite): Promise<Row> {
  const startedAt = performance.now();
  const { passed, output } = await passes(folder, suite);
  if (passed !== true) console.error(output.replaceAll(/^(stack|uncaught exception).*$/gm, "").slice(-12_000));
  const seconds = (performance.now() - startedAt) / 1000;
  return { suite, name: "(nothing mutated)", verdict: passed === true ? "passed" : "FAILED", seconds };
}

const print = ({ suite, name, verdict, seconds }: Row): void =>
  console.log(`${verdict.padEnd(9)} ${suite.padEnd(7)} ${seconds.toFixed(0).padStart(4)} s  ${name}`);

async function main(folder: string): Promise<boolean> {
  const wanted = process.argv[2];
  const mutants = MUTANTS.filter(({ name }) => wanted === undefined || name.includes(wanted));
  const folders = Array.from({ length: AT_A_TIME }, (_, index) => path.join(folder, String(index)));
  for (const each of folders) await copyTree(each);
  const suites = [...new Set(mutants.map(({ suite }) => suite))];
  const rows: Row[] = await Promise.all(suites.map((suite, index) => control(folders[index] ?? folder, suite)));
  rows.forEach(print);
  if (rows.some(({ verdict }) => verdict !== "passed")) return false;
  const left = [...mutants];
  const deadline = Date.now() + ALL_LIMIT_MS;
  await Promise.all(
    folders.map(async (own) => {
      for (let next = left.shift(); next !== undefined; next = left.shift()) {
        const late = Date.now() > deadline;
        const row: Row = late ? { ...next, verdict: "NOT RUN", seconds: 0 } : await judge(own, next);
        rows.push(row);
        print(row);
      }
    }),
  );
  const killed = rows.filter(({ verdict }) => verdict === "killed").length;
  console.log(`${killed} of ${mutants.length} mutants killed`);
  return killed === mutants.length;
}

const temporary = await mkdtemp(path.join(os.tmpdir(), "ringfare-mutants-"));
process.once("SIGINT", () => children.forEach(stop));
process.once("SIGTERM", () => children.forEach(stop));
try {
  process.exitCode = (await main(temporary)) ? 0 : 1;
} finally {
  children.forEach(stop);
  await rm(temporary, { recursive: true, force: true });
}
