/** `npm run reconcile`: every touched card proves that its postings give its balances. Nothing is changed. */
import { parseArgs } from "node:util";
import { apiClient } from "./api-client.ts";
import { answered, readTarget, type Target } from "./target.ts";
import { CliError, command } from "./tools.ts";

const USAGE = `Usage: npm run reconcile -- [options]
  --url https://…     the deployment to check (default: the running \`npm start\`)
  --key rf_…          an operator's key with reports:read (default: RINGFARE_KEY, locally the demo's own)
  --batch <number>    one batch only
Exit code 1 when a card does not agree, or could not be asked.`;

const CARDS_A_CALL = 100;

type Page = {
  readonly checked: number;
  readonly mismatches: readonly { readonly serial: string; readonly what: string }[];
  readonly unreachable: readonly string[];
  readonly nextCursor: string | null;
};

const say = (line: string): void => void process.stdout.write(`${line}\n`);

function readBatch(text: string | undefined): number | undefined {
  if (text === undefined || /^[1-9]\d{0,7}$/.test(text)) return text === undefined ? undefined : Number(text);
  throw new CliError(`--batch ${JSON.stringify(text)} is no batch number.`, "It is the plain number, such as 12.");
}

async function reconcile({ url, key }: Target, batch: number | undefined): Promise<number> {
  const api = apiClient(url, key);
  let [checked, wrong, unreachable] = [0, 0, 0];
  for (let cursor: string | null = ""; cursor !== null;) {
    const body = { limit: CARDS_A_CALL, ...(batch !== undefined && { batch }), ...(cursor !== "" && { cursor }) };
    const page: Page = await api.send<Page>("POST", "/v1/reports/reconciliations", body);
    for (const { serial, what } of page.mismatches) say(`MISMATCH  ${serial}  ${what}`);
    for (const serial of page.unreachable) say(`UNREACHED ${serial}  the card did not answer`);
    checked += page.checked;
    wrong += new Set(page.mismatches.map(({ serial }) => serial)).size;
    unreachable += page.unreachable.length;
    ({ nextCursor: cursor } = page);
  }
  say(`${checked} touched cards checked: ${wrong} do not agree, ${unreachable} did not answer.`);
  return wrong + unreachable === 0 ? 0 : 1;
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      url: { type: "string" },
      key: { type: "string" },
      batch: { type: "string" },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help) {
    say(USAGE);
    return 0;
  }
  const batch = readBatch(values.batch);
  const target = await readTarget(values);
  return answered(target, reconcile(target, batch));
}

if (import.meta.main) await command(main);
