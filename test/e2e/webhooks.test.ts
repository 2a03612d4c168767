/** Webhooks from a real card to a real server: the receiver is the one that README shows, word for word. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { afterAll, expect, it } from "vitest";
import { freePort } from "../support/free-port.ts";
import { type Instance, startInstance } from "./instance.ts";

const ROOT = path.resolve(import.meta.dirname, "../..");
let instance: Instance | undefined;
let receiver: ChildProcess | undefined;
let stateDir: string | undefined;

afterAll(async () => {
  receiver?.kill("SIGKILL");
  await instance?.killGroup();
  if (stateDir !== undefined) await rm(stateDir, { recursive: true, force: true });
});

async function startReceiver(port: number, secret: string): Promise<() => string> {
  const [, code = ""] = /```js\n(.*?)```/s.exec(await readFile(path.join(ROOT, "README.md"), "utf8")) ?? [];
  const env = { ...process.env, PORT: String(port), WEBHOOK_SECRET: secret };
  receiver = spawn(process.execPath, ["--input-type=module", "-e", code], { cwd: ROOT, env });
  let output = "";
  receiver.stdout?.setEncoding("utf8").on("data", (text: string) => (output += text));
  receiver.stderr?.setEncoding("utf8").on("data", (text: string) => (output += text));
  return () => output;
}

it("tells README's receiver of a test and of a redemption", async () => {
  stateDir = await mkdtemp(path.join(os.tmpdir(), "ringfare-webhooks-"));
  instance = startInstance(stateDir, await freePort());
  const demo = await instance.demo;
  const port = await freePort();
  const webhook = `${demo.url}/v1/partners/${demo.partner}/webhooks/till`;
  const call = async (method: string, url: string, body?: object) => {
    const headers = { Authorization: `Bearer ${demo.partnerKey}`, "Content-Type": "application/json" };
    const answer = await fetch(url, { method, headers, ...(body && { body: JSON.stringify(body) }) });
    return { status: answer.status, body: (await answer.json()) as { secret: string; id: string } };
  };
  const made = await call("PUT", webhook, { url: `http://127.0.0.1:${port}/`, events: ["card.redeemed"] });
  expect(made.status).toBe(201);
  const said = await startReceiver(port, made.body.secret);
  expect((await call("POST", `${webhook}/test`)).status).toBe(202);
  const device = { id: "a-device-for-the-webhooks" };
  const redeemed = await call("POST", `${demo.url}/v1/redeem`, { code: demo.codes[0], device });
  expect(redeemed.status).toBe(200);
  await expect.poll(said, { timeout: 40_000 }).toMatch(/^card\.redeemed \{"card":"000001-0000001",.*"mode":"live"/m);
  await expect.poll(said, { timeout: 40_000 }).toMatch(/^webhook\.test \{"webhook":"till"\}$/m);
});
