/** The routes that are measured against their floors, each with what it sends. */
import { randomInt, randomUUID } from "node:crypto";
import { apiClient } from "../../src/cli/api-client.ts";
import { checkSymbol32, formatCode } from "../../src/domain/code/read.ts";
import { codesOf, issue, makeCatalogue, redeemBody, redeemed, type Bench, type SheetRow } from "./catalogue.ts";
import type { Load, LoadRequest } from "./load.ts";
import type { BenchPlatform } from "./platform.ts";

/** As many cards as floor objects, so that both sides have as much to keep in memory. */
const CARDS = 100;
const RADIX = 32;
const SECRET_SYMBOLS = 15;

/** What a hold and an extension say; the floors are sent the same. */
const PLACED = { amount: "0.02", currency: "EUR", ttlSeconds: 3600 };
const EXTENDED = { used: "0.01", amount: "0.02", ttlSeconds: 3600 };

/** A product route and the floor it stands on; `goal` is the least ratio of requests per second, where there is one. */
export type Pair = { readonly route: string; readonly floor: string; readonly goal?: number };
export const PAIRS: readonly Pair[] = [
  { route: "redeem again", floor: "floor: read + sign", goal: 0.7 },
  { route: "first redemption", floor: "floor: created by one write + sign" },
  { route: "unknown code", floor: "floor: bare Hono", goal: 0.5 },
  { route: "debit", floor: "floor: object write", goal: 0.85 },
  { route: "hold + commit", floor: "floor: two object writes", goal: 0.85 },
  { route: "extend", floor: "floor: object write with a hold", goal: 0.85 },
];

const redeem = (body: unknown): LoadRequest => ({ method: "POST", path: "/v1/redeem", body });
const floor = (method: LoadRequest["method"], path: string, body?: unknown): LoadRequest => ({
  method,
  path,
  ...(body !== undefined && { body }),
});

const readSign = (card: string): LoadRequest => floor("GET", `/read-sign?card=${card}`);

async function wakeFloor({ url }: BenchPlatform, cards: readonly SheetRow[]): Promise<void> {
  await Promise.all(cards.map(async ({ serial }) => (await fetch(new URL(readSign(serial).path, url))).text()));
}

export type Platforms = { readonly product: BenchPlatform; readonly floor: BenchPlatform };
export type LoadPlan = { readonly rounds: number; readonly firstPerRound: number };

export async function makeLoads(
  { product: ours, floor: theirs }: Platforms,
  { rounds, firstPerRound }: LoadPlan,
): Promise<Load[]> {
  const bench = await makeCatalogue(ours.url, ours.key);
  const [used, held, fresh] = [
    await codesOf(bench, await issue(bench, CARDS, "900.00")),
    await codesOf(bench, await issue(bench, CARDS, "900.00")),
    await codesOf(bench, await issue(bench, firstPerRound * (rounds + 1))),
  ];
  const holders = used.map(({ code }) => redeemBody(code));
  for (const holder of [...holders, ...held.map(({ code }) => redeemBody(code))]) await redeemed(bench, holder);
  const unused = fresh.map(({ code }) => redeemBody(code))[Symbol.iterator]();
  const cards = inTurn(used.map(({ serial }) => serial));
  const holder = inTurn(holders);
  const [product, floors] = [
    { url: ours.url, pids: ours.runtimePids, expectedStatus: 200 },
    { url: theirs.url, pids: theirs.runtimePids, expectedStatus: 200 },
  ];
  return [
    { ...floors, name: "floor: bare Hono", next: () => floor("GET", "/bare") },
    { ...product, name: "unknown code", expectedStatus: 404, next: () => redeem(redeemBody(neverIssued())) },
    { ...floors, name: "floor: sign only", next: () => floor("GET", "/sign") },
    {
      ...floors,
      name: "floor: read + sign",
      next: () => readSign(cards() ?? ""),
      begin: async () => wakeFloor(theirs, used),
    },
    { ...product, name: "redeem again", next: () => redeem(holder()), begin: async () => wake(bench, used) },
    {
      ...floors,
      name: "floor: object write",
      next: () => floorWrite(cards() ?? ""),
      settles: true,
    },
    {
      ...product,
      name: "debit",
      next: () => debit(bench, cards() ?? ""),
      settles: true,
    },
    { ...floors, ...floorWrites(cards), name: "floor: two object writes", settles: true },
    { ...product, ...holdAndCommit(bench, cards), name: "hold + commit", settles: true },
    { ...floors, ...floorExtensions(held), name: "floor: object write with a hold", settles: true },
    { ...product, ...(await extensions(bench, held)), name: "extend", settles: true },
    {
      ...floors,
      name: "floor: created by one write + sign",
      next: () => floor("POST", `/create-sign?card=${randomUUID()}`),
      amount: firstPerRound,
      settles: true,
    },
    {
      ...product,
      name: "first redemption",
      next: () => redeem(unused.next().value),
      amount: firstPerRound,
      settles: true,
    },
  ];
}

