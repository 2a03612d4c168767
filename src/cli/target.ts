/** Which deployment a command asks, and with which key: one that is named, or the running `npm start` of this machine. */
import path from "node:path";
import { readJson } from "./files.ts";
import { CliError, PROJECT_ROOT } from "./tools.ts";

const LOOPBACK: ReadonlySet<string> = new Set(["127.0.0.1", "localhost"]);

export type Target = { readonly url: string; readonly key: string };

type Named = { readonly url?: string | undefined; readonly key?: string | undefined };

/** A key goes only to the address it was given for: the demo's never leaves this machine. */
export async function readTarget({ url, key = process.env["RINGFARE_KEY"] || undefined }: Named): Promise<Target> {
  if (url !== undefined) {
    if (key === undefined) throw new CliError("--key is missing.", "--url needs an operator's key of that deployment.");
    const { protocol, hostname } = URL.canParse(url) ? new URL(url) : { protocol: "", hostname: "" };
    if (protocol === "https:" || (protocol === "http:" && LOOPBACK.has(hostname))) return { url, key };
    throw new CliError(`--url ${JSON.stringify(url)} is no https address.`, "Like --url https://cards.example.com");
  }
  const file = path.resolve(PROJECT_ROOT, process.env["RINGFARE_STATE"] || ".ringfare", "demo.json");
  const demo = (await readJson(file)) as { url?: string; adminKey?: { key?: string } } | undefined;
  const own = key ?? demo?.adminKey?.key;
  if (demo?.url === undefined || own === undefined)
    throw new CliError(`${file} has no address and key.`, "`npm start` makes it; or give --url and --key.");
  return { url: demo.url, key: own };
}

/** `fetch` says only that it failed; that nobody answers there is what the user can act on. */
const isUnanswered = (error: unknown): boolean => error instanceof TypeError && error.message === "fetch failed";

/** What the deployment answered, or that nobody did. */
export const answered = <T>(target: Target, work: Promise<T>): Promise<T> =>
  work.catch((error: unknown) => {
    if (!isUnanswered(error)) throw error;
    throw new CliError(`Nobody answers at ${target.url}.`, "Is it running? Locally: `npm start`.");
  });
