/** What a deployment uploads, and what loading it costs: size after gzip, and wrangler's own profile of the start-up. */
import { mkdtemp, rm } from "node:fs/promises";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { bundledScripts } from "../../src/cli/local-platform.ts";
import { runWrangler } from "../../src/cli/tools.ts";

const KIB = 1024;

export type BundleFigures = {
  readonly gzipKib: number;
  readonly rawKib: number;
  /** CPU time of loading and running the top level, garbage collection included, idle excluded: the least of all runs,
   * since other programs only add to it; null: not reported. */
  readonly startupMs: number | null;
  readonly startupRunsMs: readonly number[];
};

export async function measureBundle(folder: string, stateDir: string, runs: number): Promise<BundleFigures> {
  const scripts = await bundledScripts(folder);
  const total = (size: (script: Buffer) => number) => scripts.reduce((sum, script) => sum + size(script), 0) / KIB;
  const startupRunsMs: number[] = [];
  for (let run = 0; run < runs; run++) {
    const activeMs = await startupProfile(folder, stateDir);
    if (activeMs !== null) startupRunsMs.push(activeMs);
  }
  return {
    gzipKib: total((script) => gzipSync(script).length),
    rawKib: total((script) => script.length),
    startupMs: startupRunsMs.length > 0 ? Math.min(...startupRunsMs) : null,
    startupRunsMs,
  };
}

/** `wrangler check startup` bundles the Worker, loads it in workerd and samples it; works without a network. */
async function startupProfile(folder: string, stateDir: string): Promise<number | null> {
  const temporary = await mkdtemp(path.join(stateDir, "startup-"));
  const args = [
    "check",
    "startup",
    "--outfile",
    path.join(temporary, "worker.cpuprofile"),
    "--args=--config wrangler.toml",
  ];
  // The folder of links that the bundle was made from, so that no temporary file gets into the checkout.
  const cwd = path.join(path.dirname(folder), "project");
  const ran = await runWrangler(args, { cwd, env: { WRANGLER_LOG_PATH: temporary } });
  await rm(temporary, { recursive: true, force: true });
  const active = /Active: ([\d.]+) ms/.exec(ran.stdout)?.[1];
  return ran.code === 0 && active !== undefined ? Number(active) : null;
}
