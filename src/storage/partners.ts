/** Partners and their limits in D1. */
import { asc, between, eq, gt, sql, type SQL } from "drizzle-orm";
import type { Partner, PartnerLimit } from "../domain/partner.ts";
import { auditRow, type AuditEntry } from "./audit.ts";
import type { Database } from "./database.ts";
import { partnerLimits, partners } from "./schema.ts";

const COLUMNS = { id: partners.id, name: partners.name, status: partners.status, timeZone: partners.timeZone };

type PartnerRow = Omit<Partner, "limits">;

const withLimits = (row: PartnerRow, limits: readonly (PartnerLimit & { readonly partner: string })[]): Partner => ({
  ...row,
  limits: limits
    .filter(({ partner }) => partner === row.id)
    .map(({ currency, outstandingMicros, creditPerDayMicros, maxFaceValueMicros }) => ({
      currency,
      outstandingMicros,
      creditPerDayMicros,
      maxFaceValueMicros,
    })),
});

export async function findPartner(db: Database, id: string): Promise<Partner | undefined> {
  const [[row], limits] = await db.read("partner", (q) =>
    q.batch([
      q.select(COLUMNS).from(partners).where(eq(partners.id, id)),
      q.select().from(partnerLimits).where(eq(partnerLimits.partner, id)).orderBy(asc(partnerLimits.currency)),
    ]),
  );
  return row && withLimits(row, limits);
}

export async function partnerExists(db: Database, id: string): Promise<boolean> {
  const rows = await db.read("partner", (q) => q.select({ id: partners.id }).from(partners).where(eq(partners.id, id)));
  return rows.length > 0;
}

/** By id, those after `after`. */
export async function listPartners(
  db: Database,
  { after, take }: { readonly after: readonly [id: string] | null; readonly take: number },
): Promise<Partner[]> {
  return db.readNear("partners", async (q) => {
    const rows = await q
      .select(COLUMNS)
      .from(partners)
      .where(after ? gt(partners.id, after[0]) : undefined)
      .orderBy(asc(partners.id))
      .limit(take);
    const [first, last] = [rows.at(0), rows.at(-1)];
    if (!first || !last) return [];
    const limits = await q
      .select()
      .from(partnerLimits)
      .where(between(partnerLimits.partner, first.id, last.id))
      .orderBy(asc(partnerLimits.partner), asc(partnerLimits.currency));
    return rows.map((row) => withLimits(row, limits));
  });
}

/** The deployment's first partner; false, and nothing written, when there is one already. */
export async function addFirstPartner(
  db: Database,
  { limits, ...row }: Partner,
  createdAtMs: number,
  entry: AuditEntry,
): Promise<boolean> {
  const [added] = await db.write("first partner", (q) =>
    q.batch([
      q
        .insert(partners)
        .select(
          sql`SELECT ${row.id}, ${row.name}, ${row.status}, ${row.timeZone}, ${createdAtMs} WHERE NOT EXISTS (SELECT 1 FROM ${partners})`,
        )
        .returning({ id: partners.id }),
      auditRow(q, entry),
      // Only together with the rows before it: the trail's is written only with the partner's.
      q.insert(partnerLimits).select(sql`${limitRows(row.id, limits)} AND changes() = 1`),
    ]),
  );
  return added.length > 0;
}

/** Creates or replaces the partner and all its limits at once. */
export async function putPartner(
  db: Database,
  { limits, ...row }: Partner,
  createdAtMs: number,
  entry: AuditEntry,
): Promise<"created" | "replaced"> {
  const { id, ...fields } = row;
  const [found] = await db.write("partner", (q) =>
    q.batch([
      q.select({ id: partners.id }).from(partners).where(eq(partners.id, id)),
      q
        .insert(partners)
        .values({ ...row, createdAtMs })
        .onConflictDoUpdate({ target: partners.id, set: fields }),
      auditRow(q, entry, "new_content"),
      q.delete(partnerLimits).where(eq(partnerLimits.partner, id)),
      q.insert(partnerLimits).select(limitRows(id, limits)),
    ]),
  );
  return found.length === 0 ? "created" : "replaced";
}

/** One parameter whatever the number of currencies: D1 binds at most 100. */
const limitRows = (partner: string, limits: readonly PartnerLimit[]): SQL => sql`SELECT ${partner}, value->>'currency',
  value->>'outstandingMicros', value->>'creditPerDayMicros', value->>'maxFaceValueMicros'
  FROM json_each(${JSON.stringify(limits)}) WHERE true`;
