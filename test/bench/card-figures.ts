/** What a card's load and history do to a debit: many callers at one card, many cards in turn, many postings on a card. */
import { codesOf, issue, makeCatalogue, redeemBody, redeemed, type Bench } from "./catalogue.ts";
import { median, runLoad, settled, WrongAnswer, type Load } from "./load.ts";
import type { BenchPlatform } from "./platform.ts";
import { debit, floorWrite, inTurn, type Platforms } from "./loads.ts";

const CALLERS = 64;
const FEW_CARDS = 100;
const FEW_DEBITS = 200;
/** Of the requests at the hammered card this share finds credit; one debit takes a cent. */
const PAID_SHARE = 0.95;
const CENTS = 100;
const DEBITS_A_TURN = 6;
/** So that the dearest card can pay for all its postings. */
const TENTH_CENT = "0.001";
const FEW_POSTINGS = 10;
const MADE_AT_ONCE = 1000;

export type CardPlan = {
  readonly hammerRounds: number;
  /** A round; a multiple of the callers and of twenty. */
  readonly hammerRequests: number;
  readonly manyCards: number;
  readonly postings: readonly number[];
  readonly postingTurns: number;
};
export type LoadedCards = {
  readonly hammer: {
    readonly perSecond: number;
    readonly paid: number;
    readonly refused: number;
    readonly ratio: number;
  };
  readonly many: { readonly cards: number; readonly perSecond: number; readonly ratio: number };
};
/** `ratio`: to a card with ten postings. */
export type OldCards = readonly { readonly count: number; readonly ms: number; readonly ratio: number }[];
export type CardFigures = LoadedCards & { readonly postings: OldCards };

export async function measureCards(
  platforms: Platforms,
  plan: CardPlan,
  say: (line: string) => void,
): Promise<LoadedCards> {
  const bench = await makeCatalogue(platforms.product.url, platforms.product.key);
  say("one card, many callers");
  const hammer = await hammered(bench, platforms, plan);
  say("many cards");
  const many = await inTurnOver(bench, platforms, plan);
  return { hammer, many };
}

const productLoad = ({ product }: Platforms, name: string) => ({
  name,
  url: product.url,
  pids: product.runtimePids,
  expectedStatus: 200,
});

/** A new card and a new object each round. The credit ends before the requests do: exactly it is spent, the rest refused. */
async function hammered(bench: Bench, platforms: Platforms, plan: CardPlan): Promise<LoadedCards["hammer"]> {
  const paidARound = Math.floor(plan.hammerRequests * PAID_SHARE);
  const credit = (paidARound / CENTS).toFixed(2);
  const ratios: number[] = [];
  const rates: number[] = [];
  for (let round = 0; round <= plan.hammerRounds; round++) {
    const serial = (await usedCards(bench, 1, credit))[0] ?? "";
    const counts = new Map<number, number>();
    const floor: Load = {
      ...productLoad({ ...platforms, product: platforms.floor }, "floor: one object"),
      connections: CALLERS,
      next: () => floorWrite(`hammered-${round}`),
    };
    const ours: Load = {
      ...productLoad(platforms, "one card hammered"),
      connections: CALLERS,
      next: () => debit(bench, serial),
      answered: (_request, status) => {
        counts.set(status, (counts.get(status) ?? 0) + 1);
        return status === 402;
      },
    };
    const theirs = await runLoad(floor, { amount: plan.hammerRequests });
    const { perSecond } = await runLoad(ours, { amount: plan.hammerRequests });
    const [paid, refused] = [counts.get(200) ?? 0, counts.get(402) ?? 0];
    if (paid !== paidARound || paid + refused !== plan.hammerRequests)
      throw new WrongAnswer(`one card hammered: ${paid} paid and ${refused} refused, credit for ${paidARound}`);
    if (round === 0) continue;
    rates.push(perSecond);
    ratios.push(perSecond / theirs.perSecond);
  }
  const paid = paidARound * plan.hammerRounds;
  const refused = plan.hammerRequests * plan.hammerRounds - paid;
  return { perSecond: median(rates), paid, refused, ratio: median(ratios) };
}

