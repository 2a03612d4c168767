/** Profiles in D1: one document per partner and id. */
import { and, asc, eq, gt, sql } from "drizzle-orm";
import type { Profile } from "../domain/profile.ts";
import { auditRow, type AuditEntry } from "./audit.ts";
import type { Database } from "./database.ts";
import { profiles } from "./schema.ts";

const toProfile = ({ document, ...keys }: typeof profiles.$inferSelect): Profile => ({ ...keys, ...document });

export async function findProfile(db: Database, partner: string, id: string): Promise<Profile | undefined> {
  const [row] = await db.read("profile", (q) =>
    q
      .select()
      .from(profiles)
      .where(and(eq(profiles.partner, partner), eq(profiles.id, id))),
  );
  return row && toProfile(row);
}

/** A partner's profiles by id, those after `after`. */
export async function listProfiles(
  db: Database,
  partner: string,
  { after, take }: { readonly after: readonly [id: string] | null; readonly take: number },
): Promise<Profile[]> {
  const rows = await db.readNear("profiles", (q) =>
    q
      .select()
      .from(profiles)
      .where(and(eq(profiles.partner, partner), after ? gt(profiles.id, after[0]) : undefined))
      .orderBy(asc(profiles.id))
      .limit(take),
  );
  return rows.map(toProfile);
}

/** Creates or replaces; the grant is checked by the statement that writes, so it cannot be withdrawn in between. */
export async function putProfile(
  db: Database,
  { partner, id, trunk, ...document }: Profile,
  entry: AuditEntry,
): Promise<"created" | "replaced" | "trunk_not_granted"> {
  const [found, written] = await db.write("profile", (q) =>
    q.batch([
      q
        .select({ id: profiles.id })
        .from(profiles)
        .where(and(eq(profiles.partner, partner), eq(profiles.id, id))),
      q
        .insert(profiles)
        .select(
          sql`SELECT ${partner}, ${id}, ${trunk}, ${JSON.stringify(document)}
            FROM trunk_partners WHERE trunk = ${trunk} AND partner = ${partner}`,
        )
        .onConflictDoUpdate({
          target: [profiles.partner, profiles.id],
          set: { trunk: sql`excluded.trunk`, document: sql`excluded.document` },
        })
        .returning({ id: profiles.id }),
      auditRow(q, entry, "new_content"),
    ]),
  );
  if (written.length === 0) return "trunk_not_granted";
  return found.length === 0 ? "created" : "replaced";
}
