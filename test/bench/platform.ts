/** Starts what is measured, each with the same options in a runtime of its own: the product, it with slow bindings, the floors. */
import path from "node:path";
import { build } from "esbuild";
import { bundleWorker, startLocalPlatform, type LocalPlatform } from "../../src/cli/local-platform.ts";
import { createSecrets } from "../../src/cli/secrets.ts";
import { freePort } from "../support/free-port.ts";

export type Bundles = {
  readonly product: string;
  readonly delayed: string;
  readonly grown: string;
  readonly floor: string;
};
export type BenchPlatform = LocalPlatform & { readonly key: string };

/** The product by wrangler, exactly as a deployment; the bench's own Workers by esbuild with wrangler's settings. */
export async function buildBundles(folder: string): Promise<Bundles> {
  const [product, delayed, grown, floor] = await Promise.all([
    bundleWorker(folder),
    bundle("delayed-entry.ts", path.join(folder, "delayed")),
    bundle("grown-entry.ts", path.join(folder, "grown")),
    bundle("floor-worker.ts", path.join(folder, "floor")),
  ]);
  return { product, delayed, grown, floor };
}

async function bundle(entry: string, outdir: string): Promise<string> {
  await build({
    entryPoints: [path.join(import.meta.dirname, entry)],
    outfile: path.join(outdir, "index.js"),
    bundle: true,
    minify: true,
    keepNames: true,
    format: "esm",
    target: "es2024",
    conditions: ["workerd", "worker", "browser"],
    external: ["cloudflare:*", "node:*"],
    logLevel: "error",
  });
  return outdir;
}

/** A fresh instance with new secrets and no data; one live code key. */
export async function startBench(stateDir: string, folder: string): Promise<BenchPlatform> {
  const port = await freePort();
  const { secrets } = await createSecrets(Date.now());
  const platform = await startLocalPlatform({
    stateDir,
    port,
    vars: { PUBLIC_ORIGIN: `http://127.0.0.1:${port}` },
    secrets,
    logLevel: "warn",
    persist: false,
    bundle: folder,
  });
  return { ...platform, key: secrets["ADMIN_API_KEY"] ?? "" };
}
