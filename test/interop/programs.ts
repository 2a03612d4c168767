/** Programs of other people, started for one test and stopped by their own process id. */
import { type ChildProcess, spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";

const POLL_MS = 25;
const STOP_LIMIT_MS = 3000;

export type Running = {
  /** Everything it has written so far. */
  readonly output: () => string;
  /** Resolves once the output matches from `since` on; fails with all of it after the limit, or when it ends first. */
  readonly says: (pattern: RegExp, limitMs?: number, since?: number) => Promise<RegExpExecArray>;
  readonly type: (text: string) => void;
  readonly exited: Promise<number | null>;
  readonly stop: () => Promise<void>;
};

export type RunOptions = { readonly cwd?: string; readonly env?: Readonly<Record<string, string>> };

export function run(program: string, args: readonly string[], options: RunOptions = {}): Running {
  const child: ChildProcess = spawn(program, args, {
    stdio: ["pipe", "pipe", "pipe"],
    detached: true,
    ...(options.cwd !== undefined && { cwd: options.cwd }),
    env: { ...process.env, ...options.env },
  });
  let output = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => (output += text));
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (output += text));
  child.stdin?.on("error", () => undefined); // it ended before it was told to
  let ended = false;
  const exited = new Promise<number | null>((resolve, reject) => {
    child.once("error", (cause) => reject(new Error(`${program} cannot be run`, { cause })));
    child.once("close", resolve);
  }).finally(() => (ended = true));
  exited.catch(() => undefined); // whoever waits for its output is told
  return {
    output: () => output,
    says: async (pattern, limitMs = 10_000, since = 0) => {
      for (const untilMs = Date.now() + limitMs; ;) {
        const found = pattern.exec(output.slice(since));
        if (found) return found;
        if (ended || Date.now() > untilMs)
          throw new Error(`${program} never said ${pattern}${ended ? " and ended" : ""}. It said:\n${output}`);
        await sleep(POLL_MS);
      }
    },
    type: (text) => child.stdin?.write(text),
    exited,
    stop: async () => {
      signalGroup(child, "SIGTERM");
      const timer = setTimeout(() => signalGroup(child, "SIGKILL"), STOP_LIMIT_MS);
      await exited.catch(() => undefined);
      clearTimeout(timer);
    },
  };
}

/** The whole group: servers fork. */
function signalGroup({ pid, exitCode }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid === undefined || exitCode !== null) return;
  try {
    process.kill(-pid, signal);
  } catch {
    // It is gone.
  }
}

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** A UDP port of 127.0.0.1 that nobody uses just now. */
export async function freeUdpPort(): Promise<number> {
  const socket = createSocket("udp4");
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  const { port } = socket.address();
  await new Promise<void>((resolve) => socket.close(() => resolve()));
  return port;
}

/** A folder for one test file; `remove` at its end. */
export async function scratch(): Promise<{ readonly dir: string; readonly remove: () => Promise<void> }> {
  const dir = await mkdtemp(path.join(tmpdir(), "ringfare-interop-"));
  return { dir, remove: () => rm(dir, { recursive: true, force: true }) };
}
