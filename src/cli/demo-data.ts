/**
 * A demo partner with everything a card needs, made through the public API. Every step looks before it makes, so a kill
 * anywhere is repaired by the next start, and what the user changed since stays changed.
 */
import { rename } from "node:fs/promises";
import path from "node:path";
import { PARTNER_SCOPES, type Scope, SCOPES } from "../domain/scopes.ts";
import { type Api, apiClient, FIRST_KEY_NAME, makeFirstKey, NDJSON } from "./api-client.ts";
import { exists, readJson, writePrivate } from "./files.ts";
import { randomKey } from "./secrets.ts";
import { CliError } from "./tools.ts";

/** Also the name of the trunk, the brand and the profile. */
const DEMO = "demo";
const BATCH_SIZE = 1_000;
const CODES_SHOWN = 10;
const CODES_PER_PAGE = 100;

const BATCH = {
  partner: DEMO,
  brand: DEMO,
  profile: DEMO,
  kind: "card",
  quantity: BATCH_SIZE,
  credit: { amount: "10.00", currency: "EUR" },
  expiry: { daysAfterFirstUse: 365 },
  label: "Demo cards",
} as const;

export type Demo = {
  readonly url: string;
  readonly adminKey: string;
  readonly switchKey: string;
  readonly partnerKey: string;
  readonly partner: string;
  readonly batch: number;
  readonly codes: readonly string[];
};

const KEYS = {
  adminKey: {
    name: "Demo operator",
    path: "/v1/keys",
    scopes: SCOPES.filter((scope): scope is Exclude<Scope, "switch"> => scope !== "switch"),
  },
  switchKey: { name: "Demo switch", path: "/v1/keys", scopes: ["switch"], trunks: [DEMO] },
  partnerKey: { name: "Demo partner", path: `/v1/partners/${DEMO}/keys`, scopes: PARTNER_SCOPES },
} as const;
type KeyName = keyof typeof KEYS;

/** demo.json: what the API shows only once, and where the demo got to. */
type Memory = { trunkSecret: string; batches: number } & { [K in KeyName | "ownerKey"]?: { id: string; key: string } };

const fileIn = (stateDir: string): string => path.join(stateDir, "demo.json");

/** Does the demo's memory hold the operator's key that makes everything else? */
export const hasOwner = async (stateDir: string): Promise<boolean> =>
  ((await readJson(fileIn(stateDir))) as Partial<Memory> | undefined)?.ownerKey !== undefined;

type DemoOptions = {
  readonly url: string;
  readonly stateDir: string;
  readonly bootstrapKey: string;
  readonly say: (line: string) => void;
};

export async function makeDemo({ url, stateDir, bootstrapKey, say }: DemoOptions): Promise<Demo> {
  const file = fileIn(stateDir);
  const memory = await remember(file, say);
  const save = () => writePrivate(file, { url, ...memory });
  await save(); // the trunk's secret is on disk before anybody signs with it
  const isNewOwner = memory.ownerKey === undefined;
  memory.ownerKey ??= await makeFirstKey(url, bootstrapKey);
  await save();
  const api = apiClient(url, memory.ownerKey.key);
  if (isNewOwner) await revokeNamed(api, "/v1/keys", FIRST_KEY_NAME, memory.ownerKey.id);
  await ensureCatalogue(api, memory.trunkSecret);
  for (const name of Object.keys(KEYS) as KeyName[]) {
    const known = memory[name];
    if (known && (await isAlive(api, KEYS[name].path, known.id))) continue;
    memory[name] = await createKey(api, name);
    await save();
  }
  for (let fresh = false; ; fresh = true) {
    const { batch, codes } = await openBatch(api, memory.batches);
    if (codes.length === CODES_SHOWN) {
      const [adminKey, switchKey, partnerKey] = (["adminKey", "switchKey", "partnerKey"] as const).map(
        (name) => memory[name]?.key ?? "",
      ) as [string, string, string];
      return { url, adminKey, switchKey, partnerKey, partner: DEMO, batch, codes };
    }
    if (fresh) throw new CliError(`The new demo batch ${batch} has no codes to show.`, "See the log lines above it.");
    memory.batches += 1; // used up, recalled, or sealed with a key that was retired
    await save();
  }
}

/** Unlike the secrets, the demo's memory can be made anew: its keys are replaced, no card depends on them. */
async function remember(file: string, say: (line: string) => void): Promise<Memory> {
  const parsed = (await readJson(file)) as Partial<Memory> | undefined;
  if (parsed && typeof parsed.trunkSecret === "string" && Number.isInteger(parsed.batches)) return parsed as Memory;
  if (await exists(file)) {
    const aside = `${file}.unreadable-${Date.now()}`;
    await rename(file, aside);
    say(`${file} could not be read. It was kept as ${path.basename(aside)}, and the demo gets new keys.`);
  }
  return { trunkSecret: randomKey(), batches: 1 };
}

