/** `npm run keys -- compromise` as a user runs it against the running product. */
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { freePort } from "../support/free-port.ts";
import { type Instance, startInstance } from "./instance.ts";

const ROOT = path.resolve(import.meta.dirname, "../..");
const LIMIT_MS = 120_000;

let folder: string;
let instance: Instance;
beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), "ringfare-code-keys-"));
  instance = startInstance(folder, await freePort());
  await instance.demo;
}, LIMIT_MS);
afterAll(async () => {
  await instance.killGroup();
  await rm(folder, { recursive: true, force: true });
});

const run = (...args: string[]): Promise<{ code: number; text: string }> =>
  new Promise((resolve) => {
    const env = { ...process.env, RINGFARE_STATE: folder };
    const child = execFile(
      process.execPath,
      ["src/cli/keys.ts", ...args],
      { cwd: ROOT, env },
      (error, stdout, stderr) => resolve({ code: error ? Number(error.code) : 0, text: stdout + stderr }),
    );
    child.stdin?.end();
  });

it(
  "recalls only when told to, says where touched cards are, and again changes nothing",
  { timeout: LIMIT_MS },
  async () => {
    const open = /code key 1: [1-9]\d* batches, \d+ cards; untouched cards of [1-9]\d* batches can be redeemed/;
    expect((await run("list")).text).toMatch(open);
    const unconfirmed = await run("compromise", "1", "--reason", "Seen");
    expect(unconfirmed, unconfirmed.text).toMatchObject({ code: 1 });
    expect(unconfirmed.text).toContain("This key still issues");
    expect((await run("compromise", "1", "--yes")).text).toContain("--reason is missing");
    expect((await run("compromise", "99", "--yes", "--reason", "Seen")).text).toContain("has no code key 99");
    expect((await run("list")).text).toMatch(open);

    const done = await run("compromise", "1", "--yes", "--reason", "Seen");
    expect(done, done.text).toMatchObject({ code: 0 });
    expect(done.text).toMatch(/^[1-9]\d* batches recalled\./m);
    expect(done.text).toContain("/v1/cards?codeKey=1");
    expect((await run("list")).text).toContain("untouched cards of 0 batches can be redeemed");
    expect((await run("compromise", "1", "--yes", "--reason", "Seen")).text).toMatch(/^0 batches recalled\./m);
  },
);
