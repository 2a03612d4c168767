/** `npm run check`: everything but the tests that must hold before a change is shared. Reports all failures, not the first. */
import { cp, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { bundledScripts, bundleWorker } from "./local-platform.ts";
import { migrationNames } from "./migrations.ts";
import { command, outputOf, PROJECT_ROOT, type Ran, runPackage, runWrangler } from "./tools.ts";

const MOST_BUNDLE_KB = 260;
const AT_A_TIME = 2;
const TSCONFIGS = [
  "tsconfig.json",
  "src/web/tsconfig.json",
  "test/tsconfig.json",
  "test/unit/tsconfig.json",
  "test/e2e/tsconfig.json",
  "test/browser/tsconfig.json",
  "test/interop/tsconfig.json",
];

/** undefined = fine; `note` is shown either way. */
type Outcome = { readonly failure?: string; readonly note?: string };
type Step = { readonly name: string; readonly run: (temporary: string) => Promise<Outcome> };

const passed = (ran: Ran): Outcome => (ran.code === 0 ? {} : { failure: outputOf(ran) });

/** The head names the command and its hash, and imports are relative to the file; what counts is the types. */
const typesIn = async (file: string): Promise<string> =>
  (await readFile(file, "utf8"))
    .replace(/^(?:\/[/*].*\n)*/, "")
    .replaceAll(/import\("[^"]*\/(?:src\/)?([^/"]+)"\)/g, 'import("$1")');

async function typesAreCurrent(temporary: string): Promise<Outcome> {
  const made = path.join(temporary, "worker-configuration.d.ts");
  const ran = await runWrangler(["types", made, "--include-runtime=false"]);
  if (ran.code !== 0) return { failure: outputOf(ran) };
  const isSame = (await typesIn(made)) === (await typesIn(path.join(PROJECT_ROOT, "src/worker-configuration.d.ts")));
  return isSame ? {} : { failure: "src/worker-configuration.d.ts is not what wrangler.toml says: `npm run types`." };
}

async function migrationsAreCurrent(temporary: string): Promise<Outcome> {
  await migrationNames(path.join(PROJECT_ROOT, "migrations"));
  const copy = path.join(temporary, "migrations");
  await cp(path.join(PROJECT_ROOT, "migrations"), copy, { recursive: true });
  const before = await readdir(copy);
  const out = path.relative(PROJECT_ROOT, copy);
  const ran = await runPackage("drizzle-kit/bin.cjs", [
    "generate",
    "--dialect=sqlite",
    "--schema=./src/storage/schema.ts",
    `--out=${out}`,
  ]);
  if (ran.code !== 0) return { failure: outputOf(ran) };
  const added = (await readdir(copy)).filter((name) => !before.includes(name));
  return added.length === 0 ? {} : { failure: "src/storage/schema.ts has changed since: `npm run migrations`." };
}

async function bundleIsSmall(temporary: string): Promise<Outcome> {
  const scripts = await bundledScripts(await bundleWorker(temporary));
  const kb = scripts.reduce((sum, script) => sum + gzipSync(script).length, 0) / 1024;
  const note = `${kb.toFixed(1)} KB gzip of at most ${MOST_BUNDLE_KB}`;
  return kb <= MOST_BUNDLE_KB ? { note } : { failure: `The bundle has grown: ${note}.` };
}

const STEPS: readonly Step[] = [
  ...TSCONFIGS.map((project) => ({
    name: `types: ${project}`,
    run: async () => passed(await runPackage("typescript/bin/tsc", ["-p", project])),
  })),
  { name: "generated types", run: typesAreCurrent },
  { name: "migrations", run: migrationsAreCurrent },
  {
    name: "lint",
    run: async () => passed(await runPackage("oxlint/bin/oxlint", ["--type-aware", "--deny-warnings"])),
  },
  { name: "format", run: async () => passed(await runPackage("oxfmt/bin/oxfmt", ["--check"])) },
  { name: "unused code", run: async () => passed(await runPackage("knip/bin/knip.js", [])) },
  { name: "build size", run: bundleIsSmall },
];

async function main(): Promise<number> {
  const temporary = await mkdtemp(path.join(os.tmpdir(), "ringfare-check-"));
  const failures: string[] = [];
  const waiting = [...STEPS];
  const work = async () => {
    for (let step = waiting.shift(); step; step = waiting.shift()) {
      const { failure, note } = await step.run(temporary).catch((error: unknown) => ({
        failure: error instanceof Error ? error.message : String(error),
        note: undefined,
      }));
      process.stdout.write(`${failure === undefined ? "ok    " : "FAILED"}  ${step.name}${note ? `: ${note}` : ""}\n`);
      if (failure !== undefined) failures.push(`--- ${step.name}\n${failure}`);
    }
  };
  try {
    await Promise.all(Array.from({ length: AT_A_TIME }, work));
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
  if (failures.length > 0) process.stdout.write(`\n${failures.join("\n\n")}\n`);
  return failures.length === 0 ? 0 : 1;
}

if (import.meta.main) await command(main);