async function ensureCatalogue(api: Api, trunkSecret: string): Promise<void> {
  const ensure = async (address: string, body: unknown, query = "") => {
    if ((await api.get(`${address}${query}`)) === undefined) await api.send("PUT", `${address}${query}`, body);
  };
  const ofPartner = `?partner=${DEMO}`;
  await ensure(`/v1/partners/${DEMO}`, {
    name: "Demo Talk",
    status: "active",
    timeZone: "Europe/Berlin",
    limits: { EUR: { outstanding: "1000000000.00", creditPerDay: "1000000.00", maxFaceValue: "1000.00" } },
  });
  await ensure(`/v1/trunks/${DEMO}`, {
    name: "Demo trunk",
    partners: [DEMO],
    domain: "sip.demo.example",
    proxies: ["sip:sip.demo.example"],
    webSockets: ["wss://sip.demo.example:7443"],
    digest: { mac: "sha1", algorithm: "MD5", secret: trunkSecret },
  });
  await ensure(`/v1/profiles/${DEMO}`, { name: "Demo calling", trunk: DEMO }, ofPartner);
  if ((await api.get(`/v1/brands/${DEMO}`)) === undefined) {
    const texts = {
      tagline: "Calls home, simply.",
      welcome: "Welcome to Demo Talk.",
      topUp: "Top up with a voucher code.",
      support: "This is a demo: nobody answers here.",
    };
    await api.send("PUT", `/v1/brands/${DEMO}${ofPartner}`, { name: "Demo Talk", texts: { en: texts } });
  }
  if ((await api.get(`/v1/brands/${DEMO}/manifest`)) === undefined) {
    await api.send("POST", `/v1/brands/${DEMO}/publish`);
  }
}

type KeyList = { readonly items: readonly { id: string; name: string }[]; readonly nextCursor: string | null };

async function listKeys(api: Api, address: string): Promise<KeyList["items"]> {
  const items: { id: string; name: string }[] = [];
  for (let cursor: string | null = ""; cursor !== null;) {
    const query: string = cursor === "" ? "" : `&cursor=${encodeURIComponent(cursor)}`;
    const list: KeyList | undefined = await api.get<KeyList>(`${address}?limit=200${query}`);
    items.push(...(list?.items ?? []));
    cursor = list?.nextCursor ?? null;
  }
  return items;
}

const isAlive = async (api: Api, address: string, id: string): Promise<boolean> =>
  (await listKeys(api, address)).some((key) => key.id === id);

/** A key made just before a kill was never written down; it is revoked, since nobody can know it. */
async function createKey(api: Api, which: KeyName): Promise<{ id: string; key: string }> {
  const { path: address, ...body } = KEYS[which];
  await revokeNamed(api, address, body.name);
  const { id, key } = await api.send<{ id: string; key: string }>("POST", address, body);
  return { id, key };
}

async function revokeNamed(api: Api, address: string, name: string, except?: string): Promise<void> {
  for (const key of await listKeys(api, address)) {
    if (key.name === name && key.id !== except) await api.send("DELETE", `${address}/${key.id}`);
  }
}

type Batch = { readonly number: number; readonly status: string };
type Row = { readonly serial: string; readonly code: string };

/** The demo's batch of that order, made if need be, and its next untouched codes. */
async function openBatch(api: Api, order: number): Promise<{ batch: number; codes: string[] }> {
  const { number } = await api.send<Batch>("POST", "/v1/batches", BATCH, `demo-${order}`);
  const status = (await api.get<Batch>(`/v1/batches/${number}`))?.status;
  const codes: string[] = [];
  if (status !== "active") return { batch: number, codes };
  for (let from = 1; from <= BATCH_SIZE && codes.length < CODES_SHOWN; from += CODES_PER_PAGE) {
    const to = from + CODES_PER_PAGE - 1;
    const rows = (await api.get<Row[]>(`/v1/batches/${number}/codes?from=${from}&to=${to}`, NDJSON)) ?? [];
    for (let at = 0; at < rows.length && codes.length < CODES_SHOWN; at += CODES_SHOWN) {
      codes.push(...(await untouched(api, rows.slice(at, at + CODES_SHOWN))));
    }
  }
  return { batch: number, codes: codes.slice(0, CODES_SHOWN) };
}

/** The sheet may be seconds behind the cards; each card itself is not. */
async function untouched(api: Api, rows: readonly Row[]): Promise<string[]> {
  const cards = await Promise.all(
    rows.map(async ({ serial, code }) => ({ code, card: await api.get<{ status: string }>(`/v1/cards/${serial}`) })),
  );
  return cards.filter(({ card }) => card?.status === "issued").map(({ code }) => code);
}
