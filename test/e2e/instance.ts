/** `npm start` as a user runs it: a process group of its own, a state folder, a port nobody else has. */
import { type ChildProcess, spawn } from "node:child_process";
import path from "node:path";
import type { Demo } from "../../src/cli/demo-data.ts";

const ROOT = path.resolve(import.meta.dirname, "../..");
const ENTRY = path.join(ROOT, "src/cli/start.ts");
const START_LIMIT_MS = 60_000;

export type Instance = {
  readonly child: ChildProcess;
  readonly output: () => string;
  /** The parsed demo line; fails with all that was said when the process ends without one. */
  readonly demo: Promise<Demo>;
  readonly exited: Promise<number | null>;
  /** kill -9 of the whole group, as a terminal that is gone or a supervisor would. */
  readonly killGroup: () => Promise<void>;
};

export function startInstance(stateDir: string, port: number, viaNpm = false): Instance {
  const [executable, args] = viaNpm ? ["npm", ["start"]] : [process.execPath, [ENTRY]];
  const child = spawn(executable, args, {
    cwd: ROOT,
    env: { ...process.env, RINGFARE_STATE: stateDir, PORT: String(port) },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (output += text));
  const exited = new Promise<number | null>((resolve) => child.once("close", resolve));
  const demo = new Promise<Demo>((resolve, reject) => {
    const look = () => {
      const line = /^demo (\{.*\})$/m.exec(output)?.[1];
      if (line !== undefined) resolve(JSON.parse(line) as Demo);
    };
    child.stdout.on("data", look);
    const fail = (why: string) => reject(new Error(`${why}. It said:\n${output}`));
    void exited.then((code) => fail(`Ended with ${code} before it was ready`));
    setTimeout(() => fail("Not ready in time"), START_LIMIT_MS).unref();
  });
  demo.catch(() => undefined); // a test that expects a refusal does not wait for it
  const killGroup = async () => {
    if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) {
      process.kill(-child.pid, "SIGKILL");
    }
    await exited;
  };
  return { child, output: () => output, demo, exited, killGroup };
}
