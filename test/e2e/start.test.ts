/** The start on one machine, from outside: what is kept, what is refused and how, and what a kill -9 leaves behind. */
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { once } from "node:events";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Demo } from "../../src/cli/demo-data.ts";
import { freePort } from "../support/free-port.ts";
import { type Instance, startInstance } from "./instance.ts";

const STEP_MS = 45_000;
const CODE = /^[0-9A-HJKMNP-TV-Z]{4}(-[0-9A-HJKMNP-TV-Z]{4}){3}$/;
const DEVICE_ID = "e2e-device-0123456789abcdef";

let folder: string;
const running = new Set<Instance>();

function start(stateDir: string, port: number, viaNpm = false): Instance {
  const instance = startInstance(stateDir, port, viaNpm);
  running.add(instance);
  return instance;
}

const call = (demo: Demo, address: string, key: string) =>
  fetch(new URL(address, demo.url), { headers: { Authorization: `Bearer ${key}` } });

/** Waits for a process that should refuse to start. */
async function refusal(stateDir: string, port: number): Promise<string> {
  const instance = start(stateDir, port);
  expect(await instance.exited).toBe(1);
  return instance.output();
}

beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), "ringfare e2e "));
});

afterAll(async () => {
  await Promise.all(Array.from(running, (instance) => instance.killGroup()));
  await rm(folder, { recursive: true, force: true });
});

describe("npm start", () => {
  let stateDir: string;
  let port: number;
  let first: Demo;
  let instance: Instance;

  beforeAll(async () => {
    stateDir = path.join(folder, "state");
    port = await freePort();
    await mkdir(stateDir);
    await writeFile(path.join(stateDir, "foreign.txt"), "mine");
    instance = start(stateDir, port);
    first = await instance.demo;
  }, STEP_MS);

  it("shows a demo in which everything works", async () => {
    expect(first.url).toBe(`http://127.0.0.1:${port}`);
    expect(first.codes).toHaveLength(10);
    for (const code of first.codes) expect(code).toMatch(CODE);
    for (const [key, address] of [
      [first.adminKey, `/v1/batches/${first.batch}`],
      [first.partnerKey, `/v1/partners/${first.partner}`],
    ] as const) {
      expect((await call(first, address, key)).status).toBe(200);
    }
    expect((await call(first, `/v1/batches/${first.batch}`, first.switchKey)).status).toBe(403);
    const redeemed = await fetch(new URL("/v1/redeem", first.url), {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ code: first.codes[0], device: { id: DEVICE_ID } }),
    });
    expect(redeemed.status).toBe(200);
    expect(await redeemed.json()).toMatchObject({ balance: { available: "10.00", currency: "EUR" } });
  });

  it("keeps keys private and other people's files alone", async () => {
    for (const name of ["secrets.json", "demo.json"]) {
      expect((await stat(path.join(stateDir, name))).mode & 0o777).toBe(0o600);
    }
    expect(await readFile(path.join(stateDir, "foreign.txt"), "utf8")).toBe("mine");
    const { secrets } = JSON.parse(await readFile(path.join(stateDir, "secrets.json"), "utf8"));
    for (const value of Object.values<string>(secrets)) expect(instance.output()).not.toContain(value);
  });

  it("refuses a folder in use and a port that is taken, and says what to do", async () => {
    const inUse = await refusal(stateDir, await freePort());
    expect(inUse).toContain(`process ${instance.child.pid} serves it on port ${port}`);
    expect(inUse).toContain("RINGFARE_STATE=");
    const taken = await refusal(path.join(folder, "other"), port);
    expect(taken).toContain(`Port ${port} is taken`);
    expect(taken).toContain("PORT=<port> npm start");
    expect(inUse + taken).not.toMatch(/^\s+at /m);
  });

  it(
    "starts again on the same port and state right after kill -9 of the group, with keys, cards and untouched codes",
    async () => {
      await instance.killGroup();
      instance = start(stateDir, port);
      const second = await instance.demo;
      expect({ ...second, codes: [] }).toEqual({ ...first, codes: [] });
      expect(second.codes).not.toContain(first.codes[0]);
      expect(second.codes.slice(0, 9)).toEqual(first.codes.slice(1));
    },
    STEP_MS,
  );

  it(
    "takes its runtime along when only the parent is killed",
    async () => {
      instance.child.kill("SIGKILL");
      await instance.exited;
      await expect.poll(() => canListen(port), { timeout: 5_000 }).toBe(true);
    },
    STEP_MS,
  );

  it(
    "makes a demo memory that cannot be read anew, and ends cleanly on SIGTERM",
    async () => {
      await writeFile(path.join(stateDir, "demo.json"), '{"trunkSe');
      instance = start(stateDir, port);
      const third = await instance.demo;
      expect(instance.output()).toMatch(/demo\.json could not be read/);
      expect(third.batch).toBe(first.batch);
      expect(third.adminKey).not.toBe(first.adminKey);
      instance.child.kill("SIGTERM");
      expect(await instance.exited).toBe(0);
      expect(await canListen(port)).toBe(true);
    },
    STEP_MS,
  );

  it(
    "ends with npm, which does not pass its signal on",
    async () => {
      instance = start(stateDir, port, true);
      await instance.demo;
      instance.child.kill("SIGTERM");
      await expect.poll(() => canListen(port), { timeout: 10_000 }).toBe(true);
      await expect.poll(() => exists(path.join(stateDir, "run.json")), { timeout: 5_000 }).toBe(false);
    },
    STEP_MS,
  );

  it("never makes secrets anew while there are cards", async () => {
    const file = path.join(stateDir, "secrets.json");
    const good = await readFile(file, "utf8");
    await writeFile(file, good.slice(0, 40));
    expect(await refusal(stateDir, port)).toMatch(/secrets\.json cannot be read.*\nPut a copy of it back/);
    expect(await readFile(file, "utf8")).toBe(good.slice(0, 40));
    await rm(file);
    expect(await refusal(stateDir, port)).toMatch(/secrets\.json is missing, but .* holds cards/);
    await writeFile(file, good);
  });
});

describe("npm start, refusing", () => {
  it("names a port that is none", async () => {
    for (const port of [0, 65_536]) {
      expect(await refusal(path.join(folder, "ports"), port)).toContain("whole number from 1 to 65535");
    }
  });

  it("names a state folder that cannot be one", async () => {
    const file = path.join(folder, "a file");
    await writeFile(file, "");
    expect(await refusal(file, await freePort())).toContain(`The state folder ${file} cannot be used`);
  });
});

const exists = (file: string): Promise<boolean> =>
  stat(file).then(
    () => true,
    () => false,
  );

async function canListen(port: number): Promise<boolean> {
  const server: Server = createServer();
  const listening = once(server, "listening").then(
    () => true,
    () => false,
  );
  server.listen(port, "127.0.0.1");
  const free = await listening;
  server.close();
  return free;
}
