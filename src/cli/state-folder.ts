/** The folder of a local instance: may be written, is used by one instance at a time, and remembers who that was. */
import { link, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { readJson } from "./files.ts";
import { childrenOf, findProcess, listenerOn, listProcesses, type ProcessId, stopProcess } from "./processes.ts";
import { CliError } from "./tools.ts";

const RECORD = "run.json";
/** A killed runtime's port is free again within milliseconds; a loaded machine gets a little longer. */
const PORT_PATIENCE_MS = 3_000;
const POLL_MS = 100;
const CLAIM_ATTEMPTS = 5;

type RunRecord = ProcessId & {
  readonly port: number;
  readonly launchers: readonly ProcessId[];
  readonly runtimes: readonly ProcessId[];
};

export type StateFolder = {
  /** Process ids of what started us and could end us. */
  readonly launchers: readonly number[];
  /** Notes the runtime's processes, for a next start that finds them without us. */
  readonly noteRuntimes: (pids: readonly number[]) => Promise<void>;
  readonly release: () => Promise<void>;
};

export async function openStateFolder(folder: string, port: number, say: (line: string) => void): Promise<StateFolder> {
  await makeWritable(folder);
  const file = path.join(folder, RECORD);
  const record = await ownRecord(port);
  await claim(file, record, say);
  return {
    launchers: record.launchers.map(({ pid }) => pid),
    noteRuntimes: async (pids) => {
      const runtimes = (await childrenOf(process.pid)).filter(({ pid }) => pids.includes(pid));
      const noted = { ...record, runtimes: runtimes.map(({ pid, startedAt }) => ({ pid, startedAt })) };
      const temporary = `${file}.${process.pid}`;
      await writeFile(temporary, JSON.stringify(noted), { mode: 0o600 });
      await rename(temporary, file);
    },
    release: async () => {
      if (isRecord(await readJson(file), record)) await rm(file, { force: true });
    },
  };
}

async function makeWritable(folder: string): Promise<void> {
  const probe = path.join(folder, `.writable.${process.pid}`);
  try {
    await mkdir(folder, { recursive: true });
    await writeFile(probe, "");
    await rm(probe);
  } catch (error) {
    const { code = "unknown error" } = error as NodeJS.ErrnoException;
    const reasons: Record<string, string> = {
      EACCES: "this user may not write there",
      EPERM: "this user may not write there",
      EROFS: "it is on a read-only file system",
      ENOTDIR: "a file is in the way",
      EEXIST: "a file of that name is in the way",
      ENOSPC: "the disk is full",
    };
    throw new CliError(
      `The state folder ${folder} cannot be used: ${reasons[code] ?? code} (${code}).`,
      "Put that right, or choose another folder: RINGFARE_STATE=<folder> npm start",
    );
  }
}

async function ownRecord(port: number): Promise<RunRecord> {
  const processes = await listProcesses();
  const find = (pid: number | undefined) => processes.find((info) => info.pid === pid);
  const parent = find(process.ppid);
  // npm runs scripts through a shell: the one who can end us then is npm, above it.
  const viaShell = process.env["npm_lifecycle_event"] !== undefined && !parent?.command.startsWith("npm");
  const launchers = [parent, viaShell ? find(parent?.parent) : undefined].filter((info) => info !== undefined);
  return {
    pid: process.pid,
    startedAt: find(process.pid)?.startedAt ?? "",
    port,
    launchers: launchers.map(({ pid, startedAt }) => ({ pid, startedAt })),
    runtimes: [],
  };
}

/** A hard link takes the name only if nobody has it, with the content already in place. */
async function claim(file: string, record: RunRecord, say: (line: string) => void): Promise<void> {
  const mine = `${file}.${process.pid}`;
  await writeFile(mine, JSON.stringify(record), { mode: 0o600 });
  try {
    for (let attempt = 0; attempt < CLAIM_ATTEMPTS; attempt++) {
      const taken = await link(mine, file).then(
        () => false,
        (error: NodeJS.ErrnoException) => {
          if (error.code === "EEXIST") return true;
          throw error;
        },
      );
      if (!taken) return;
      await setAside(file, await readText(file), say);
    }
    throw new CliError(`${file} changes all the time.`, "Is another `npm start` beginning on this folder just now?");
  } finally {
    await rm(mine, { force: true });
  }
}

/** Ends what an earlier run left behind and removes its record; refuses while that run is alive and well. */
async function setAside(file: string, text: string, say: (line: string) => void): Promise<void> {
  const earlier = parseRecord(text);
  const running = earlier && (await findProcess(earlier));
  if (earlier && running) {
    // A launcher that is gone (npm, a shell, a supervisor) can stop it no more; nobody is waiting for it.
    const launchers = await Promise.all(earlier.launchers.map(findProcess));
    if (!launchers.includes(undefined)) {
      throw new CliError(
        `The state folder ${path.dirname(file)} is in use: process ${earlier.pid} serves it on port ${earlier.port}.`,
        `Use that one, stop it (kill ${earlier.pid}), or start beside it: RINGFARE_STATE=<folder> PORT=<port> npm start`,
      );
    }
    say(`Stopping process ${earlier.pid}, left over from an earlier start on port ${earlier.port}.`);
  }
  for (const id of earlier ? [earlier, ...earlier.runtimes] : []) {
    if (await stopProcess(id)) continue;
    throw new CliError(`Process ${id.pid}, left over from an earlier start, does not end.`, `Try: kill -9 ${id.pid}`);
  }
  // Take it out of the way by a name of our own, and look whether it is still what we judged.
  const aside = `${file}.old.${process.pid}`;
  await rename(file, aside).catch(() => undefined);
  if ((await readText(aside)) !== text) await link(aside, file).catch(() => undefined);
  await rm(aside, { force: true });
}

const readText = (file: string): Promise<string> => readFile(file, "utf8").catch(() => "");

const isProcessId = (id: ProcessId | undefined): boolean =>
  Number.isInteger(id?.pid) && typeof id?.startedAt === "string";

function parseRecord(text: string): RunRecord | undefined {
  try {
    const record = JSON.parse(text) as RunRecord;
    const lists = [record.launchers, record.runtimes];
    return isProcessId(record) && lists.every((list) => Array.isArray(list) && list.every(isProcessId))
      ? record
      : undefined;
  } catch {
    return undefined; // torn by a full disk, or not ours: it names nobody
  }
}

const isRecord = (value: unknown, record: RunRecord): boolean =>
  (value as RunRecord | undefined)?.pid === record.pid && (value as RunRecord).startedAt === record.startedAt;

/** Says who is in the way before the runtime would fail on it. */
export async function ensurePortFree(port: number): Promise<void> {
  const deadline = Date.now() + PORT_PATIENCE_MS;
  let code = await tryPort(port);
  while (code === "EADDRINUSE" && Date.now() < deadline) {
    await sleep(POLL_MS);
    code = await tryPort(port);
  }
  if (code === undefined) return;
  const other = `Choose another port: PORT=<port> npm start`;
  if (code !== "EADDRINUSE") throw new CliError(`Port ${port} cannot be opened (${code}).`, other);
  const owner = await listenerOn(port);
  throw new CliError(
    `Port ${port} is taken${owner ? ` by process ${owner.pid} (${owner.command.slice(0, 80)})` : " by another program"}.`,
    `${owner ? `Stop it (kill ${owner.pid}), or c` : "C"}${other.slice(1)}`,
  );
}

const tryPort = (port: number): Promise<string | undefined> =>
  new Promise((resolve) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? "unknown error"));
    server.listen({ port, host: "127.0.0.1" }, () => server.close(() => resolve(undefined)));
  });
