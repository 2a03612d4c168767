/** `npm start`: everything on this machine, with demo data to click through. See README, "On one machine". */
import path from "node:path";
import { buildPages } from "./build-pages.ts";
import { hasOwner, makeDemo } from "./demo-data.ts";
import { exists } from "./files.ts";
import { dataFolder, type LocalPlatform, startLocalPlatform } from "./local-platform.ts";
import {
  BOOTSTRAP_KEY,
  createSecrets,
  readSecrets,
  type SecretsFile,
  withNewBootstrapKey,
  writeSecrets,
} from "./secrets.ts";
import { ensurePortFree, openStateFolder } from "./state-folder.ts";
import { CliError, command, PROJECT_ROOT } from "./tools.ts";

const DEFAULT_PORT = 8787;
const MOST_PORT = 65_535;
const LAUNCHER_POLL_MS = 500;

const say = (line: string): void => void process.stdout.write(`${line}\n`);

function readPort(text: string | undefined): number {
  if (text === undefined || text === "") return DEFAULT_PORT;
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port >= 1 && port <= MOST_PORT) return port;
  throw new CliError(`PORT is ${JSON.stringify(text)}.`, `It must be a whole number from 1 to ${MOST_PORT}.`);
}

/** The keys that seal this folder's cards. Made once; with data but without keys, every card there would be lost. */
async function loadSecrets(stateDir: string): Promise<SecretsFile> {
  const file = path.join(stateDir, "secrets.json");
  const found = await readSecrets(file);
  if (found) {
    if (await hasOwner(stateDir)) return found;
    // Nobody here has the operator's key that the bootstrap key made: a new one makes another.
    const renewed = await withNewBootstrapKey(found, Date.now());
    await writeSecrets(file, renewed);
    return renewed;
  }
  if (await exists(path.join(dataFolder(stateDir), "d1"))) {
    throw new CliError(
      `${file} is missing, but ${dataFolder(stateDir)} holds cards that only its keys can open.`,
      `Put a copy of it back. If those cards may go: delete ${dataFolder(stateDir)} and ${path.join(stateDir, "demo.json")}.`,
    );
  }
  const made = await createSecrets(Date.now());
  await writeSecrets(file, made);
  return made;
}

type Stop = { readonly promise: Promise<void>; readonly isStopping: () => boolean; readonly request: () => void };

/** Resolves when the user or the system asks this process to end; a second request does not interrupt the first. */
function stopRequested(): Stop {
  const { promise, resolve } = Promise.withResolvers<void>();
  let stopping = false;
  const request = () => {
    stopping = true;
    resolve();
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, request);
  return { promise, isStopping: () => stopping, request };
}

const isGone = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
};

/** npm passes a signal to its shell only, and kill -9 to nobody: under npm, the end of either is ours too. */
function followLaunchers(launchers: readonly number[], stop: Stop): void {
  if (process.env["npm_lifecycle_event"] === undefined) return;
  setInterval(() => {
    if (launchers.some(isGone)) stop.request();
  }, LAUNCHER_POLL_MS).unref();
}

async function serve(stateDir: string, port: number, stop: Stop): Promise<void> {
  const state = await openStateFolder(stateDir, port, say);
  followLaunchers(state.launchers, stop);
  let platform: LocalPlatform | undefined;
  try {
    await ensurePortFree(port);
    const secrets = await loadSecrets(stateDir);
    await buildPages();
    if (stop.isStopping()) return;
    say(`Starting on port ${port}, state in ${stateDir} …`);
    platform = await startLocalPlatform({
      stateDir,
      port,
      vars: {
        PUBLIC_ORIGIN: `http://127.0.0.1:${port}`,
        PORTAL_DOMAIN: "portal.localhost",
        PORTAL_INSECURE_UPSTREAMS: "true",
      },
      secrets: secrets.secrets,
    });
    await state.noteRuntimes(platform.runtimePids);
    const made = makeDemo({ url: platform.url, stateDir, bootstrapKey: secrets.secrets[BOOTSTRAP_KEY] ?? "", say });
    const demo = await Promise.race([made, stop.promise]);
    if (!demo) return void made.catch(() => undefined); // asked to stop half-way: the next start repairs
    say(`\nRingfare runs at ${demo.url}`);
    say(`  Dialler      ${demo.url}/`);
    say(`  API          ${demo.url}/docs`);
    say(`  Health       ${demo.url}/healthz`);
    say(`  A card       ${demo.codes[0]} (more below)`);
    say(`Stop with Ctrl-C; the state is kept.\n`);
    say(`demo ${JSON.stringify(demo)}`);
    await stop.promise;
  } finally {
    await platform?.stop();
    await state.release();
  }
}

if (import.meta.main) {
  await command(async () => {
    const stateDir = path.resolve(PROJECT_ROOT, process.env["RINGFARE_STATE"] || ".ringfare");
    await serve(stateDir, readPort(process.env["PORT"]), stopRequested());
    return 0;
  });
  // Miniflare may leave a socket to a runtime that is gone; everything of ours is written and closed.
  process.exit();
}
