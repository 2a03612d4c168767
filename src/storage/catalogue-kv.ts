/**
 * KV copies of terms and published brands. Copies only: every one expires by itself, and a bad one is a miss.
 * The prefix carries the shape's number, so a deployment that changes a shape never reads the old one.
 */
import type { Brand } from "../domain/branding.ts";
import type { CatalogueTerms } from "../domain/terms.ts";
import { KV_LIMIT_MS, withTimeLimit } from "./unavailable.ts";

const COPY_TTL_SECONDS = 300;
const EDGE_TTL_SECONDS = 30;

export type CatalogueKv = {
  /** null = no copy. Rejects with Unavailable when KV fails or is late. */
  terms(batch: number): Promise<CatalogueTerms | null>;
  putTerms(terms: CatalogueTerms): Promise<void>;
  brand(id: string): Promise<Brand | null>;
  putBrand(brand: Brand): Promise<void>;
  portalHost(host: string): Promise<PortalHost | null>;
  putPortalHost(entry: PortalHost): Promise<void>;
};

/** A host name of a brand's own; `brand` null = the name is nobody's any more. */
export type PortalHost = { readonly host: string; readonly brand: string | null };

const termsKey = (batch: number) => `terms/1/${batch}`;
const hostKey = (host: string) => `portal-host/1/${host}`;
const brandKey = (id: string) => `brand/1/${id}`;

export function createCatalogueKv(kv: KVNamespace): CatalogueKv {
  const get = async <T>(key: string): Promise<T | null> =>
    withTimeLimit("KV get", KV_LIMIT_MS, kv.get<T>(key, { type: "json", cacheTtl: EDGE_TTL_SECONDS }));
  const put = async (key: string, value: unknown): Promise<void> =>
    withTimeLimit("KV put", KV_LIMIT_MS, kv.put(key, JSON.stringify(value), { expirationTtl: COPY_TTL_SECONDS }));
  return {
    terms: (batch) => get<CatalogueTerms>(termsKey(batch)),
    putTerms: (terms) => put(termsKey(terms.batch.number), terms),
    brand: (id) => get<Brand>(brandKey(id)),
    portalHost: (host) => get<PortalHost>(hostKey(host)),
    putPortalHost: (entry) => put(hostKey(entry.host), entry),
    putBrand: (brand) => put(brandKey(brand.brand), brand),
  };
}
