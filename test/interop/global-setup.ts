/** One product for all files, started as README says, with a trunk, profiles and a batch of the tests' own. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import type { TestProject } from "vitest/node";
import type { Demo } from "../../src/cli/demo-data.ts";
import { startInstance } from "../e2e/instance.ts";
import { freePort } from "../support/free-port.ts";
import { memoryOf, type Memory } from "./product.ts";

declare module "vitest" {
  // oxlint-disable-next-line typescript/consistent-type-definitions -- an interface is what vitest merges with.
  interface ProvidedContext {
    product: { readonly demo: Demo; readonly memory: Memory };
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const state = await mkdtemp(path.join(tmpdir(), "ringfare-interop-state-"));
  const { child, demo, exited } = startInstance(state, await freePort());
  project.provide("product", { demo: await demo, memory: await memoryOf(state) });
  return async () => {
    child.kill("SIGTERM");
    await exited;
    await rm(state, { recursive: true, force: true });
  };
}
