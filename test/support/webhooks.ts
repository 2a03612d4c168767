/** What tests of webhooks share: partners' webhooks and their receivers, cards with something to tell, the log. */
import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, expect, vi } from "vitest";
import type { NoticesEvent } from "../../src/domain/card-calls.ts";
import { onSchedule } from "../../src/queue/schedule.ts";
import { call, fresh, operatorKey } from "./api.ts";
import { redeemed, type Deck, type Redeemed } from "./cards.ts";
import { Internet, type Received, WakeQueue } from "./receivers.ts";

export const SECOND = 1000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;
export const ALL = ["card.redeemed", "card.low_balance", "card.expiring", "card.blocked", "hold.late", "alert"];

export const good = () => new Response(null, { status: 204 });
export const status = (code: number) => () => new Response("no", { status: code });

export let internet: Internet;
export let wakes: WakeQueue;

/** For the top of a file of tests: a clock that stands, a network and a queue of its own for every test. */
export function setUpNetwork(): void {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
    internet = new Internet();
    wakes = new WakeQueue();
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.restoreAllMocks();
  });
}

export const later = (ms: number) => wakes.runUntil(Date.now() + ms);
export const onTheClock = () => onSchedule({ cron: "*/15 * * * *" } as ScheduledController, env);

export type Hook = { readonly host: string; readonly path: string; readonly secret: string };
export async function hook(partner: string, events = ALL, answering = good): Promise<Hook> {
  const id = fresh("hook");
  const host = `${id}.receiver.example`;
  internet.at(host, answering);
  const path = `/v1/partners/${partner}/webhooks/${id}`;
  const body = { url: `https://${host}/in`, events };
  const answer = await call<{ secret: string }>("PUT", path, { key: operatorKey(), body });
  if (answer.status !== 201) throw new Error(answer.text);
  return { host, path, secret: answer.body.secret };
}

export type Entry = Record<string, unknown> & { id: string; status: string; error: string | null; attempts: number };
export const log = async ({ path }: Hook, query = "") =>
  (await call<{ items: Entry[] }>("GET", `${path}/deliveries${query}`, { key: operatorKey() })).body.items;
export const read = async ({ path }: Hook) => (await call("GET", path, { key: operatorKey() })).body;

/** What a card has to tell, taken out of its object as its alarm sends it. */
export async function told({ card }: Redeemed): Promise<NoticesEvent[]> {
  const sent: NoticesEvent[] = [];
  await runInDurableObject(env.CARDS.getByName(card.serial), async (instance) => {
    const send = async (message: NoticesEvent | { type: "card" }) => {
      if (message.type === "events") sent.push(message);
    };
    Object.defineProperty(instance, "env", { value: { ...env, CARD_EVENTS: { send } }, configurable: true });
    await (instance as unknown as { alarm(): Promise<void> }).alarm();
  });
  return sent;
}

export const act = (card: Redeemed, action: string) =>
  call("PATCH", `/v1/cards/${card.card.serial}`, { key: operatorKey(), body: { action, reason: "test" } });

/** A card that tells of its first use and then of blocks. */
export async function eventful(deck: Deck, index: number, blocks: number): Promise<NoticesEvent[]> {
  const card = await redeemed(deck.codes[index]);
  const messages = await told(card);
  for (let block = 0; block < blocks; block += 1) {
    await act(card, "block");
    await act(card, "unblock");
    messages.push(...(await told(card)));
  }
  return messages;
}

export const versionOf = ({ id }: Pick<Received, "id">) => Number(id.split("_")[2]);
export const idsOf = (messages: readonly NoticesEvent[]) =>
  new Set(messages.flatMap(({ events }) => events.map(({ id }) => id)));
export const distinct = (received: readonly Received[]) => new Map(received.map((each) => [each.id, each]));

/** First arrivals of each card in the order of its changes. */
export function expectInOrder(received: readonly Received[]): void {
  for (const [card, events] of Map.groupBy(distinct(received).values(), ({ data }) => data.card)) {
    const versions = events.map(versionOf);
    expect(versions, card).toEqual(versions.toSorted((a, b) => a - b));
  }
}
