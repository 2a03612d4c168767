/** The routes that are measured against their floors, each with what it sends. */
import { randomInt, randomUUID } from "node:crypto";
import { checkSymbol32, formatCode } from "../../src/domain/code/read.ts";
import { codesOf, issue, makeCatalogue, redeemBody, redeemOnce } from "./catalogue.ts";
import { WrongAnswer, type Load, type LoadRequest } from "./load.ts";
import type { BenchPlatform } from "./platform.ts";

/** As many cards as floor objects, so that both sides have as much to keep in memory. */
const CARDS = 100;
const RADIX = 32;
const SECRET_SYMBOLS = 15;

/** A product route and the floor it stands on; `goal` is the least ratio of requests per second, where there is one. */
export type Pair = { readonly route: string; readonly floor: string; readonly goal?: number };
export const PAIRS: readonly Pair[] = [
  { route: "redeem again", floor: "floor: read + sign", goal: 0.7 },
  { route: "first redemption", floor: "floor: created by one write + sign" },
  { route: "unknown code", floor: "floor: bare Hono", goal: 0.5 },
  { route: "debit", floor: "floor: object write", goal: 0.85 },
];

const redeem = (body: unknown): LoadRequest => ({ method: "POST", path: "/v1/redeem", body });
const floor = (method: LoadRequest["method"], path: string): LoadRequest => ({ method, path });

export type Platforms = { readonly product: BenchPlatform; readonly floor: BenchPlatform };
export type LoadPlan = { readonly rounds: number; readonly firstPerRound: number };

export async function makeLoads(
  { product: ours, floor: theirs }: Platforms,
  { rounds, firstPerRound }: LoadPlan,
): Promise<Load[]> {
  const bench = await makeCatalogue(ours.url, ours.key);
  const [used, fresh] = [
    await codesOf(bench, await issue(bench, CARDS, "900.00")),
    await codesOf(bench, await issue(bench, firstPerRound * (rounds + 1))),
  ];
  const holders = used.map(({ code }) => redeemBody(code));
  for (const holder of holders) {
    const answer = await redeemOnce(bench, holder);
    if (answer.status !== 200) throw new WrongAnswer(`redeem: ${answer.status} ${await answer.text()}`);
  }
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
    { ...floors, name: "floor: read + sign", next: () => floor("GET", `/read-sign?card=${cards()}`) },
    { ...product, name: "redeem again", next: () => redeem(holder()) },
    {
      ...floors,
      name: "floor: object write",
      next: () => floor("PUT", `/write?card=${cards()}&id=${randomUUID()}`),
      settles: true,
    },
    {
      ...product,
      name: "debit",
      next: () => ({
        method: "PUT",
        path: `/v1/cards/${cards()}/debits/${randomUUID()}`,
        headers: { Authorization: `Bearer ${bench.switchKey}` },
        body: { amount: "0.01", currency: "EUR" },
      }),
      settles: true,
    },
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

function inTurn<T>(values: readonly T[]): () => T | undefined {
  let next = 0;
  return () => values[next++ % values.length];
}

/** Right length, right check symbol; that it opens by chance has odds of one in 2^25. */
function neverIssued(): string {
  const symbols = Array.from({ length: SECRET_SYMBOLS }, () => randomInt(RADIX));
  return formatCode("base32", [...symbols, checkSymbol32(symbols)]);
}
