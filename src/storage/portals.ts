/** Portal settings in D1: one document beside each brand, and whose every own host name is. `scope` as for brands. */
import { and, eq, sql, type SQL } from "drizzle-orm";
import type { BrandPortal } from "../domain/portal.ts";
import { auditRow, type AuditEntry } from "./audit.ts";
import type { BrandKey } from "./brands.ts";
import type { Database } from "./database.ts";
import { brands, portalHosts } from "./schema.ts";

const owned = ({ brand, scope }: BrandKey): SQL | undefined =>
  and(eq(brands.id, brand), scope === null ? undefined : eq(brands.partner, scope));

/** undefined = no such brand in the scope; null = it has no portal of its own. */
export async function findPortal(db: Database, key: BrandKey): Promise<BrandPortal | null | undefined> {
  const [row] = await db.read("portal", (q) => q.select({ portal: brands.portal }).from(brands).where(owned(key)));
  return row?.portal;
}

export type PortalChange = {
  readonly result: "saved" | "absent" | "host_taken";
  /** Whose brand changed: copies under these names are to be renewed. */
  readonly hosts: readonly string[];
};

/**
 * Replaces the settings and the hosts at once; `null` removes both. Nothing is kept when a host is another brand's, and
 * settings that are the same already leave no second trace.
 */
export async function putPortal(
  db: Database,
  key: BrandKey,
  portal: BrandPortal | null,
  entry: AuditEntry,
): Promise<PortalChange> {
  const { brand } = key;
  const wanted = portal?.hosts ?? [];
  const mine = sql`EXISTS (SELECT 1 FROM ${brands} WHERE ${owned(key)})`;
  const isOther = sql`${brands.portal} IS NOT ${portal === null ? null : JSON.stringify(portal)}`;
  return db.write("portal", async (q) => {
    try {
      const [before, , , , , found] = await q.batch([
        q.select({ host: portalHosts.host }).from(portalHosts).where(eq(portalHosts.brand, brand)),
        q
          .update(brands)
          .set({ portal })
          .where(and(owned(key), isOther)),
        auditRow(q, entry),
        q.delete(portalHosts).where(and(eq(portalHosts.brand, brand), mine)),
        q
          .insert(portalHosts)
          .select(sql`SELECT value, ${brand} FROM json_each(${JSON.stringify(wanted)}) WHERE ${mine}`),
        q.select({ id: brands.id }).from(brands).where(owned(key)),
      ]);
      if (found.length === 0) return { result: "absent" as const, hosts: [] };
      return { result: "saved" as const, hosts: [...new Set([...before.map(({ host }) => host), ...wanted])] };
    } catch (cause) {
      if (isHostConflict(cause)) return { result: "host_taken" as const, hosts: [] };
      throw cause;
    }
  });
}

/** The primary key decides, whoever else is writing. */
const isHostConflict = (error: unknown): boolean =>
  error instanceof Error &&
  (error.message.includes("UNIQUE constraint failed: portal_hosts.host") || isHostConflict(error.cause));

/** The brand a host name of its own leads to. */
export async function brandOfHost(db: Database, host: string): Promise<string | undefined> {
  const [row] = await db.read("portal host", (q) =>
    q.select({ brand: portalHosts.brand }).from(portalHosts).where(eq(portalHosts.host, host)),
  );
  return row?.brand;
}
