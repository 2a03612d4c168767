/** Where the keys of a deployment are kept: Cloudflare takes secrets but never gives them back. */
import path from "node:path";
import { CliError, PROJECT_ROOT } from "./tools.ts";

const FOLDER = ".ringfare-deploy";

export function parseOrigin(text: string | undefined): URL {
  const url = text !== undefined && URL.canParse(text) ? new URL(text) : undefined;
  if (url && url.protocol === "https:" && url.origin === text && url.port === "" && url.hostname.includes("."))
    return url;
  throw new CliError(
    text === undefined ? "--origin is missing." : `--origin ${JSON.stringify(text)} is no https origin.`,
    "It is the address the product will answer on, without a path: --origin https://cards.example.com",
  );
}

/** Private work files of a deployment; `.ringfare*` is ignored by git. */
export const deployFolder = (origin: URL): string => path.join(PROJECT_ROOT, FOLDER, origin.host);
export const deployFile = (origin: URL): string => path.join(PROJECT_ROOT, FOLDER, `${origin.host}.json`);
