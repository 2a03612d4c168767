/**
 * `npm run build`: browser code from src/web into public/build, and the API browser's files. Fixed names, except shared
 * chunks. Files are replaced whole and only when they changed, so an instance that serves them meanwhile never sees half.
 */
import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { build, stop } from "esbuild";
import { exists, writeWhole } from "./files.ts";
import { command, PROJECT_ROOT } from "./tools.ts";

const WEB = path.join(PROJECT_ROOT, "src/web");
const OUT = path.join(PROJECT_ROOT, "public/build");

/** `src/web/<name>.ts(x)` becomes `/build/<name>.js`; every other module there is a part of these. */
const PAGES = ["dialler", "landing", "topup", "console", "docs", "handover"] as const;
const API_BROWSER = ["swagger-ui.css", "swagger-ui-bundle.js", "swagger-ui-bundle.js.LICENSE.txt"] as const;

export async function buildPages(): Promise<void> {
  const present = (await exists(WEB)) ? await readdir(WEB) : [];
  const pages = PAGES.flatMap((page) => [`${page}.ts`, `${page}.tsx`]);
  const entryPoints = present.filter((name) => pages.includes(name) || name.endsWith(".css"));
  const { outputFiles } = await build({
    absWorkingDir: WEB,
    entryPoints,
    outdir: OUT,
    write: false,
    bundle: true,
    splitting: true,
    minify: true,
    format: "esm",
    target: "es2022",
    entryNames: "[name]",
    chunkNames: "chunks/[name]-[hash]",
    assetNames: "media/[name]-[hash]",
    loader: { ".svg": "file", ".png": "file", ".woff2": "file" },
    // Absolute addresses in style sheets are the site's own. Not "/*": that means every resolved file.
    external: ["/assets/*", "/build/*"],
    logLevel: "error",
    charset: "utf8",
    legalComments: "none",
  });
  await stop(); // its service would stay for as long as this process does
  await Promise.all(outputFiles.map(({ path: file, contents }) => replace(file, contents)));
  await Promise.all(
    API_BROWSER.map(async (name) => {
      const source = path.join(PROJECT_ROOT, "node_modules/swagger-ui-dist", name);
      await replace(path.join(OUT, "docs", name), await readFile(source));
    }),
  );
}

async function replace(file: string, contents: Uint8Array): Promise<void> {
  const old = await readFile(file).catch(() => undefined);
  if (!old?.equals(contents)) await writeWhole(file, contents);
}

if (import.meta.main) {
  await command(async () => {
    await buildPages();
    return 0;
  });
}
