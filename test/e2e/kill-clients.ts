/** Clients of the kill test: each has a card, ids of its own, and remembers what was answered and what was not. */

export type Answer = { readonly status: number; readonly replayed: boolean; readonly body: Record<string, unknown> };

/** Of one request: what it was, and what was answered; undefined = nobody knows whether it happened. */
export type Asked = {
  readonly method: string;
  readonly path: string;
  readonly body: object;
  answer: Answer | undefined;
};

/** No key may both spend and credit: which one is sent follows from the path. */
export type Site = { readonly url: string; readonly key: (path: string) => string };

const LIMIT_MS = 5_000;

export async function send(
  site: Site,
  { method, path, body }: Pick<Asked, "method" | "path" | "body">,
): Promise<Answer> {
  const response = await fetch(new URL(path, site.url), {
    method,
    headers: { Authorization: `Bearer ${site.key(path)}`, "Content-Type": "application/json" },
    ...(method !== "GET" && { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(LIMIT_MS),
  });
  const replayed = response.headers.get("Idempotency-Replayed") === "true";
  return { status: response.status, replayed, body: (await response.json()) as Record<string, unknown> };
}

const money = (amount: number): string => (amount / 100).toFixed(2);
const any = <T>(values: readonly T[]): T => values[Math.floor(Math.random() * values.length)] as T;

/** Asks one thing after another until the product is gone: credits, debits, and holds from placing to settling. */
export async function ask(
  site: Site,
  serial: string,
  name: string,
  log: Asked[],
  isOver: () => boolean,
): Promise<void> {
  const card = `/v1/cards/${serial}`;
  let next = 0;
  const one = async (method: string, path: string, body: object): Promise<boolean> => {
    const asked: Asked = { method, path: `${card}/${path}`, body, answer: undefined };
    log.push(asked);
    try {
      asked.answer = await send(site, asked);
    } catch {
      return false;
    }
    return true;
  };
  while (!isOver()) {
    const id = `${name}-${(next += 1)}`;
    const amount = money(any([1, 2, 5, 25, 50]));
    const kind = any(["credit", "debit", "call", "call"]);
    if (kind === "credit") {
      if (!(await one("PUT", `credits/${id}`, { amount, currency: "EUR", source: "goodwill" }))) return;
    } else if (kind === "debit") {
      if (!(await one("PUT", `debits/${id}`, { amount, currency: "EUR", minimum: "0.01" }))) return;
    } else if (!(await oneCall(id, amount, one))) return;
  }
}

async function oneCall(
  id: string,
  amount: string,
  one: (method: string, path: string, body: object) => Promise<boolean>,
): Promise<boolean> {
  const hold = { amount, currency: "EUR", ttlSeconds: 3600, minimum: "0.01" };
  if (!(await one("PUT", `holds/${id}`, hold))) return false;
  for (let sequence = 1; sequence <= any([0, 1, 2]); sequence += 1) {
    const step = { sequence, used: "0.01", amount, ttlSeconds: 3600, overrun: "collect" };
    if (!(await one("POST", `holds/${id}/extend`, step))) return false;
  }
  if (any([true, true, true, false])) return one("POST", `holds/${id}/commit`, { amount: "0.01", overrun: "collect" });
  return any([true, false]) ? one("POST", `holds/${id}/release`, {}) : true;
}
