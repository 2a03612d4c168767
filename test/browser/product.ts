/** Starts the product as a user would, on a free port with a state folder of its own, and stops only that. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";

type Demo = { readonly url: string; readonly codes: readonly string[]; readonly adminKey: string };
export type Product = Demo & { readonly stop: () => Promise<void> };

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const address = server.address();
  await new Promise((resolve) => {
    server.close(resolve);
  });
  return typeof address === "object" && address ? address.port : 0;
}

export async function startProduct(): Promise<Product> {
  const state = await mkdtemp(path.join(tmpdir(), "ringfare-browser-"));
  const child = spawn(process.execPath, ["src/cli/start.ts"], {
    cwd: path.join(import.meta.dirname, "../.."),
    env: { ...process.env, PORT: String(await freePort()), RINGFARE_STATE: state },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const { url, codes, adminKey } = await demoLine(child);
  return {
    url,
    codes,
    adminKey,
    stop: async () => {
      const ended = new Promise((resolve) => {
        child.once("exit", resolve);
      });
      child.kill("SIGTERM");
      await ended;
      await rm(state, { recursive: true, force: true });
    },
  };
}

async function demoLine({ stdout }: ChildProcess): Promise<Demo> {
  if (!stdout) throw new Error("no output");
  for await (const line of createInterface({ input: stdout }))
    if (line.startsWith("demo ")) return JSON.parse(line.slice("demo ".length));
  throw new Error("The product ended before it was ready.");
}
