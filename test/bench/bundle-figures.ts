/** What a deployment uploads, and what loading it costs: size after gzip, and wrangler's own profile of the start-up. */
import { mkdtemp, rm } from "node:fs/promises";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { bundledScripts } from "../../src/cli/local-platform.ts";
import { PROJECT_ROOT, runWrangler } from "../../src/cli/tools.ts";
import { median } from "./load.ts";

const KIB = 1024;

export type BundleFigures = {
  readonly gzipKib: number;
  readonly rawKib: number;
  /** CPU time of loading and running the top level, garbage collection included, idle excluded; null: not reported. */
  readonly startupMs: number | null;
  readonly startupRunsMs: readonly number[];
};

export async function measureBundle(folder: string, stateDir: string, runs: number): Promise<BundleFigures> {
  const scripts = await bundledScripts(folder);
  const total = (size: (script: Buffer) => number) => scripts.reduce((sum, script) => sum + size(script), 0) / KIB;
  const startupRunsMs: number[] = [];
  for (let run = 0; run < runs; run++) {
    const activeMs = await startupProfile(stateDir);
    if (activeMs !== null) startupRunsMs.push(activeMs);
  }
  return {
    gzipKib: total((script) => gzipSync(script).length),
    rawKib: total((script) => script.length),
    startupMs: startupRunsMs.length > 0 ? median(startupRunsMs) : null,
    startupRunsMs,
  };
}

/** `wrangler check startup` bundles the Worker, loads it in workerd and samples it; works without a network. */
async function startupProfile(stateDir: string): Promise<number | null> {
  const folder = await mkdtemp(path.join(stateDir, "startup-"));
  const profile = path.join(folder, "worker.cpuprofile");
  const config = `--config ${path.join(PROJECT_ROOT, "wrangler.toml")}`;
  const ran = await runWrangler(["check", "startup", "--outfile", profile, "--args", config], {
    env: { WRANGLER_LOG_PATH: folder },
  });
  await rm(folder, { recursive: true, force: true });
  const active = /Active: ([\d.]+) ms/.exec(ran.stdout)?.[1];
  return ran.code === 0 && active !== undefined ? Number(active) : null;
}
