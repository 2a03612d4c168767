/**
 * The product with slow bindings: every call to an object, KV or D1 takes as long as it would from far away, and is
 * counted. Everything else is the product's own entry.
 * `X-Bench-Isolate: new` gives the request an environment nobody has seen: configuration, imported keys and catalogue
 * are then read as in a new isolate. `GET /bench/rows?serial=` tells how many rows a card's database has written;
 * `GET /bench/object` waits for one call to an object, as late as the others, and does nothing else; `GET /bench/all` for
 * one to KV, one to D1 and one to an object. They are the floors. `GET /bench/sign?what=&times=` signs so many times with
 * the product's own keys; no clock runs in a Worker meanwhile, so the caller takes the time.
 */
import product, { CardAccount as ProductCard } from "../../src/index.ts";
import { trunkSecretPlace } from "../../src/auth/sealing.ts";
import { configOf } from "../../src/config.ts";
import { servicesOf } from "../../src/services/services.ts";
import { delayed } from "./delayed-bindings.ts";
import type { Calls } from "./delays.ts";

export class CardAccount extends ProductCard {
  /** Rows inserted, updated or deleted since the object came to memory, by SQLite's own count. */
  benchRowsWritten(): number {
    return this.ctx.storage.sql.exec<{ rows: number }>("SELECT total_changes() AS rows").one().rows;
  }
}

type Counting = { benchRowsWritten(): Promise<number> };
type Slow = { readonly env: Env; readonly calls: Calls };
let known: Slow | undefined;

const rowsOf = async (env: Env, serial: string): Promise<Response> => {
  const card = env.CARDS.getByName(serial) as unknown as Counting;
  return Response.json({ rows: await card.benchRowsWritten() });
};

async function oneOfEach(env: Env, serial: string): Promise<Response> {
  await env.BRANDING.get("none");
  await env.DB.prepare("SELECT 1").first();
  return rowsOf(env, serial);
}

/** The answer of `work`, with what was called for it in a header. Requests come one at a time. */
async function counted({ calls }: Slow, work: () => Response | Promise<Response>): Promise<Response> {
  const before = { ...calls };
  const answer = await work();
  const made = Object.entries(calls).map(([name, count]) => [name, count - before[name as keyof Calls]]);
  const response = new Response(answer.body, answer);
  response.headers.set("X-Bench-Calls", JSON.stringify(Object.fromEntries(made)));
  return response;
}

const CARD = { batch: 1, card: 1, device: 1, family: 1 };
const USER = "000001-0000001.1";
const DOMAIN = "sip.bench.example";

async function sign(env: Env, what: string | null, times: number): Promise<Response> {
  const { signing, refreshTokens, credentials, sealer } = servicesOf(env, configOf(env));
  const place = trunkSecretPlace("bench", "digest");
  const trunk = {
    id: "bench",
    name: "",
    domain: DOMAIN,
    realm: DOMAIN,
    proxies: [],
    webSockets: [],
    routeGroup: null,
    techPrefix: null,
    digest: { mac: "sha1", algorithm: "MD5", sealedSecret: await sealer.seal(place, "0123456789abcdef") },
    ice: null,
  } as const;
  const nowMs = Date.now();
  const bearer = { user: USER, domain: DOMAIN, partner: "bench", lifetimeSeconds: 600 };
  const works: Record<string, () => Promise<unknown>> = {
    "access token": () => signing.accessToken(CARD, nowMs),
    "SIP token": () => signing.sipToken(bearer, nowMs),
    "digest pair": () => credentials.digestPair(trunk, USER, nowMs, 3600),
    "refresh token": () => refreshTokens.issue({ ...CARD, generation: 1 }),
  };
  const work = works[what ?? ""];
  for (let time = 0; time < times; time += 1) await work?.();
  return Response.json(Object.keys(works));
}

export default {
  ...product,
  async fetch(request, env, ctx) {
    const { pathname, searchParams } = new URL(request.url);
    const serial = searchParams.get("serial") ?? "";
    if (pathname === "/bench/rows") return rowsOf(env, serial);
    if (pathname === "/bench/sign") return sign(env, searchParams.get("what"), Number(searchParams.get("times")));
    if (!known || request.headers.get("X-Bench-Isolate") === "new") known = delayed(env);
    const { env: slow } = known;
    if (pathname === "/bench/object") return counted(known, () => rowsOf(slow, serial));
    if (pathname === "/bench/all") return counted(known, () => oneOfEach(slow, serial));
    return counted(known, () => product.fetch(request, slow, ctx));
  },
} satisfies ExportedHandler<Env>;
