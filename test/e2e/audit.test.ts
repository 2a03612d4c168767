/** `npm run audit -- verify` as a user runs it: a sound trail, one edited in the database file, one cut short and tidied up. */
import { execFile } from "node:child_process";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { DatabaseSync } from "node:sqlite";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { freePort } from "../support/free-port.ts";
import { type Instance, startInstance } from "./instance.ts";

const ROOT = path.resolve(import.meta.dirname, "../..");
const LIMIT_MS = 120_000;

let folder: string;
let port: number;
let instance: Instance;
beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), "ringfare-audit-"));
  port = await freePort();
  instance = startInstance(folder, port);
  await instance.demo;
}, LIMIT_MS);
afterAll(async () => {
  await instance.killGroup();
  await rm(folder, { recursive: true, force: true });
});

const run = (...args: string[]): Promise<{ code: number; text: string }> =>
  new Promise((resolve) => {
    const env = { ...process.env, RINGFARE_STATE: folder };
    execFile(process.execPath, ["src/cli/audit.ts", ...args], { cwd: ROOT, env }, (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code) : 0, text: stdout + stderr }),
    );
  });

/** Stops the product, edits its database as anybody with the file could, and starts it again. */
async function edited(work: (db: DatabaseSync) => void): Promise<void> {
  await instance.killGroup();
  const names = await readdir(path.join(folder, "v3"), { recursive: true });
  for (const name of names.filter((each) => each.endsWith(".sqlite"))) {
    const db = new DatabaseSync(path.join(folder, "v3", name));
    const table = db.prepare("SELECT 1 FROM sqlite_master WHERE name = 'audit_heads'").get();
    if (table) work(db);
    db.close();
  }
  instance = startInstance(folder, port);
  await instance.demo;
}

it("proves the trail, and finds what was done to it in the file", { timeout: LIMIT_MS }, async () => {
  const sound = await run("verify");
  expect(sound, sound.text).toMatchObject({ code: 0 });
  expect(sound.text).toMatch(/^\d+ rows and 0 kept ends checked: 0 findings\.$/m);
  // Kept as a log would keep them, wrapped and quoted.
  const heads = path.join(folder, "heads.log");
  const lines = sound.text.split("\n").filter((line) => line.includes("audit_head"));
  expect(lines.length).toBeGreaterThanOrEqual(2);
  await writeFile(heads, lines.map((line) => JSON.stringify({ level: "info", message: line })).join("\n"));
  expect((await run("verify", "--heads", heads)).text).toContain(`${lines.length} kept ends checked: 0 findings.`);

  await edited((db) => db.exec("UPDATE audit SET reason = 'Because' WHERE owner = 'operator' AND seq = 1"));
  const found = await run("verify");
  expect(found, found.text).toMatchObject({ code: 1 });
  expect(found.text).toContain("WRONG  operator 1  was changed");
  expect((await run("verify", "--partner", "demo")).code).toBe(0);
  await edited((db) => db.exec("UPDATE audit SET reason = NULL WHERE owner = 'operator' AND seq = 1"));
  expect((await run("verify")).code).toBe(0);

  await edited((db) => {
    db.exec("DELETE FROM audit WHERE owner = 'operator' AND seq > 1");
    db.exec(
      "UPDATE audit_heads SET seq = 1, hash = (SELECT hash FROM audit WHERE owner = 'operator' AND seq = 1) WHERE owner = 'operator'",
    );
  });
  expect((await run("verify")).code).toBe(0);
  const lost = await run("verify", "--heads", heads);
  expect(lost.code).toBe(1);
  expect(lost.text).toMatch(/WRONG {2}operator \d+ {2}is not the row that was logged as the end/);
});

it("says what it lacks", async () => {
  expect((await run()).text).toContain("What to do is missing.");
  const none = await run("verify", "--heads", path.join(ROOT, "package.json"));
  expect(none).toMatchObject({ code: 1 });
  expect(none.text).toContain("has no line of the event audit_head");
  expect((await run("verify", "--url", "http://example.com", "--key", "rf_x")).text).toContain("is no https address");
});
