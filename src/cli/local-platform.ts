/**
 * The product on this machine: the bundle wrangler would upload, run by Miniflare in this process. `wrangler dev` would
 * add a proxy, a file watcher and a log line per request in front of the same runtime, and a second child to lose.
 * Everything but the port is derived from wrangler.toml; everything written lies under the state folder.
 */
import { mkdir, readdir, readFile, rm, symlink } from "node:fs/promises";
import path from "node:path";
import {
  convertV4MiniflareOptions,
  Log,
  LogLevel,
  Miniflare,
  type V4WorkerdStructuredLog,
  type V4WorkerOptions,
} from "miniflare";
import { applyMigrations } from "./migrations.ts";
import { childrenOf, guard } from "./processes.ts";
import { CliError, outputOf, PROJECT_ROOT, runWrangler } from "./tools.ts";

const DATABASE = "DB";
const HOST = "127.0.0.1";
const BUNDLE = "index.js";
const SCHEDULE_EVERY_MS = 60_000;

export type LocalPlatformOptions = {
  /** Made if absent; bundle, temporary files and (unless `persist` is false) all data go there. */
  readonly stateDir: string;
  /** 0 = any free one; then PUBLIC_ORIGIN must be set by the caller to something it can reach. */
  readonly port: number;
  readonly vars?: Readonly<Record<string, string>>;
  readonly secrets?: Readonly<Record<string, string>>;
  readonly logLevel?: "debug" | "info" | "warn" | "error" | "none";
  readonly persist?: boolean;
  /** For measurements: a folder with another index.js to run instead of the Worker a deployment would upload. */
  readonly bundle?: string;
};

export type LocalPlatform = {
  readonly url: string;
  readonly miniflare: Miniflare;
  /** Process ids of the runtime, for the record kept against the next start. */
  readonly runtimePids: readonly number[];
  readonly stop: () => Promise<void>;
};

const LEVELS = ["debug", "info", "warn", "error", "none"] as const;

/** Where data lies: the layout of `wrangler … --local --persist-to <state folder>`. */
export const dataFolder = (stateDir: string): string => path.join(stateDir, "v3");

/** Ours alone, emptied at every start; the state folder itself may hold other people's files. */
const runFolder = (stateDir: string): string => path.join(stateDir, "ringfare-run");
const temporaryFolder = (stateDir: string): string => path.join(runFolder(stateDir), "tmp");

