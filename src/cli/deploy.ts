/**
 * `npm run deploy`: the same code on Cloudflare. Every step looks before it acts, so running it again is safe, and the
 * database is migrated before code that needs it is deployed. Secrets go up with that code, only those still missing.
 */
import { rm } from "node:fs/promises";
import path from "node:path";
import { parseArgs } from "node:util";
import { buildPages } from "./build-pages.ts";
import { deployFile, deployFolder, parseOrigin } from "./deploy-file.ts";
import { writePrivate } from "./files.ts";
import { bundleWorker } from "./local-platform.ts";
import { migrationNames } from "./migrations.ts";
import { createSecrets, readSecrets, type SecretsFile, writeSecrets } from "./secrets.ts";
import { CliError, command, outputOf, PROJECT_ROOT, type Ran, runWrangler } from "./tools.ts";

const USAGE = `Usage: npm run deploy -- --origin https://… [options]
  --origin https://…         the address the product answers on; a workers.dev name or a domain of your account
  --portal-domain <domain>   the zone of the brands' portals (needs wildcard DNS and a route)
  --jurisdiction eu|fedramp  where cards' data may live
  --dry-run                  shows the plan and checks the bundle; needs no account and no network`;

type Options = {
  readonly origin: URL;
  readonly vars: Readonly<Record<string, string>>;
  readonly isDryRun: boolean;
};
type Resources = { readonly database: string; readonly queues: readonly string[] };

const say = (line: string): void => void process.stdout.write(`${line}\n`);

