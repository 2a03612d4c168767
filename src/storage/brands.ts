/**
 * Brands in D1: one draft each, and versions that never change once published.
 * `scope` is whose brands count: a partner's own, or every partner's (null, the operator).
 */
import { and, asc, desc, eq, gt, lt, sql, type SQL } from "drizzle-orm";
import type { Brand, BrandDocument, BrandLogo } from "../domain/branding.ts";
import { auditRow, type AuditEntry } from "./audit.ts";
import type { Database } from "./database.ts";
import { brands, brandVersions, partners } from "./schema.ts";

/** `publishedVersion` 0 = nothing is published yet. */
export type BrandDraft = typeof brands.$inferSelect;
export type BrandVersion = { readonly version: number; readonly publishedAtMs: number; readonly publishedBy: string };
export type BrandKey = { readonly brand: string; readonly scope: string | null };

const owned = ({ brand, scope }: BrandKey): SQL | undefined =>
  and(eq(brands.id, brand), scope === null ? undefined : eq(brands.partner, scope));

export async function findDraft(db: Database, key: BrandKey): Promise<BrandDraft | undefined> {
  const [row] = await db.read("brand", (q) => q.select().from(brands).where(owned(key)));
  return row;
}

/** By id, those after `after`. */
export const listDrafts = (
  db: Database,
  scope: string | null,
  { after, take }: { readonly after: readonly [id: string] | null; readonly take: number },
): Promise<BrandDraft[]> =>
  db.readNear("brands", (q) =>
    q
      .select()
      .from(brands)
      .where(and(scope === null ? undefined : eq(brands.partner, scope), after ? gt(brands.id, after[0]) : undefined))
      .orderBy(asc(brands.id))
      .limit(take),
  );

/** The new brand; undefined when the id is taken or there is no such partner. */
export async function createDraft(
  db: Database,
  { brand, partner, draft }: { readonly brand: string; readonly partner: string; readonly draft: BrandDocument },
  entry: AuditEntry,
): Promise<BrandDraft | undefined> {
  const [[row]] = await db.write("brand", (q) =>
    q.batch([
      q
        .insert(brands)
        .select(
          sql`SELECT ${brand}, ${partners.id}, ${JSON.stringify(draft)}, 0, NULL FROM ${partners} WHERE ${partners.id} = ${partner}`,
        )
        .onConflictDoNothing()
        .returning(),
      auditRow(q, entry),
    ]),
  );
  return row;
}

/** Everything but the logo, which has its own route; undefined when there is no such brand in the scope. */
export const replaceDraft = (
  db: Database,
  key: BrandKey,
  draft: Omit<BrandDocument, "logo">,
  entry: AuditEntry,
): Promise<BrandDraft | undefined> =>
  updateDraft(db, key, sql`json_set(${JSON.stringify(draft)}, '$.logo', json(${brands.draft} -> '$.logo'))`, entry);

export const setDraftLogo = (
  db: Database,
  key: BrandKey,
  logo: BrandLogo | null,
  entry: AuditEntry,
): Promise<BrandDraft | undefined> =>
  updateDraft(db, key, sql`json_set(${brands.draft}, '$.logo', json(${JSON.stringify(logo)}))`, entry);

/** A draft that is the same already is left alone, so that a request sent again leaves no second trace. */
async function updateDraft(
  db: Database,
  key: BrandKey,
  draft: SQL,
  entry: AuditEntry,
): Promise<BrandDraft | undefined> {
  const [, , [row]] = await db.write("brand", (q) =>
    q.batch([
      q
        .update(brands)
        .set({ draft })
        .where(and(owned(key), sql`${brands.draft} IS NOT ${draft}`)),
      auditRow(q, entry),
      q.select().from(brands).where(owned(key)),
    ]),
  );
  return row;
}

type Publication = { readonly by: string; readonly atMs: number };

/**
 * Makes the draft the next version, and answers which version is out. A draft that is out already makes none,
 * so publishing is safe to repeat and to race; undefined when there is no such brand in the scope.
 */
export const publishDraft = (
  db: Database,
  key: BrandKey,
  by: Publication,
  entry: AuditEntry,
): Promise<number | undefined> =>
  publish(
    db,
    key,
    entry,
    sql`SELECT ${brands.id}, ${nextVersion}, ${brands.draft}, ${by.atMs}, ${by.by} FROM ${brands}
      WHERE ${owned(key)} AND NOT EXISTS (SELECT 1 FROM ${brandVersions} AS v
        WHERE v.brand = ${brands.id} AND v.version = ${brands.publishedVersion} AND v.document = ${brands.draft})`,
  );

/** Makes an old version's document the next version; undefined when there is no such brand or version. */
export async function publishAgain(
  db: Database,
  key: BrandKey,
  { version, by, atMs }: Publication & { readonly version: number },
  entry: AuditEntry,
): Promise<number | undefined> {
  const old = await findVersion(db, key, version);
  if (!old) return undefined;
  const document = sql`(SELECT v.document FROM ${brandVersions} AS v WHERE v.brand = ${brands.id} AND v.version = ${version})`;
  return publish(
    db,
    key,
    entry,
    sql`SELECT ${brands.id}, ${nextVersion}, ${document}, ${atMs}, ${by} FROM ${brands} WHERE ${owned(key)}`,
  );
}

const nextVersion = sql`(SELECT coalesce(max(v.version), 0) + 1 FROM ${brandVersions} AS v WHERE v.brand = ${brands.id})`;
const newestVersion = sql`(SELECT coalesce(max(v.version), 0) FROM ${brandVersions} AS v WHERE v.brand = ${brands.id})`;

/** One transaction: a version is never out without its row, and no number is given twice. */
async function publish(db: Database, key: BrandKey, entry: AuditEntry, version: SQL): Promise<number | undefined> {
  // Which version it became is known to the database only.
  const details = sql`json_set(${entry.details}, '$.version',
    (SELECT max(v.version) FROM ${brandVersions} AS v WHERE v.brand = ${key.brand}))`;
  const [, , [row]] = await db.write("publish", (q) =>
    q.batch([
      q.insert(brandVersions).select(version),
      auditRow(q, { ...entry, details }),
      q
        .update(brands)
        .set({ publishedVersion: newestVersion })
        .where(owned(key))
        .returning({ version: brands.publishedVersion }),
    ]),
  );
  return row?.version;
}

/** A published version; undefined when there is none of this number. */
export async function findVersion(db: Database, key: BrandKey, version: number): Promise<Brand | undefined> {
  const [row] = await db.read("brand version", (q) =>
    q
      .select({ owner: brands.partner, document: brandVersions.document })
      .from(brandVersions)
      .innerJoin(brands, eq(brands.id, brandVersions.brand))
      .where(and(owned(key), eq(brandVersions.version, version))),
  );
  return row && { ...row.document, brand: key.brand, partner: row.owner, version };
}

/** Newest first, those before `after`. */
export const listVersions = (
  db: Database,
  brand: string,
  { after, take }: { readonly after: readonly [version: number] | null; readonly take: number },
): Promise<BrandVersion[]> =>
  db.read("brand versions", (q) =>
    q
      .select({
        version: brandVersions.version,
        publishedAtMs: brandVersions.publishedAtMs,
        publishedBy: brandVersions.publishedBy,
      })
      .from(brandVersions)
      .where(and(eq(brandVersions.brand, brand), after ? lt(brandVersions.version, after[0]) : undefined))
      .orderBy(desc(brandVersions.version))
      .limit(take),
  );
