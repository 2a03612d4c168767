/** `npm run keys`: which keys a deployment has, and adding the next one. Values are never shown. */
import path from "node:path";
import { parseArgs } from "node:util";
import { KEY_SET_CACHE_SECONDS, publishedAt } from "../domain/signing-keys.ts";
import { codeKeyLines, compromise } from "./code-keys.ts";
import { deployFile, parseOrigin } from "./deploy-file.ts";
import {
  createSigningKey,
  randomKey,
  readSecrets,
  RINGS,
  type SecretsFile,
  SIGNING_PREFIX,
  withSecrets,
  writeSecrets,
} from "./secrets.ts";
import { CliError, command, PROJECT_ROOT } from "./tools.ts";

const USAGE = `Usage:
  npm run keys -- list                     the keys of the local instance
  npm run keys -- rotate <kind>            add the next key: code, signing, refresh or data
  npm run keys -- compromise <id>          recall every untouched card of a code key: final
Options:
  --origin https://…      the deployment of that address instead of the local instance
  --sign-from <time>      when a new signing key begins to sign (RFC 3339; default: in 30 minutes)
  --url https://…         list, compromise: the deployment to ask (default: --origin, or the running \`npm start\`)
  --key rf_…              an operator's key of it (default: RINGFARE_KEY, locally the demo's own);
                          compromise needs batches:write, catalogue:read and cards:read
  --reason <text>         why it is compromised, for the audit trail
  --yes                   recall without asking`;

const MOST_CODE_KEYS = 4;
const MOST_KEYS = 8;
const MINUTE_MS = 60_000;
/** A key must have been published that long before it signs. */
const KEY_SET_CACHE_MS = KEY_SET_CACHE_SECONDS * 1000;
/** For the restart or the deployment in between. */
const ROLL_OUT_MS = 15 * MINUTE_MS;

type Kind = keyof typeof RINGS | "signing";
const KINDS: readonly Kind[] = ["code", "signing", "refresh", "data"];
const isKind = (text: string | undefined): text is Kind => KINDS.some((kind) => kind === text);
const prefixOf = (kind: Kind): string => (kind === "signing" ? SIGNING_PREFIX : RINGS[kind]);

type Key = { readonly name: string; readonly createdAt: string; readonly order: number; readonly note: string };

/** Newest first, as the product reads them. */
function keysOf({ secrets, createdAt }: SecretsFile, kind: Kind, nowMs: number): Key[] {
  const prefix = prefixOf(kind);
  return Object.entries(secrets)
    .filter(([name]) => name.startsWith(prefix))
    .map(([name, value]) => {
      const signFrom = kind === "signing" ? signFromOf(value) : undefined;
      return {
        name,
        createdAt: createdAt[name] ?? "",
        order: signFrom ? Date.parse(signFrom) : Number(name.slice(prefix.length)),
        note: signFrom ? `${Date.parse(signFrom) > nowMs ? "will sign" : "signs"} from ${signFrom}` : "",
      };
    })
    .toSorted((a, b) => b.order - a.order);
}

function signFromOf(value: string): string {
  try {
    return String((JSON.parse(value) as { signFrom?: unknown }).signFrom);
  } catch {
    return "?";
  }
}

function list(file: SecretsFile, nowMs: number): string[] {
  return KINDS.flatMap((kind) => {
    const keys = keysOf(file, kind, nowMs);
    const newest = keys.find(({ order }) => kind !== "signing" || order <= nowMs);
    const published = publishedAt(
      keys.map((key) => ({ ...key, signFromMs: key.order })),
      nowMs,
    ).map(({ name }) => name);
    return keys.map((key) => {
      const days = Math.floor((nowMs - Date.parse(key.createdAt)) / (24 * 60 * MINUTE_MS));
      const isRetired = kind === "signing" && !published.includes(key.name);
      const note = isRetired ? "retired: nothing it signed is alive, take it out" : key.note;
      const age = Number.isNaN(days) ? "age unknown" : `${days} d old`;
      return [key.name.padEnd(32), age.padEnd(12), key === newest ? "in use" : "", note].join(" ").trimEnd();
    });
  });
}