function readOptions(): Options | undefined {
  const { values } = parseArgs({
    options: {
      origin: { type: "string" },
      "portal-domain": { type: "string" },
      jurisdiction: { type: "string" },
      "dry-run": { type: "boolean", default: false },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help) return undefined;
  const origin = parseOrigin(values.origin);
  const portal = values["portal-domain"];
  if (portal !== undefined && !/^([a-z0-9-]+\.)+[a-z]{2,}$/.test(portal)) {
    throw new CliError(
      `--portal-domain ${JSON.stringify(portal)} is no domain name.`,
      "For example: portal.example.net",
    );
  }
  if (portal !== undefined && (origin.hostname === portal || origin.hostname.endsWith(`.${portal}`))) {
    throw new CliError("--portal-domain holds the origin's own host.", "Portals need a zone of their own.");
  }
  const { jurisdiction } = values;
  if (jurisdiction !== undefined && jurisdiction !== "eu" && jurisdiction !== "fedramp") {
    throw new CliError(`--jurisdiction ${JSON.stringify(jurisdiction)} is unknown.`, "It is eu or fedramp.");
  }
  const vars = {
    PUBLIC_ORIGIN: origin.origin,
    ...(portal !== undefined && { PORTAL_DOMAIN: portal }),
    ...(jurisdiction !== undefined && { JURISDICTION: jurisdiction }),
  };
  return { origin, vars, isDryRun: values["dry-run"] };
}

async function readResources(): Promise<Resources> {
  const { unstable_readConfig: readConfig } = await import("wrangler");
  const config = readConfig({ config: path.join(PROJECT_ROOT, "wrangler.toml") }) as {
    d1_databases: { database_name?: string }[];
    queues: { producers?: { queue: string }[]; consumers?: { queue: string; dead_letter_queue?: string }[] };
  };
  const consumers = config.queues.consumers ?? [];
  const queues = [
    ...(config.queues.producers ?? []).map(({ queue }) => queue),
    ...consumers.flatMap(({ queue, dead_letter_queue: dead }) => (dead === undefined ? [queue] : [queue, dead])),
  ];
  return { database: config.d1_databases[0]?.database_name ?? "", queues: [...new Set(queues)] };
}

/** Runs wrangler against the account and insists; its own words explain a failure best. */
async function wrangler(args: readonly string[], wayOn: string): Promise<Ran> {
  const ran = await runWrangler(args);
  if (ran.code !== 0) throw new CliError(`wrangler ${args.slice(0, 3).join(" ")} failed:\n${outputOf(ran)}`, wayOn);
  return ran;
}

const AGAIN = "Put that right and run the same command again; what is done already is kept.";

async function ensureSignedIn(): Promise<void> {
  const { code } = await runWrangler(["whoami", "--json"]);
  if (code === 0) return;
  throw new CliError(
    "wrangler is not signed in to a Cloudflare account.",
    "Run `npx wrangler login`, or set CLOUDFLARE_API_TOKEN (and CLOUDFLARE_ACCOUNT_ID); or look first with --dry-run.",
  );
}

/** Names only: Cloudflare never gives values back. A Worker that is not there yet has none. */
async function remoteSecretNames(): Promise<string[]> {
  const ran = await runWrangler(["secret", "list", "--format", "json"]);
  if (ran.code === 0) return (JSON.parse(ran.stdout) as { name: string }[]).map(({ name }) => name);
  if (/Worker ".*" not found/.test(outputOf(ran))) return [];
  throw new CliError(`wrangler secret list failed:\n${outputOf(ran)}`, AGAIN);
}

async function ensureSecrets(file: string, remote: readonly string[]): Promise<SecretsFile> {
  const kept = await readSecrets(file);
  const lost = remote.filter(
    (name) => /^(CODE|REFRESH|DATA|SIGNING)_KEY_|^ADMIN_API_KEY$/.test(name) && !kept?.secrets[name],
  );
  if (lost.length > 0) {
    throw new CliError(
      `The deployment has secrets that ${file} lacks: ${lost.join(", ")}.`,
      "Copy that file from where it was deployed last. New keys in their place would make every card issued so far useless. A key you retired on purpose: `npx wrangler secret delete <name>`.",
    );
  }
  if (kept) return kept;
  const made = await createSecrets(Date.now());
  await writeSecrets(file, made);
  say(`Made this deployment's keys: ${file}. Keep a copy in a safe place: Cloudflare does not give them back.`);
  return made;
}

async function ensureDatabase(name: string, { JURISDICTION }: Options["vars"]): Promise<void> {
  const { stdout } = await wrangler(["d1", "list", "--json"], AGAIN);
  if ((JSON.parse(stdout) as { name: string }[]).some((database) => database.name === name)) return;
  const place = JURISDICTION === undefined ? [] : ["--jurisdiction", JURISDICTION];
  await wrangler(["d1", "create", name, "--update-config=false", ...place], AGAIN);
  say(`Made the database ${name}.`);
}

async function ensureQueues(names: readonly string[]): Promise<void> {
  for (const name of names) {
    if ((await runWrangler(["queues", "info", name])).code === 0) continue;
    await wrangler(["queues", "create", name], "Queues need the Workers Paid plan. " + AGAIN);
    say(`Made the queue ${name}.`);
  }
}

const varArgs = (vars: Options["vars"]): string[] =>
  Object.entries(vars).flatMap(([name, value]) => ["--var", `${name}:${value}`]);
const domainArgs = ({ hostname }: URL): string[] => (hostname.endsWith(".workers.dev") ? [] : ["--domain", hostname]);

async function deployCode({ origin, vars }: Options, missing: Readonly<Record<string, string>>): Promise<void> {
  const upload = path.join(deployFolder(origin), "upload.json");
  const secretsArgs = Object.keys(missing).length > 0 ? ["--secrets-file", upload] : [];
  try {
    if (secretsArgs.length > 0) await writePrivate(upload, missing);
    say(outputOf(await wrangler(["deploy", ...varArgs(vars), ...domainArgs(origin), ...secretsArgs], AGAIN)));
  } finally {
    await rm(upload, { force: true });
  }
}

async function dryRun(options: Options, { database, queues }: Resources, migrations: readonly string[]): Promise<void> {
  const file = deployFile(options.origin);
  const kept = await readSecrets(file);
  await bundleWorker(deployFolder(options.origin));
  const lines = [
    `Plan for ${options.origin.origin} (nothing is changed):`,
    `1. database ${database}: made unless it exists; ${migrations.length} migrations, ${migrations[0]} … ${migrations.at(-1)}`,
    `2. queues ${queues.join(", ")}: made unless they exist`,
    `3. secrets: ${kept ? `${Object.keys(kept.secrets).join(", ")} from ${file}` : `made and kept in ${file}`}; only missing ones are uploaded`,
    `4. deploy with ${Object.entries(options.vars)
      .map((pair) => pair.join("="))
      .join(", ")}`,
    "The bundle builds and the migrations are in order.",
  ];
  say(lines.join("\n"));
}

async function main(): Promise<number> {
  const options = readOptions();
  if (!options) {
    say(USAGE);
    return 0;
  }
  const migrations = await migrationNames(path.join(PROJECT_ROOT, "migrations"));
  const resources = await readResources();
  await buildPages();
  if (options.isDryRun) {
    await dryRun(options, resources, migrations);
    return 0;
  }
  await ensureSignedIn();
  const remote = await remoteSecretNames();
  const { secrets } = await ensureSecrets(deployFile(options.origin), remote);
  await ensureDatabase(resources.database, options.vars);
  await ensureQueues(resources.queues);
  await wrangler(["d1", "migrations", "apply", resources.database, "--remote"], AGAIN);
  say("The database is up to date.");
  await deployCode(options, Object.fromEntries(Object.entries(secrets).filter(([name]) => !remote.includes(name))));
  return 0;
}

if (import.meta.main) await command(main);
