/** The other commands, as a user runs them: what they say, what they keep, and that they never show a secret. */
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createSecrets, writeSecrets } from "../../src/cli/secrets.ts";

const ROOT = path.resolve(import.meta.dirname, "../..");
let stateDir: string;
let file: string;

type Said = { readonly code: number; readonly text: string };

const run = (script: string, ...args: string[]): Promise<Said> =>
  new Promise((resolve) => {
    const env = { ...process.env, RINGFARE_STATE: stateDir, CLOUDFLARE_API_TOKEN: "" };
    execFile(process.execPath, [`src/cli/${script}.ts`, ...args], { cwd: ROOT, env }, (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code) : 0, text: stdout + stderr }),
    );
  });

beforeAll(async () => {
  stateDir = await mkdtemp(path.join(os.tmpdir(), "ringfare-commands-"));
  file = path.join(stateDir, "secrets.json");
  await writeSecrets(file, await createSecrets(Date.now()));
});

afterAll(() => rm(stateDir, { recursive: true, force: true }));

it("rotates keys by adding, up to four live code keys, and says what to do next", async () => {
  const before = JSON.parse(await readFile(file, "utf8")).secrets;
  for (const next of ["CODE_KEY_2", "CODE_KEY_3", "CODE_KEY_4"]) {
    const { code, text } = await run("keys", "rotate", "code");
    expect(code).toBe(0);
    expect(text).toContain(`Added ${next}`);
    expect(text).toContain("Restart");
  }
  const fifth = await run("keys", "rotate", "code");
  expect(fifth.code).toBe(1);
  expect(fifth.text).toContain("Retire the oldest, CODE_KEY_1");
  const after = JSON.parse(await readFile(file, "utf8")).secrets;
  expect(after).toMatchObject(before);
  const listed = (await run("keys", "list")).text;
  expect(listed).toMatch(/CODE_KEY_4 .*in use/);
  for (const value of Object.values<string>(after)) expect(listed).not.toContain(value);
});

it("publishes a signing key before it signs", async () => {
  const soon = await run("keys", "rotate", "signing", "--sign-from", new Date(Date.now() + 60_000).toISOString());
  expect(soon.code).toBe(1);
  expect((await run("keys", "rotate", "signing")).text).toContain("It must be published by");
  expect((await run("keys", "list")).text).toMatch(/SIGNING_KEY_\w+ .*will sign from/);
});

it("plans a deployment without an account, and refuses what cannot be one", async () => {
  const { code, text } = await run("deploy", "--origin", "https://cards.example.com", "--dry-run");
  expect(text).toContain("PUBLIC_ORIGIN=https://cards.example.com");
  expect(code).toBe(0);
  for (const origin of ["http://cards.example.com", "https://cards.example.com/path", "cards"]) {
    expect(await run("deploy", "--origin", origin, "--dry-run")).toMatchObject({ code: 1 });
  }
  expect((await run("deploy", "--orgin", "x")).text).toMatch(/^\nUnknown option '--orgin'/);
});
