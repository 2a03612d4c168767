/** `npm run test:soak`: the tests that search at random, fifty times as long as for a change; ends by itself. */
import { spawn } from "node:child_process";
import path from "node:path";

const SCALE = "50";
const LIMIT_MS = 3 * 3_600_000;
const TESTS = ["unit/model", "workers/model.test.ts", "workers/linearizability.test.ts", "e2e/kill.test.ts"];

const root = path.resolve(import.meta.dirname, "..");
const vitest = path.join(root, "node_modules/vitest/vitest.mjs");
// A group of its own, so that the limit ends the runtimes as well.
const child = spawn(process.execPath, [vitest, "run", "--config", "test/vitest.config.ts", ...TESTS], {
  cwd: root,
  env: { ...process.env, MODEL_SCALE: process.env["MODEL_SCALE"] ?? SCALE },
  stdio: "inherit",
  detached: true,
});
const stop = (): void => {
  if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, "SIGKILL");
};
const timer = setTimeout(() => {
  console.error(`Not done after ${LIMIT_MS / 60_000} minutes.`);
  stop();
}, LIMIT_MS);
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, stop);
child.once("close", (code) => {
  clearTimeout(timer);
  process.exitCode = code ?? 1;
});
