/** Trunks and their grants in D1. Secrets pass through as ciphertext only. */
import { asc, between, eq, gt, sql } from "drizzle-orm";
import type { Trunk } from "../domain/profile.ts";
import { auditRow, type AuditEntry } from "./audit.ts";
import type { Database } from "./database.ts";
import { partners, trunkPartners, trunks } from "./schema.ts";

/** A trunk with the partners it is granted to, sorted. */
export type GrantedTrunk = Trunk & { readonly partners: readonly string[] };

type TrunkRow = typeof trunks.$inferSelect;
type Grant = typeof trunkPartners.$inferSelect;

function toTrunk(row: TrunkRow): Trunk {
  const { digestMac, digestAlgorithm, digestSecret, iceUrls, iceSecret, ...common } = row;
  return {
    ...common,
    digest: { mac: digestMac, algorithm: digestAlgorithm, sealedSecret: digestSecret },
    ice: iceUrls && iceSecret ? { urls: iceUrls, sealedSecret: iceSecret } : null,
  };
}

const withGrants = (row: TrunkRow, grants: readonly Grant[]): GrantedTrunk => ({
  ...toTrunk(row),
  partners: grants.filter(({ trunk }) => trunk === row.id).map(({ partner }) => partner),
});

export async function findTrunk(db: Database, id: string): Promise<GrantedTrunk | undefined> {
  const [[row], grants] = await db.read("trunk", (q) =>
    q.batch([
      q.select().from(trunks).where(eq(trunks.id, id)),
      q.select().from(trunkPartners).where(eq(trunkPartners.trunk, id)).orderBy(asc(trunkPartners.partner)),
    ]),
  );
  return row && withGrants(row, grants);
}

/** By id, those after `after`. */
export async function listTrunks(
  db: Database,
  { after, take }: { readonly after: readonly [id: string] | null; readonly take: number },
): Promise<GrantedTrunk[]> {
  return db.readNear("trunks", async (q) => {
    const rows = await q
      .select()
      .from(trunks)
      .where(after ? gt(trunks.id, after[0]) : undefined)
      .orderBy(asc(trunks.id))
      .limit(take);
    const [first, last] = [rows.at(0), rows.at(-1)];
    if (!first || !last) return [];
    const grants = await q
      .select()
      .from(trunkPartners)
      .where(between(trunkPartners.trunk, first.id, last.id))
      .orderBy(asc(trunkPartners.trunk), asc(trunkPartners.partner));
    return rows.map((row) => withGrants(row, grants));
  });
}

/** Of these trunks, the ones that do not exist or, for a partner, are not granted to it. One parameter for any number. */
export async function unusableTrunks(db: Database, ids: readonly string[], partner: string | null): Promise<string[]> {
  const usable =
    partner === null ? sql`SELECT id FROM trunks` : sql`SELECT trunk FROM trunk_partners WHERE partner = ${partner}`;
  const rows = await db.read("trunks", (q) =>
    q.all<{ id: string }>(
      sql`SELECT value AS id FROM json_each(${JSON.stringify(ids)}) WHERE value NOT IN (${usable})`,
    ),
  );
  return rows.map(({ id }) => id);
}

/** Of these partners, the ones that do not exist. */
export async function unknownPartners(db: Database, ids: readonly string[]): Promise<string[]> {
  const rows = await db.read("partners", (q) =>
    q.all<{ id: string }>(
      sql`SELECT value AS id FROM json_each(${JSON.stringify(ids)}) WHERE value NOT IN (SELECT id FROM ${partners})`,
    ),
  );
  return rows.map(({ id }) => id);
}

/** Which stored secrets a replacement leaves as they are, so that a rotation running beside it is not undone. */
export type KeptSecrets = { readonly digest: boolean; readonly ice: boolean };

/** Creates or replaces the trunk and its grants at once. */
export async function putTrunk(
  db: Database,
  { partners: granted, ...trunk }: GrantedTrunk,
  kept: KeptSecrets,
  entry: AuditEntry,
): Promise<"created" | "replaced" | "domain_taken"> {
  const { digest, ice, ...common } = trunk;
  const { id, ...fields } = {
    ...common,
    proxies: [...common.proxies],
    webSockets: [...common.webSockets],
    digestMac: digest.mac,
    digestAlgorithm: digest.algorithm,
    iceUrls: ice && [...ice.urls],
  };
  const digestSecret = { digestSecret: digest.sealedSecret };
  const iceSecret = { iceSecret: ice?.sealedSecret ?? null };
  return db.write("trunk", async (q) => {
    try {
      const [found] = await q.batch([
        q.select({ id: trunks.id }).from(trunks).where(eq(trunks.id, id)),
        q
          .insert(trunks)
          .values({ id, ...fields, ...digestSecret, ...iceSecret })
          .onConflictDoUpdate({
            target: trunks.id,
            set: { ...fields, ...(!kept.digest && digestSecret), ...(!kept.ice && iceSecret) },
          }),
        // A secret that is set anew is news, whatever else is the same.
        auditRow(q, entry, kept.digest && (kept.ice || ice === null) ? "new_content" : "changed"),
        q.delete(trunkPartners).where(eq(trunkPartners.trunk, id)),
        q.insert(trunkPartners).select(sql`SELECT ${id}, value FROM json_each(${JSON.stringify(granted)}) WHERE true`),
      ]);
      return found.length === 0 ? "created" : "replaced";
    } catch (cause) {
      // The unique index decides, whoever else is writing.
      if (isDomainConflict(cause)) return "domain_taken";
      throw cause;
    }
  });
}

const isDomainConflict = (error: unknown): boolean =>
  error instanceof Error &&
  (error.message.includes("UNIQUE constraint failed: trunks.domain") || isDomainConflict(error.cause));
