/** `npm run keys -- compromise` and what `list` says of code keys: asked of the deployment, which knows its batches. */
import { createInterface } from "node:readline/promises";
import { apiClient, type Api } from "./api-client.ts";
import { answered, readTarget } from "./target.ts";
import { CliError } from "./tools.ts";

type CodeKey = {
  readonly key: string;
  readonly issuing: boolean;
  readonly batches: number;
  readonly cards: number;
  readonly openBatches: number;
};
type Cards = { readonly total?: number };
type Compromised = { readonly batches: number; readonly done: boolean };

export type Asked = { readonly url?: string | undefined; readonly key?: string | undefined };
type Order = Asked & { readonly reason?: string | undefined; readonly yes?: boolean | undefined };

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const codeKeys = async (api: Api): Promise<readonly CodeKey[]> =>
  (await api.get<{ items: CodeKey[] }>("/v1/code-keys"))?.items ?? [];

/** What was issued under each key; or why that is not known, for the keys are listed all the same. */
export async function codeKeyLines(asked: Asked): Promise<string[]> {
  try {
    const target = await readTarget(asked);
    const keys = await answered(target, codeKeys(apiClient(target.url, target.key)));
    return keys.map(
      ({ key, batches, cards, openBatches }) =>
        `code key ${key}: ${batches} batches, ${cards} cards; untouched cards of ${openBatches} batches can be redeemed`,
    );
  } catch (error) {
    if (error instanceof CliError) return [`What was issued under each code key is not known: ${error.message}`];
    throw error;
  }
}

/** Recalls the untouched cards of a code key, whatever the number of batches, and says where the touched ones are. */
export async function compromise(id: string, { reason, yes, ...asked }: Order): Promise<number> {
  if (!/^[1-9]\d{0,8}$/.test(id)) throw new CliError(`${JSON.stringify(id)} is no code key.`, "Like 1 of CODE_KEY_1.");
  if (!reason) throw new CliError("--reason is missing.", "The audit trail keeps it with the recall.");
  const target = await readTarget(asked);
  const api = apiClient(target.url, target.key);
  const found = (await answered(target, codeKeys(api))).find(({ key }) => key === id);
  if (!found) throw new CliError(`${target.url} has no code key ${id}.`, "`npm run keys -- list` shows what it has.");
  say(`At ${target.url}, every untouched card of ${found.openBatches} batches under code key ${id} is recalled.`);
  say("That is final. Cards in use go on.");
  if (found.issuing) say("This key still issues: rotate it first (`rotate code`), or new batches are open again.");
  if (!yes) await confirm(id);
  let batches = 0;
  for (let done = false; !done;) {
    const answer = await api.send<Compromised>("POST", `/v1/code-keys/${id}/compromise`, { reason });
    batches += answer.batches;
    ({ done } = answer);
  }
  const touched = await api.get<Cards>(`/v1/cards?codeKey=${id}&limit=1`);
  say(`${batches} batches recalled. Touched cards of the key: ${touched?.total ?? 0}, listed by`);
  say(new URL(`/v1/cards?codeKey=${id}`, target.url).href);
  return 0;
}

async function confirm(id: string): Promise<void> {
  if (!process.stdin.isTTY) throw new CliError("Nothing was recalled.", "Without a terminal, confirm with --yes.");
  const lines = createInterface({ input: process.stdin, output: process.stdout });
  const typed = await lines.question(`Type ${id} to recall: `);
  lines.close();
  if (typed.trim() !== id) throw new CliError("Nothing was recalled.", `It takes the key's number, ${id}.`);
}