/** Each of the many once, in parts; between the parts some debits over a hundred cards. */
async function inTurnOver(bench: Bench, platforms: Platforms, { manyCards }: CardPlan): Promise<LoadedCards["many"]> {
  const few = inTurn(await usedCards(bench, FEW_CARDS, "900.00"));
  const many = inTurn(await usedCards(bench, manyCards, "1.00"));
  await settled();
  const part = manyCards / 10;
  const load = (name: string, cards: () => string | undefined): Load => ({
    ...productLoad(platforms, name),
    next: () => debit(bench, cards() ?? ""),
  });
  const ratios: number[] = [];
  const rates: number[] = [];
  await runLoad(load("debit over few cards", few), { amount: FEW_DEBITS });
  for (let done = 0; done < manyCards; done += part) {
    const ours = await runLoad(load("debit over many cards", many), { amount: part });
    const theirs = await runLoad(load("debit over few cards", few), { amount: FEW_DEBITS });
    rates.push(ours.perSecond);
    ratios.push(ours.perSecond / theirs.perSecond);
  }
  return { cards: manyCards, perSecond: median(rates), ratio: median(ratios) };
}

/**
 * One debit at a time, a few at each card in turn; the card with ten postings is a new one each turn. The old cards'
 * postings are made by the product's own object, a thousand a request (`grown-entry.ts`).
 */
export async function measurePostings(product: BenchPlatform, plan: CardPlan): Promise<OldCards> {
  const bench = await makeCatalogue(product.url, product.key);
  const grown = await usedCards(bench, plan.postings.length, "900.00");
  const young = await usedCards(bench, plan.postingTurns, "1.00");
  // The first posting is the card's own credit; what is measured below adds some more.
  for (const [index, count] of plan.postings.entries())
    for (let left = count - 1; left > 0; left -= MADE_AT_ONCE)
      await timed(bench, grown[index] ?? "", `fill:${Math.min(left, MADE_AT_ONCE)}:${left}`);
  await settled();
  const times = new Map<number, number[]>([FEW_POSTINGS, ...plan.postings].map((count) => [count, []]));
  for (const serial of young) {
    for (let count = 1; count < FEW_POSTINGS - DEBITS_A_TURN / 2; count++) await timed(bench, serial);
    const cards = [
      [FEW_POSTINGS, serial] as const,
      ...plan.postings.map((count, at) => [count, grown[at] ?? ""] as const),
    ];
    for (const [count, card] of cards) {
      // The first of them meets whatever was not used for a while.
      await timed(bench, card);
      for (let index = 1; index < DEBITS_A_TURN; index++) times.get(count)?.push(await timed(bench, card));
    }
  }
  const few = median(times.get(FEW_POSTINGS) ?? []);
  return [...times].map(([count, all]) => ({ count, ms: median(all), ratio: median(all) / few }));
}

async function timed(bench: Bench, serial: string, id?: string): Promise<number> {
  const { method, path, headers, body } = debit(bench, serial, TENTH_CENT, id);
  const startedMs = performance.now();
  const answer = await fetch(new URL(path, bench.url), {
    method,
    headers: { "Content-Type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
  const text = await answer.text();
  const ms = performance.now() - startedMs;
  if (answer.status !== 200) throw new WrongAnswer(`debit: ${answer.status} ${text}`);
  return ms;
}

/** Serials of redeemed cards. */
async function usedCards(bench: Bench, quantity: number, credit: string): Promise<string[]> {
  const rows = await codesOf(bench, await issue(bench, quantity, credit));
  const left = rows.map(({ code }) => redeemBody(code))[Symbol.iterator]();
  const redeemer = async () => {
    for (const body of left) await redeemed(bench, body);
  };
  await Promise.all(Array.from({ length: 16 }, redeemer));
  return rows.map(({ serial }) => serial);
}