async function rotate(file: SecretsFile, kind: Kind, nowMs: number, signFromMs: number) {
  const keys = keysOf(file, kind, nowMs);
  const most = kind === "code" ? MOST_CODE_KEYS : MOST_KEYS;
  const oldest = keys.at(-1);
  if (keys.length >= most && oldest) {
    throw new CliError(
      `There are ${keys.length} ${kind} keys already; ${most} may be live.`,
      `Retire the oldest, ${oldest.name}, when nothing made with it is needed any more: take it out of the file${
        kind === "code" ? " (its cards can then no longer be redeemed or exported)" : ""
      }, and on Cloudflare run \`npx wrangler secret delete ${oldest.name}\`.`,
    );
  }
  const made =
    kind === "signing"
      ? await createSigningKey(nowMs, signFromMs)
      : { name: `${RINGS[kind]}${(keys[0]?.order ?? 0) + 1}`, value: randomKey() };
  return { name: made.name, file: withSecrets(file, { [made.name]: made.value }, nowMs) };
}

function readSignFrom(text: string | undefined, nowMs: number): number {
  const earliest = nowMs + KEY_SET_CACHE_MS;
  if (text === undefined) return earliest + ROLL_OUT_MS;
  const at = /^\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)$/.test(text) ? Date.parse(text) : Number.NaN;
  if (at >= earliest) return at;
  throw new CliError(
    `--sign-from ${JSON.stringify(text)} is no time at least 15 minutes from now.`,
    "Verifiers keep the key set that long: sooner, they would refuse what the new key signs.",
  );
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      origin: { type: "string" },
      "sign-from": { type: "string" },
      url: { type: "string" },
      key: { type: "string" },
      reason: { type: "string" },
      yes: { type: "boolean" },
      help: { type: "boolean", short: "h" },
    },
  });
  const [action, kind, ...rest] = positionals;
  const isList = action === "list" && kind === undefined;
  const asked = { url: values.url ?? values.origin, key: values.key };
  if (action === "compromise" && kind !== undefined && rest.length === 0 && !values.help)
    return compromise(kind, { ...asked, reason: values.reason, yes: values.yes });
  if (values.help || rest.length > 0 || !(isList || (action === "rotate" && isKind(kind)))) {
    process.stdout.write(`${USAGE}\n`);
    return values.help ? 0 : 1;
  }
  const stateDir = path.resolve(PROJECT_ROOT, process.env["RINGFARE_STATE"] || ".ringfare");
  const file =
    values.origin === undefined ? path.join(stateDir, "secrets.json") : deployFile(parseOrigin(values.origin));
  const secrets = await readSecrets(file);
  if (!secrets) {
    const first = values.origin === undefined ? "npm start" : `npm run deploy -- --origin ${values.origin}`;
    throw new CliError(`There are no keys yet: ${file} does not exist.`, `\`${first}\` makes them.`);
  }
  const nowMs = Date.now();
  if (isList || !isKind(kind)) {
    const lines = [file, ...list(secrets, nowMs), ...(await codeKeyLines(asked))];
    process.stdout.write(`${lines.join("\n")}\n`);
    return 0;
  }
  const signFromMs = readSignFrom(values["sign-from"], nowMs);
  const rotated = await rotate(secrets, kind, nowMs, signFromMs);
  await writeSecrets(file, rotated.file);
  const next =
    values.origin === undefined ? "Restart `npm start`" : `Run \`npm run deploy -- --origin ${values.origin}\``;
  const when =
    kind === "signing"
      ? `It must be published by ${new Date(signFromMs - KEY_SET_CACHE_MS).toISOString()}; it signs from ${new Date(signFromMs).toISOString()}. The older key goes on verifying.`
      : "The older ones go on working.";
  process.stdout.write(`Added ${rotated.name} to ${file}.\n${next} to bring it into use. ${when}\n`);
  return 0;
}

if (import.meta.main) await command(main);
