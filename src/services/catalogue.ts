/**
 * Terms and brands on the hot path: isolate memory, else KV, else D1, each with a time limit.
 * Serves no money. A failing layer is passed over; what was read lately is better than a refusal.
 */
import type { Brand } from "../domain/branding.ts";
import type { CatalogueTerms } from "../domain/terms.ts";
import type { CatalogueKv, PortalHost } from "../storage/catalogue-kv.ts";

/** A copy in memory is current for this long, and stands in for this long while KV and D1 fail. */
const FRESH_MS = 15_000;
const STANDS_IN_MS = 300_000;
const MAX_ENTRIES = 2000;

export type Catalogue = {
  /** null = no such batch. Rejects with Unavailable when nothing could be read in time. */
  terms(batch: number): Promise<CatalogueTerms | null>;
  /** What is published; null = nothing is, or no such brand. */
  brand(id: string): Promise<Brand | null>;
  /** The brand a host name of its own leads to; null = nobody's. */
  brandOfHost(host: string): Promise<string | null>;
  /** After a change: read again from D1 and renew the copies, so that the change is seen here at once. */
  refreshTerms(batch: number): Promise<void>;
  refreshBrand(id: string): Promise<void>;
  refreshHost(host: string): Promise<void>;
};

type Deps = {
  readonly kv: CatalogueKv;
  readonly readTerms: (batch: number) => Promise<CatalogueTerms | undefined>;
  readonly readBrand: (id: string) => Promise<Brand | undefined>;
  readonly readHost: (host: string) => Promise<string | undefined>;
  readonly now: () => number;
  /** Work that may outlive the answer. */
  readonly later: (work: Promise<unknown>) => void;
};

export function createCatalogue({ kv, readTerms, readBrand, readHost, now, later }: Deps): Catalogue {
  const terms = new Layered<number, CatalogueTerms>({
    now,
    later,
    newer: newerTerms,
    get: (batch) => kv.terms(batch),
    put: (value) => kv.putTerms(value),
    read: readTerms,
  });
  const brands = new Layered<string, Brand>({
    now,
    later,
    newer: newerBrand,
    get: (id) => kv.brand(id),
    put: (value) => kv.putBrand(value),
    read: readBrand,
  });
  const hosts = new Layered<string, PortalHost>({
    now,
    later,
    newer: (incoming) => incoming,
    get: (host) => kv.portalHost(host),
    // Names that are nobody's are remembered here only: anybody can make them up.
    put: async (entry) => (entry.brand === null ? undefined : kv.putPortalHost(entry)),
    read: async (host) => ({ host, brand: (await readHost(host)) ?? null }),
  });
  return {
    async terms(batch) {
      const found = await terms.get(batch);
      // A fill from D1 brought the brand with it: one statement, one round trip.
      if (found?.brand) brands.offer(found.brand.brand, found.brand);
      return found;
    },
    brand: (id) => brands.get(id),
    brandOfHost: async (host) => (await hosts.get(host))?.brand ?? null,
    async refreshHost(host) {
      await hosts.refresh(host);
      const entry = await hosts.get(host);
      if (entry?.brand === null) await kv.putPortalHost(entry).catch(() => undefined);
    },
    refreshTerms: (batch) => terms.refresh(batch),
    refreshBrand: (id) => brands.refresh(id),
  };
}

/** A slow copy must not undo a recall this isolate has seen already. */
const newerTerms = (a: CatalogueTerms, b: CatalogueTerms): CatalogueTerms =>
  a.standing.version >= b.standing.version ? a : { ...a, standing: b.standing };

const newerBrand = (a: Brand, b: Brand): Brand => (a.version >= b.version ? a : b);

type LayeredDeps<K, V> = Pick<Deps, "now" | "later"> & {
  readonly newer: (incoming: V, known: V) => V;
  readonly get: (key: K) => Promise<V | null>;
  readonly put: (value: V) => Promise<void>;
  readonly read: (key: K) => Promise<V | undefined>;
};

class Layered<K, V> {
  readonly #deps: LayeredDeps<K, V>;
  readonly #entries = new Map<K, { value: V; atMs: number }>();

  constructor(deps: LayeredDeps<K, V>) {
    this.#deps = deps;
  }

  async get(key: K): Promise<V | null> {
    const entry = this.#entries.get(key);
    const ageMs = entry ? this.#deps.now() - entry.atMs : Number.POSITIVE_INFINITY;
    if (entry && ageMs < FRESH_MS) return entry.value;
    try {
      const copy = await this.#deps.get(key).catch(() => null);
      return copy ? this.#keep(key, copy) : await this.#fill(key);
    } catch (error) {
      if (entry && ageMs < STANDS_IN_MS) return entry.value;
      throw error;
    }
  }

  async refresh(key: K): Promise<void> {
    // What is remembered stays until there is something newer: it stands in while D1 fails.
    const value = await this.#deps.read(key);
    if (value === undefined) return;
    this.#entries.delete(key);
    this.#keep(key, value);
    // The copies expire by themselves within minutes, so a KV that fails delays the change and does not lose it.
    await this.#deps.put(value).catch(() => undefined);
  }

  offer(key: K, value: V): void {
    if (!this.#entries.has(key)) this.#keep(key, value);
  }

  async #fill(key: K): Promise<V | null> {
    const value = await this.#deps.read(key);
    if (value === undefined) return null;
    this.#deps.later(this.#deps.put(value).catch(() => undefined));
    return this.#keep(key, value);
  }

  #keep(key: K, incoming: V): V {
    const known = this.#entries.get(key);
    const value = known ? this.#deps.newer(incoming, known.value) : incoming;
    if (this.#entries.size >= MAX_ENTRIES) this.#entries.clear();
    this.#entries.set(key, { value, atMs: this.#deps.now() });
    return value;
  }
}
