/**
 * Who is who among this machine's processes. A process id alone may have been given to a stranger since;
 * with its start time it names one process for good, so that only our own are ever stopped.
 */
import { spawn } from "node:child_process";
import { readdir, readFile, readlink } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { run } from "./tools.ts";

export type ProcessId = { readonly pid: number; readonly startedAt: string };
type ProcessInfo = ProcessId & { readonly parent: number; readonly command: string };

const STOP_PATIENCE_MS = 5_000;
const POLL_MS = 50;

export async function listProcesses(): Promise<readonly ProcessInfo[]> {
  return process.platform === "linux" ? listFromProc() : listFromPs();
}

async function listFromProc(): Promise<ProcessInfo[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(
    pids.map(async (pid) => {
      try {
        const [line, command] = await Promise.all([
          readFile(`/proc/${pid}/stat`, "utf8"),
          readFile(`/proc/${pid}/cmdline`, "utf8"),
        ]);
        // The name in brackets may hold anything; the fields after its last bracket are state, parent, …, start (22nd).
        const fields = line.slice(line.lastIndexOf(")") + 2).split(" ");
        if (fields[0] === "Z") return [];
        const text = command.replaceAll("\0", " ").trim();
        return [{ pid: Number(pid), parent: Number(fields[1]), startedAt: fields[19] ?? "", command: text }];
      } catch {
        return []; // it ended while we looked, or is somebody else's
      }
    }),
  );
  return found.flat();
}

async function listFromPs(): Promise<ProcessInfo[]> {
  const { stdout } = await run("ps", ["-A", "-o", "pid=,ppid=,lstart=,command="], { env: { LC_ALL: "C" } });
  return stdout.split("\n").flatMap((line) => {
    const match = /^\s*(\d+)\s+(\d+)\s+(\S+\s+\S+\s+\d+\s+[\d:]+\s+\d+)\s+(.*)$/.exec(line);
    if (!match) return [];
    const [, pid, parent, startedAt = "", command = ""] = match;
    return [{ pid: Number(pid), parent: Number(parent), startedAt, command }];
  });
}

const same = (a: ProcessId) => (b: ProcessId) => a.pid === b.pid && a.startedAt === b.startedAt;

export const findProcess = async (id: ProcessId): Promise<ProcessInfo | undefined> =>
  (await listProcesses()).find(same(id));

export const childrenOf = async (pid: number): Promise<readonly ProcessInfo[]> =>
  (await listProcesses()).filter(({ parent }) => parent === pid);

/** Asks, then insists; only ever this very process. True once it is gone. */
export async function stopProcess(id: ProcessId, patienceMs = STOP_PATIENCE_MS): Promise<boolean> {
  for (const signal of ["SIGTERM", "SIGKILL"] as const) {
    const deadline = Date.now() + patienceMs;
    for (let sent = false; Date.now() < deadline; await sleep(POLL_MS)) {
      if (!(await findProcess(id))) return true;
      if (!sent) sent = signalTo(id.pid, signal);
    }
  }
  return !(await findProcess(id));
}

function signalTo(pid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(pid, signal);
  } catch {
    // gone already, or not ours: the caller looks again
  }
  return true;
}

/** Who listens on a port, where the system tells (Linux, own processes). */
export async function listenerOn(port: number): Promise<ProcessInfo | undefined> {
  if (process.platform !== "linux") return undefined;
  const hexPort = port.toString(16).toUpperCase().padStart(4, "0");
  const tables = await Promise.all(
    ["/proc/net/tcp", "/proc/net/tcp6"].map((file) => readFile(file, "utf8").catch(() => "")),
  );
  const inodes = new Set(
    tables.flatMap((table) =>
      table
        .split("\n")
        .map((line) => line.trim().split(/\s+/))
        .filter((fields) => fields[1]?.endsWith(`:${hexPort}`) && fields[3] === "0A")
        .map((fields) => `socket:[${fields[9]}]`),
    ),
  );
  for (const info of await listProcesses()) {
    const folder = `/proc/${info.pid}/fd`;
    const files = await readdir(folder).catch(() => []);
    const links = await Promise.all(files.map((fd) => readlink(`${folder}/${fd}`).catch(() => "")));
    if (links.some((link) => inodes.has(link))) return info;
  }
  return undefined;
}

/**
 * A tiny shell that outlives this process only to take its runtime down: kill -9 cannot be caught, but it closes the
 * pipe the shell reads, and workerd itself would live on and hold the port. Deaf to the terminal's signals.
 */
export function guard(): { readonly watch: (pid: number) => void; readonly release: () => void } {
  const script =
    'trap "" INT TERM HUP; last=; while read -r pid; do last=$pid; done; [ -z "$last" ] || kill -9 "$last"';
  const shell = spawn("sh", ["-c", script], { stdio: ["pipe", "ignore", "ignore"] });
  shell.on("error", () => undefined); // no shell: the next start stops the leftover instead
  shell.stdin.on("error", () => undefined);
  shell.unref();
  return {
    watch: (pid) => void shell.stdin.write(`${pid}\n`),
    release: () => void shell.kill("SIGKILL"),
  };
}