export async function startLocalPlatform(options: LocalPlatformOptions): Promise<LocalPlatform> {
  const stateDir = path.resolve(options.stateDir);
  const temporary = temporaryFolder(stateDir);
  await rm(temporary, { recursive: true, force: true }); // left by a run that was killed
  await mkdir(temporary, { recursive: true });
  // Miniflare and wrangler ask the system for the temporary folder.
  process.env["TMPDIR"] = temporary;

  const [bundle, worker] = await Promise.all([options.bundle ?? bundleWorker(stateDir), workerOptions()]);
  const runtimeGuard = guard();
  const before = new Set((await childrenOf(process.pid)).map(({ pid }) => pid));
  const runtimes = async () =>
    (await childrenOf(process.pid)).filter(({ pid, command }) => !before.has(pid) && command.includes("workerd"));
  const watchRuntimes = async () => {
    const found = await runtimes();
    for (const { pid } of found) runtimeGuard.watch(pid);
    return found.map(({ pid }) => pid);
  };
  const giveSignalsBack = keepSignals();
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      host: HOST,
      port: options.port,
      cf: false,
      telemetry: { enabled: false },
      logRequests: false,
      log: new StderrLog(LogLevel.WARN),
      handleStructuredLogs: printWorkerLog(options.logLevel ?? "info"),
      unsafeHandleRuntimeRestart: async () => void (await watchRuntimes()),
      resourceTmpPath: temporary,
      ...(options.persist !== false && { resourcePersistencePath: dataFolder(stateDir) }),
      workers: [
        {
          ...worker,
          modules: [{ type: "ESModule", path: path.join(bundle, BUNDLE) }],
          modulesRoot: bundle,
          bindings: { ...(worker.bindings as Record<string, string>), ...options.vars, ...options.secrets },
        },
      ],
    }),
  );
  giveSignalsBack();
  let ticking: NodeJS.Timeout | undefined;
  const stop = async () => {
    clearInterval(ticking);
    await miniflare.dispose();
    runtimeGuard.release();
  };
  try {
    const url = (await miniflare.ready).origin;
    const runtimePids = await watchRuntimes();
    await applyMigrations(await miniflare.getD1Database(DATABASE), path.join(PROJECT_ROOT, "migrations"));
    ticking = setInterval(scheduler(miniflare), SCHEDULE_EVERY_MS).unref();
    return { url, miniflare, runtimePids, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

const today = (): string => new Date().toISOString().slice(0, 10);

/** Miniflare knows no clock: what wrangler.toml schedules for every minute, and for every day, is called from here. */
function scheduler(miniflare: Miniflare): () => void {
  let day = today();
  return () => {
    void runSchedule(miniflare, "* * * * *");
    if (day !== today()) void runSchedule(miniflare, "0 0 * * *");
    day = today();
  };
}

async function runSchedule(miniflare: Miniflare, cron: string): Promise<void> {
  try {
    await (await miniflare.getWorker()).scheduled({ cron });
  } catch (error) {
    // Stopping; or the next minute does it.
    process.stderr.write(`schedule: ${String(error)}\n`);
  }
}

/** Miniflare would end this process at the first signal; ending is its owner's business (and the guard's). */
function keepSignals(): () => void {
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  const before = new Set(signals.flatMap((signal) => process.listeners(signal)));
  return () => {
    for (const signal of signals) {
      for (const added of process.listeners(signal).filter((listener) => !before.has(listener))) {
        process.removeListener(signal, added);
      }
    }
  };
}

/** What wrangler would give its own runtime for this Worker, without source and without look-ups. */
async function workerOptions(): Promise<Omit<V4WorkerOptions, "modules" | "script" | "scriptPath">> {
  const { unstable_getMiniflareWorkerOptions: read, unstable_readConfig: readConfig } = await import("wrangler");
  const configPath = path.join(PROJECT_ROOT, "wrangler.toml");
  const { workerOptions: worker } = read(configPath);
  const { modulesRules: _unused, ...rest } = worker;
  return { ...rest, rootPath: PROJECT_ROOT, name: readConfig({ config: configPath }).name ?? "ringfare" };
}

/**
 * Bundles exactly as a deployment does. wrangler keeps its temporary files beside its configuration, so it gets a
 * folder of links under the state folder: several instances of one checkout never share a file.
 */
export async function bundleWorker(stateDir: string): Promise<string> {
  const build = path.join(runFolder(stateDir), "build");
  const project = path.join(build, "project");
  const outdir = path.join(build, "worker");
  await rm(build, { recursive: true, force: true });
  await Promise.all([project, temporaryFolder(stateDir)].map((folder) => mkdir(folder, { recursive: true })));
  for (const name of ["wrangler.toml", "package.json", "tsconfig.json", "src", "public", "node_modules"]) {
    await symlink(path.join(PROJECT_ROOT, name), path.join(project, name));
  }
  const ran = await runWrangler(["deploy", "--dry-run", "--outdir", outdir, "--config", "wrangler.toml"], {
    cwd: project,
    env: { WRANGLER_LOG_PATH: temporaryFolder(stateDir), TMPDIR: temporaryFolder(stateDir) },
  });
  if (ran.code !== 0) {
    throw new CliError(
      `The Worker could not be bundled:\n${outputOf(ran)}`,
      "`npm run check` shows where it is wrong.",
    );
  }
  return outdir;
}

/** Bytes of JavaScript a deployment uploads. */
export async function bundledScripts(outdir: string): Promise<Buffer[]> {
  const names = (await readdir(outdir)).filter((name) => /\.m?js$/.test(name));
  return Promise.all(names.map((name) => readFile(path.join(outdir, name))));
}

/** Standard output belongs to the command: what the Worker and its runtime say goes to standard error. */
const printWorkerLog = (least: (typeof LEVELS)[number]) => (entry: V4WorkerdStructuredLog) => {
  const level = LEVELS.find((name) => name === entry.level) ?? "info";
  if (LEVELS.indexOf(level) >= LEVELS.indexOf(least)) process.stderr.write(`${entry.message}\n`);
};

class StderrLog extends Log {
  override log(message: string): void {
    process.stderr.write(`${message}\n`);
  }
}
