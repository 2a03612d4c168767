/** `npm run audit -- verify`: hashes the whole audit trail anew. Nothing is changed. */
import { readFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import type { ChainHead } from "../domain/audit.ts";
import { apiClient } from "./api-client.ts";
import { answered, readTarget, type Target } from "./target.ts";
import { CliError, command } from "./tools.ts";

const USAGE = `Usage: npm run audit -- verify [options]
  --url https://…     the deployment to check (default: the running \`npm start\`)
  --key rf_…          a key with audit:read (default: RINGFARE_KEY, locally the demo's own); a partner's proves its own chain
  --partner <id>      one chain only; \`operator\` for what belongs to no partner
  --heads <file>      ends of chains kept from before: the daily log, or what this command printed; they must still be there
Prints every finding, and where each chain ends now. Exit code 1 when something is wrong.`;

const ROWS_A_CALL = 1000;
/** What one call takes; more are asked of several. */
const HEADS_A_CALL = 200;

type Finding = { readonly owner: string; readonly seq: number; readonly what: string };
type Page = {
  readonly checked: number;
  readonly findings: readonly Finding[];
  readonly heads?: readonly ChainHead[];
  readonly nextCursor: string | null;
};

const say = (line: string): void => void process.stdout.write(`${line}\n`);

/** A log quotes what it wraps; inside, the line is as it was written. */
const HEAD_LINE = /\{"event":"audit_head","owner":"([a-z0-9-]{1,64})","seq":(\d{1,15}),"hash":"([^"]{1,64})"\}/g;

async function readHeads(file: string | undefined): Promise<ChainHead[]> {
  if (file === undefined) return [];
  const text = await readFile(file, "utf8").catch(() => {
    throw new CliError(`${file} cannot be read.`, "It is a log with lines of the event audit_head.");
  });
  const heads = Array.from(text.replaceAll("\\", "").matchAll(HEAD_LINE), ([, owner = "", seq, hash = ""]) => ({
    owner,
    seq: Number(seq),
    hash,
  }));
  if (heads.length === 0) throw new CliError(`${file} has no line of the event audit_head.`, "Nothing was compared.");
  return heads;
}

async function verify({ url, key }: Target, partner: string | undefined, heads: readonly ChainHead[]): Promise<number> {
  const api = apiClient(url, key);
  const ask = (body: object) =>
    api.send<Page>("POST", "/v1/audit/verifications", { ...(partner !== undefined && { partner }), ...body });
  const findings: Finding[] = [];
  const ends: ChainHead[] = [];
  let checked = 0;
  for (let cursor: string | null = ""; cursor !== null;) {
    const page: Page = await ask({ limit: ROWS_A_CALL, ...(cursor !== "" && { cursor }) });
    checked += page.checked;
    findings.push(...page.findings);
    ends.push(...(page.heads ?? []));
    ({ nextCursor: cursor } = page);
  }
  const known = new Set(findings.map((finding) => JSON.stringify(finding)));
  for (let at = 0; at < heads.length; at += HEADS_A_CALL) {
    const page = await ask({ limit: 1, heads: heads.slice(at, at + HEADS_A_CALL) });
    for (const finding of page.findings)
      if (!known.has(JSON.stringify(finding))) {
        known.add(JSON.stringify(finding));
        findings.push(finding);
      }
  }
  for (const { owner, seq, what } of findings) say(`WRONG  ${owner} ${seq}  ${what}`);
  for (const { owner, seq, hash } of ends) say(JSON.stringify({ event: "audit_head", owner, seq, hash }));
  say(`${checked} rows and ${heads.length} kept ends checked: ${findings.length} findings.`);
  return findings.length === 0 ? 0 : 1;
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      url: { type: "string" },
      key: { type: "string" },
      partner: { type: "string" },
      heads: { type: "string" },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help) {
    say(USAGE);
    return 0;
  }
  if (positionals.length !== 1 || positionals[0] !== "verify") throw new CliError("What to do is missing.", USAGE);
  const heads = await readHeads(values.heads);
  const target = await readTarget(values);
  return answered(target, verify(target, values.partner, heads));
}

if (import.meta.main) await command(main);
