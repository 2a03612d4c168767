/**
 * The product with slow bindings: every call to an object, KV or D1 takes as long as it would from far away, and is
 * counted. Everything else is the product's own entry.
 * `X-Bench-Isolate: new` gives the request an environment nobody has seen: configuration, imported keys and catalogue
 * are then read as in a new isolate. `GET /bench/rows?serial=` tells how many rows a card's database has written.
 */
import product, { CardAccount as ProductCard } from "../../src/index.ts";
import { delayed } from "./delayed-bindings.ts";
import type { Calls } from "./delays.ts";

export class CardAccount extends ProductCard {
  /** Rows inserted, updated or deleted since the object came to memory, by SQLite's own count. */
  benchRowsWritten(): number {
    return this.ctx.storage.sql.exec<{ rows: number }>("SELECT total_changes() AS rows").one().rows;
  }
}

let known: { readonly env: Env; readonly calls: Calls } | undefined;

export default {
  ...product,
  async fetch(request, env, ctx) {
    const url = new URL(request.url);
    if (url.pathname === "/bench/rows") {
      const stub = env.CARDS.getByName(url.searchParams.get("serial") ?? "") as unknown as {
        benchRowsWritten(): Promise<number>;
      };
      return Response.json({ rows: await stub.benchRowsWritten() });
    }
    if (!known || request.headers.get("X-Bench-Isolate") === "new") known = delayed(env);
    const { calls, env: slow } = known;
    const before = { ...calls };
    const answer = await product.fetch(request, slow, ctx);
    const counted = Object.fromEntries(
      Object.entries(calls).map(([name, count]) => [name, count - before[name as keyof Calls]]),
    );
    const response = new Response(answer.body, answer);
    response.headers.set("X-Bench-Calls", JSON.stringify(counted));
    return response;
  },
} satisfies ExportedHandler<Env>;