const sent = (
  { switchKey }: Bench,
  method: LoadRequest["method"],
  path: string,
  body: Record<string, unknown>,
): LoadRequest => ({ method, path, headers: { Authorization: `Bearer ${switchKey}` }, body });

export const debit = (bench: Bench, serial: string, amount = "0.01", id: string = randomUUID()): LoadRequest =>
  sent(bench, "PUT", `/v1/cards/${serial}/debits/${id}`, { amount, currency: "EUR" });

type Sends = Pick<Load, "next" | "followedBy" | "answered" | "begin">;

/** As a debit: the same bytes in, the same rows written. */
export const floorWrite = (card: string): LoadRequest =>
  floor("PUT", `/write?card=${card}&id=${randomUUID()}`, { amount: "0.01", currency: "EUR" });

const floorHold = (card: string, hold: string): LoadRequest =>
  floor("PUT", `/write?card=${card}&id=${randomUUID()}&hold=${hold}`, PLACED);

/** Twice at the same object and hold, as a hold and its commit. */
const floorWrites = (cards: () => string | undefined): Sends => ({
  next: () => floorHold(cards() ?? "", randomUUID()),
  followedBy: ({ method, path }) => floor(method, path.replace("&hold=", "-2&hold="), { amount: "0.01" }),
});

/** One hold a card, as the extensions have it. */
const floorExtensions = (cards: readonly SheetRow[]): Sends => {
  const serials = inTurn(cards.map(({ serial }) => serial));
  return { next: () => ({ ...floorHold(serials() ?? "", "h"), body: { sequence: 1000, ...EXTENDED } }) };
};

/** A new hold each time, and its commit. */
const holdAndCommit = (bench: Bench, cards: () => string | undefined): Sends => ({
  next: () => placing(bench, cards() ?? ""),
  followedBy: ({ path }) => sent(bench, "POST", `${path}/commit`, { amount: "0.01" }),
});

const placing = (bench: Bench, serial: string): LoadRequest =>
  sent(bench, "PUT", `/v1/cards/${serial}/holds/${randomUUID()}`, PLACED);

/** Cards unused for ten seconds leave memory; what loading them again costs is not what these rounds are about. */
async function wake({ api }: Bench, cards: readonly SheetRow[]): Promise<void> {
  await Promise.all(cards.map(async ({ serial }) => api.get(`/v1/cards/${serial}`)));
}

/**
 * One hold a card, extended in turn, never twice at once. What a round's end cut off is sent again with its old number,
 * which is safe.
 */
async function extensions(bench: Bench, cards: readonly SheetRow[]): Promise<Sends> {
  const sequences = new Map<string, number>();
  for (const { serial } of cards) {
    const { path, body } = placing(bench, serial);
    await apiClient(bench.url, bench.switchKey).send("PUT", path, body);
    sequences.set(`${path}/extend`, 1);
  }
  let free = [...sequences.keys()];
  return {
    begin: async () => {
      free = [...sequences.keys()];
      await wake(bench, cards);
    },
    next: () => {
      const path = free.shift() ?? "";
      return sent(bench, "POST", path, { sequence: sequences.get(path), ...EXTENDED });
    },
    answered: ({ path }, status) => {
      if (status !== 200) return false;
      sequences.set(path, (sequences.get(path) ?? 0) + 1);
      free.push(path);
      return true;
    },
  };
}

export function inTurn<T>(values: readonly T[]): () => T | undefined {
  let next = 0;
  return () => values[next++ % values.length];
}

/** Right length, right check symbol; that it opens by chance has odds of one in 2^25. */
function neverIssued(): string {
  const symbols = Array.from({ length: SECRET_SYMBOLS }, () => randomInt(RADIX));
  return formatCode("base32", [...symbols, checkSymbol32(symbols)]);
}
