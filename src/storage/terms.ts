/**
 * What redeeming needs of the catalogue, read from D1's primary in one statement: it fills caches, so it must be fresh.
 * Columns of joined tables carry aliases of their own: equal names would fall together where rows travel as objects.
 */
import { and, eq, sql, type Column, type SQL } from "drizzle-orm";
import type { Brand } from "../domain/branding.ts";
import type { Trunk } from "../domain/profile.ts";
import type { BatchTerms, CatalogueTerms, Standing } from "../domain/terms.ts";
import type { Database } from "./database.ts";
import { batches, brands, brandVersions, partners, profiles, trunkPartners, trunks } from "./schema.ts";

/** A column of an outer-joined table under its own name, decoded as the column is; null where nothing was joined. */
const joined = <C extends Column>(column: C, alias: string): SQL.Aliased<C["_"]["data"] | null> =>
  sql<C["_"]["data"] | null>`${column}`.mapWith(column).as(alias);

const termsColumns = {
  batch: batches,
  partnerStatus: joined(partners.status, "partner_status"),
  profileTrunk: joined(profiles.trunk, "profile_trunk"),
  profileDocument: joined(profiles.document, "profile_document"),
  trunkId: joined(trunks.id, "trunk_id"),
  trunkName: joined(trunks.name, "trunk_name"),
  trunkDomain: joined(trunks.domain, "trunk_domain"),
  trunkRealm: joined(trunks.realm, "trunk_realm"),
  proxies: joined(trunks.proxies, "trunk_proxies"),
  webSockets: joined(trunks.webSockets, "trunk_web_sockets"),
  routeGroup: joined(trunks.routeGroup, "trunk_route_group"),
  techPrefix: joined(trunks.techPrefix, "trunk_tech_prefix"),
  digestMac: joined(trunks.digestMac, "trunk_digest_mac"),
  digestAlgorithm: joined(trunks.digestAlgorithm, "trunk_digest_algorithm"),
  digestSecret: joined(trunks.digestSecret, "trunk_digest_secret"),
  iceUrls: joined(trunks.iceUrls, "trunk_ice_urls"),
  iceSecret: joined(trunks.iceSecret, "trunk_ice_secret"),
  brandPartner: joined(brands.partner, "brand_partner"),
  brandPortal: joined(brands.portal, "brand_portal"),
  brandVersion: joined(brandVersions.version, "brand_version"),
  brandDocument: joined(brandVersions.document, "brand_document"),
};

/** Undefined when there is no such batch. A trunk that is no longer granted to the partner is null. */
export async function readTerms(db: Database, batch: number): Promise<CatalogueTerms | undefined> {
  const [row] = await db.read("terms", (q) =>
    q
      .select(termsColumns)
      .from(batches)
      .innerJoin(partners, eq(partners.id, batches.partner))
      .leftJoin(profiles, and(eq(profiles.partner, batches.partner), eq(profiles.id, batches.profile)))
      .leftJoin(trunkPartners, and(eq(trunkPartners.trunk, profiles.trunk), eq(trunkPartners.partner, batches.partner)))
      .leftJoin(trunks, eq(trunks.id, trunkPartners.trunk))
      .leftJoin(brands, and(eq(brands.id, batches.brand), eq(brands.partner, batches.partner)))
      .leftJoin(brandVersions, publishedOf)
      .where(eq(batches.number, batch)),
  );
  return row && termsOf(row);
}

/** The published version with its owner; undefined when the brand is unknown or nothing is published. */
export async function readBrand(db: Database, brandId: string): Promise<Brand | undefined> {
  const [row] = await db.read("brand", (q) =>
    q
      .select({
        partner: brands.partner,
        portal: brands.portal,
        version: brandVersions.version,
        document: brandVersions.document,
      })
      .from(brands)
      .innerJoin(brandVersions, publishedOf)
      .where(eq(brands.id, brandId)),
  );
  return row && { ...row.document, brand: brandId, partner: row.partner, version: row.version, portal: row.portal };
}

const publishedOf = and(eq(brandVersions.brand, brands.id), eq(brandVersions.version, brands.publishedVersion));

type BatchRow = typeof batches.$inferSelect;
type Columns = typeof termsColumns;
type TermsRow = { readonly batch: BatchRow } & {
  readonly [K in Exclude<keyof Columns, "batch">]: Columns[K] extends SQL.Aliased<infer T> ? T : never;
};

function termsOf(row: TermsRow): CatalogueTerms {
  const { batch, profileDocument, profileTrunk, brandDocument, brandPartner, brandVersion, brandPortal } = row;
  const { partner, brand, profile } = batch;
  return {
    batch: batchTermsOf(batch),
    standing: standingOf(batch),
    partnerSuspended: row.partnerStatus === "suspended",
    profile:
      profile !== null && profileDocument !== null && profileTrunk !== null
        ? { ...profileDocument, id: profile, partner, trunk: profileTrunk }
        : null,
    trunk: trunkOf(row),
    brand:
      brandDocument !== null && brandPartner !== null && brandVersion !== null
        ? { ...brandDocument, brand, partner: brandPartner, version: brandVersion, portal: brandPortal }
        : null,
  };
}

export const batchTermsOf = (row: BatchRow): BatchTerms => ({
  number: row.number,
  partner: row.partner,
  brand: row.brand,
  profile: row.profile,
  kind: row.kind,
  mode: row.mode,
  quantity: row.quantity,
  format: row.format,
  keyId: row.keyId,
  creditMicros: row.creditMicros,
  currency: row.currency,
  expiry: {
    at: row.expiryAt,
    daysAfterFirstUse: row.expiryDaysAfterFirstUse,
    daysAfterIssue: row.expiryDaysAfterIssue,
  },
  timeZone: row.timeZone,
  maxDevices: row.maxDevices,
  activation: row.activation,
  onExpiredTopUp: row.onExpiredTopUp,
  graceDays: row.graceDays,
  createdAtMs: row.createdAtMs,
  bonus: row.bonus,
});

export const standingOf = (row: BatchRow): Standing => ({
  version: row.standingVersion,
  status: row.status,
  untouchedRecalled: row.untouchedRecalled,
  recalledRanges: row.recalledRanges,
});

function trunkOf(row: TermsRow): Trunk | null {
  const { trunkId: id, trunkName: name, trunkDomain: domain, trunkRealm: realm, proxies, webSockets } = row;
  const { digestMac, digestAlgorithm, digestSecret, iceUrls, iceSecret } = row;
  if (id === null || name === null || domain === null || realm === null || proxies === null) return null;
  if (webSockets === null || digestMac === null || digestAlgorithm === null || digestSecret === null) return null;
  return {
    id,
    name,
    domain,
    realm,
    proxies,
    webSockets,
    routeGroup: row.routeGroup,
    techPrefix: row.techPrefix,
    digest: { mac: digestMac, algorithm: digestAlgorithm, sealedSecret: digestSecret },
    ice: iceUrls === null || iceSecret === null ? null : { urls: iceUrls, sealedSecret: iceSecret },
  };
}
