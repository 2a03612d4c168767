/** A brand's portal for tests in workerd: its settings, a card signed in, and an upstream that stands in for the network. */
import { exports } from "cloudflare:workers";
import { vi } from "vitest";
import { operatorKey, call, fresh } from "./api.ts";
import { createDeck, type Deck, redeemed, type Redeemed } from "./cards.ts";

export const UPSTREAM = "https://shop.acme.example";
const DOMAIN = "portal.ringfare.test";

export type Portal = Deck & { readonly origin: string; readonly nextCard: () => Promise<Redeemed> };

export async function createPortal(settings: Readonly<Record<string, unknown>> = {}): Promise<Portal> {
  const deck = await createDeck({ batch: { quantity: 60 } });
  await setPortal(deck.brand, settings);
  let next = 0;
  return {
    ...deck,
    origin: `https://${deck.brand}.${DOMAIN}`,
    nextCard: async () => redeemed(deck.codes[next++], fresh("phone")),
  };
}

export async function setPortal(brand: string, settings: Readonly<Record<string, unknown>> = {}): Promise<void> {
  const body = { origin: UPSTREAM, ...settings };
  const answer = await call("PUT", `/v1/brands/${brand}/portal`, { key: operatorKey(), body });
  if (answer.status !== 200) throw new Error(`portal: ${answer.status} ${answer.text}`);
}

export type Seen = { readonly url: string; readonly method: string; readonly headers: Headers; readonly body: string };
type Respond = (seen: Seen) => Response | Promise<Response>;

/** Everything the product fetches from here on; the upstream answers with what it received. */
export function standIn(respond: Respond = () => new Response("hello", { headers: { "Content-Type": "text/plain" } })) {
  const seen: Seen[] = [];
  const spy = vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
    const request = new Request(input, init);
    const one = {
      url: request.url,
      method: request.method,
      headers: request.headers,
      body: new TextDecoder().decode(await request.arrayBuffer()),
    };
    seen.push(one);
    return respond(one);
  });
  return { seen, answerWith: (next: Respond) => (respond = next), restore: () => spy.mockRestore() };
}

/** A browser's cookies of one host, as it would send them back; no paths, no dates. */
export class Jar {
  readonly #cookies = new Map<string, string>();

  take(headers: Headers): void {
    for (const text of headers.getSetCookie()) {
      const [pair = ""] = text.split(";");
      const at = pair.indexOf("=");
      if (/;\s*max-age=0/i.test(text)) this.#cookies.delete(pair.slice(0, at));
      else this.#cookies.set(pair.slice(0, at), pair.slice(at + 1));
    }
  }

  set(name: string, value: string): void {
    this.#cookies.set(name, value);
  }

  get names(): string[] {
    return [...this.#cookies.keys()];
  }

  get(name: string): string | undefined {
    return this.#cookies.get(name);
  }

  get header(): string {
    return Array.from(this.#cookies, ([name, value]) => `${name}=${value}`).join("; ");
  }
}

type Going = {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: BodyInit;
  readonly jar?: Jar;
};

/** One request as a browser makes it: navigations by default, with the page's own origin on writes. */
export async function go(
  origin: string,
  path: string,
  { method = "GET", headers = {}, body, jar }: Going = {},
): Promise<Response> {
  const isRead = method === "GET" || method === "HEAD";
  const sent = new Headers({
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-Site": "same-origin",
    "Sec-Fetch-Dest": "document",
    ...(!isRead && { Origin: origin }),
  });
  if (jar && jar.header !== "") sent.set("Cookie", jar.header);
  for (const [name, value] of Object.entries(headers)) {
    if (value === "") sent.delete(name);
    else sent.set(name, value);
  }
  const request = new Request(`${origin}${path}`, {
    method,
    headers: sent,
    redirect: "manual",
    ...(body !== undefined && { body }),
  });
  const answer = await exports.default.fetch(request);
  jar?.take(answer.headers);
  return answer;
}

export async function ticketFor(card: Redeemed): Promise<{ url: string; ticket: string; origin: string }> {
  const answer = await call<{ url: string }>("POST", "/v1/me/portal-session", { key: card.tokens.accessToken });
  if (answer.status !== 200) throw new Error(`ticket: ${answer.status} ${answer.text}`);
  const url = new URL(answer.body.url);
  return { url: url.href, ticket: url.hash.slice(1), origin: url.origin };
}

export const handOver = (origin: string, jar: Jar, ticket: string, replace = false): Promise<Response> =>
  go(origin, "/.ringfare/session", {
    method: "POST",
    jar,
    headers: { "Content-Type": "application/json", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty" },
    body: JSON.stringify({ ticket, replace }),
  });

/** A browser that is signed in with this card. */
export async function signIn(card: Redeemed, jar = new Jar()): Promise<Jar> {
  const { origin, ticket } = await ticketFor(card);
  const answer = await handOver(origin, jar, ticket, true);
  if (answer.status !== 200) throw new Error(`sign in: ${answer.status} ${await answer.text()}`);
  await answer.text();
  return jar;
}
