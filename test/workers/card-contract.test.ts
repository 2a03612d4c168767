/**
 * What a Worker and a card's object of different releases say to each other while one is rolled out. The recorded calls
 * and replies are those of a release; once recorded, a file stays as it is. A newer release is recorded beside it.
 */
import { env } from "cloudflare:workers";
import { afterEach, expect, it, vi } from "vitest";
import type { CardView, MoneyOutcome, Redeemed, StatementLine } from "../../src/domain/card-calls.ts";
import type { CardCall } from "../../src/domain/card.ts";
import type { Hold } from "../../src/domain/hold.ts";
import { holderView } from "../../src/domain/holder-view.ts";
import type { CatalogueTerms } from "../../src/domain/terms.ts";
import { cardSchema, cardWire, postingSchema, postingWire, serialOf } from "../../src/http/wire/cards.ts";
import { heldSchema, heldWire, holdAnswerSchema, holdAnswerWire, holdNowWire } from "../../src/http/wire/holds.ts";
import recorded from "../contract/card-object-1.json";

type Turn = { readonly method: string; readonly args: readonly unknown[]; readonly reply: unknown };
type Methods = Record<string, (...args: readonly unknown[]) => Promise<unknown>>;

const call = recorded.call as unknown as CardCall;
const turns: readonly Turn[] = recorded.turns;
const SECOND_MS = 1000;

afterEach(() => vi.useRealTimers());

it("an earlier Worker is answered by this object as by its own, or with more", async () => {
  vi.useFakeTimers({ toFake: ["Date"], now: recorded.startMs });
  for (const [index, { method, args, reply }] of turns.entries()) {
    vi.setSystemTime(recorded.startMs + (index + 1) * SECOND_MS);
    const card = env.CARDS.getByName(serialOf(call)) as unknown as Methods;
    const answer = await card[method]?.(call, ...args);
    expect({ index, method, answer: JSON.parse(JSON.stringify(answer)) }).toMatchObject({
      index,
      method,
      answer: reply,
    });
  }
});

const valueOf = ({ reply }: Turn): unknown => {
  const { ok, value } = reply as { ok?: boolean; value?: unknown };
  return ok === true ? value : undefined;
};
const valuesOf = <T>(...methods: readonly string[]): T[] =>
  turns.filter(({ method }) => methods.includes(method)).flatMap((turn) => (valueOf(turn) ?? []) as T | T[]);

it("this Worker says what an earlier object answered in the form it promises", () => {
  const terms = {
    batch: call.terms,
    standing: call.standing,
    partnerSuspended: false,
    profile: null,
    trunk: null,
    brand: null,
  } satisfies CatalogueTerms;
  const views = [
    ...valuesOf<CardView>("inspect", "holder", "act"),
    ...valuesOf<Redeemed>("redeem", "refresh").map(({ card }) => card),
  ];
  for (const view of views) {
    expect(cardSchema.safeParse(cardWire(call, view)).error).toBeUndefined();
    for (const seat of holderView(serialOf(call), view, 1).devices) expect(seat.sipSeat).toBe(true);
  }
  for (const outcome of valuesOf<MoneyOutcome>("money"))
    expect(holdAnswerSchema.safeParse(holdAnswerWire(terms, outcome)).error).toBeUndefined();
  for (const { hold, card } of valuesOf<{ hold: Hold; card: CardView }>("hold"))
    expect(holdAnswerSchema.safeParse(holdNowWire(terms, hold, card, recorded.startMs)).error).toBeUndefined();
  for (const hold of valuesOf<Hold>("holds"))
    expect(heldSchema.safeParse(heldWire(hold, call.terms.currency)).error).toBeUndefined();
  const statement = turns.find(({ method }) => method === "postings")?.reply as readonly StatementLine[];
  for (const line of statement) expect(postingSchema.safeParse(postingWire(line, call.terms)).error).toBeUndefined();
  expect([views.length, statement.length]).toEqual([10, 10]);
});
