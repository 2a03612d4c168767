/** Receivers of webhooks, and the queue that wakes their deliverers, both by the test's clock. */
import { createExecutionContext, createMessageBatch, getQueueResult } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { Webhook } from "standardwebhooks";
import { vi } from "vitest";
import { consume } from "../../src/queue/consume.ts";
import type { WakeMessage } from "../../src/services/webhook-wakes.ts";

export type Received = {
  readonly url: string;
  readonly id: string;
  readonly signatures: readonly string[];
  readonly type: string;
  readonly data: Record<string, unknown> & { readonly card?: string };
  readonly text: string;
  readonly headers: Headers;
  readonly atMs: number;
};

/** What a receiver answers; throwing is a connection that fails. */
export type Answering = (received: Received) => Response | Promise<Response>;

/** Stands for the internet: everything that is sent arrives here, and is answered by its host's receiver. */
export class Internet {
  readonly received: Received[] = [];
  readonly #receivers = new Map<string, Answering>();

  constructor() {
    vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
      const request = new Request(input, init);
      const text = await request.text();
      const { type, data } = JSON.parse(text) as Pick<Received, "type" | "data">;
      const header = (name: string) => request.headers.get(name) ?? "";
      const received: Received = {
        url: request.url,
        id: header("webhook-id"),
        signatures: header("webhook-signature").split(" "),
        type,
        data,
        text,
        headers: request.headers,
        atMs: Date.now(),
      };
      this.received.push(received);
      const answering = this.#receivers.get(new URL(request.url).host);
      if (!answering) throw new TypeError("no such host");
      return answering(received);
    });
  }

  at(host: string, answering: Answering): void {
    this.#receivers.set(host, answering);
  }

  of(host: string): Received[] {
    return this.received.filter(({ url }) => new URL(url).host === host);
  }
}

/** Throws unless the event is signed under this secret, by the library and by the clock of this moment. */
export const verify = (secret: string, { text, headers }: Received): unknown =>
  new Webhook(secret).verify(text, Object.fromEntries(headers));

/** The queue of wakes: keeps what is sent until the clock has come there. */
export class WakeQueue {
  readonly #waiting: { readonly body: WakeMessage; readonly atMs: number }[] = [];

  constructor() {
    vi.spyOn(env.WEBHOOK_WAKES, "sendBatch").mockImplementation((async (
      messages: { body: WakeMessage; delaySeconds: number }[],
    ) => {
      for (const { body, delaySeconds } of messages)
        this.#waiting.push({ body, atMs: Date.now() + delaySeconds * 1000 });
    }) as never);
  }

  get waiting(): readonly { readonly body: WakeMessage; readonly atMs: number }[] {
    return this.#waiting;
  }

  lose(): void {
    this.#waiting.length = 0;
  }

  /** Moves the clock to an instant, delivering on the way what becomes due. */
  async runUntil(endMs: number): Promise<void> {
    for (;;) {
      this.#waiting.sort((a, b) => a.atMs - b.atMs);
      const next = this.#waiting[0];
      if (!next || next.atMs > endMs) break;
      this.#waiting.shift();
      vi.setSystemTime(Math.max(Date.now(), next.atMs));
      await wake(next.body);
    }
    vi.setSystemTime(endMs);
  }

  /** What is due at this moment. */
  run(): Promise<void> {
    return this.runUntil(Date.now());
  }
}

let messages = 0;
const batchOf = (queue: string, bodies: readonly unknown[], attempts = 1) =>
  createMessageBatch(
    queue,
    bodies.map((body) => ({ id: `m${(messages += 1)}`, timestamp: new Date(), attempts, body })),
  );

export const wake = (body: WakeMessage): Promise<void> => consume(batchOf("ringfare-webhooks", [body]), env);

/** Messages of cards as the queue brings them; answers after how long all of them come again, null = they are done with. */
export async function bring(bodies: readonly unknown[], attempts = 1): Promise<number | null> {
  const batch = batchOf("ringfare-card-events", bodies, attempts);
  const retries = vi.spyOn(batch, "retryAll");
  await consume(batch, env);
  const { retryBatch } = await getQueueResult(batch, createExecutionContext());
  return retryBatch.retry ? (retries.mock.calls[0]?.[0]?.delaySeconds ?? 0) : null;
}
