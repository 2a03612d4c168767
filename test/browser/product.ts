/** Starts the product as a user would, on a free port with a state folder of its own, and stops only that. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { startInstance } from "../e2e/instance.ts";
import { freePort } from "../support/free-port.ts";

type Demo = { readonly url: string; readonly codes: readonly string[]; readonly adminKey: string };
export type Product = Demo & { readonly stop: () => Promise<void> };

export async function startProduct(): Promise<Product> {
  const state = await mkdtemp(path.join(tmpdir(), "ringfare-browser-"));
  const { child, demo, exited } = startInstance(state, await freePort());
  const { url, codes, adminKey } = await demo;
  return {
    url,
    codes,
    adminKey,
    stop: async () => {
      child.kill("SIGTERM");
      await exited;
      await rm(state, { recursive: true, force: true });
    },
  };
}
