/** API keys in D1: hashes only. */
import { and, asc, eq, gt, isNull, lte, or } from "drizzle-orm";
import { type KeyRecord, USE_NOTED_EVERY_MS } from "../auth/key-directory.ts";
import type { Scope } from "../domain/scopes.ts";
import { auditRow, type AuditEntry } from "./audit.ts";
import type { Database } from "./database.ts";
import { apiKeys, partners } from "./schema.ts";

/** The record a presented key is judged by, with its partner's state; undefined when there is none. */
export const findKeyRecord = async (db: Database, id: string): Promise<KeyRecord | undefined> => {
  const [row] = await db.read("key", (q) =>
    q
      .select({
        id: apiKeys.id,
        hash: apiKeys.hash,
        partner: apiKeys.partner,
        partnerStatus: partners.status,
        scopes: apiKeys.scopes,
        trunks: apiKeys.trunks,
        expiresAtMs: apiKeys.expiresAtMs,
        revokedAtMs: apiKeys.revokedAtMs,
        lastUsedAtMs: apiKeys.lastUsedAtMs,
      })
      .from(apiKeys)
      .leftJoin(partners, eq(partners.id, apiKeys.partner))
      .where(eq(apiKeys.id, id)),
  );
  if (!row) return undefined;
  const { partnerStatus, ...record } = row;
  return { ...record, partnerSuspended: partnerStatus === "suspended", isBootstrap: false };
};

/** A key as people see it: no hash, no secret. */
export type ApiKey = {
  readonly id: string;
  readonly name: string;
  readonly partner: string | null;
  readonly scopes: readonly Scope[];
  readonly trunks: readonly string[];
  readonly expiresAtMs: number | null;
  readonly createdAtMs: number;
  /** Some minutes behind; null = not used yet. */
  readonly lastUsedAtMs: number | null;
};

const ownedBy = (partner: string | null) => (partner === null ? isNull(apiKeys.partner) : eq(apiKeys.partner, partner));

/** The keys of a partner (null: of the operator) that were not revoked, oldest first. */
export async function listApiKeys(
  db: Database,
  partner: string | null,
  { after, take }: { readonly after: readonly [createdAtMs: number, id: string] | null; readonly take: number },
): Promise<ApiKey[]> {
  const isAfter =
    after && or(gt(apiKeys.createdAtMs, after[0]), and(eq(apiKeys.createdAtMs, after[0]), gt(apiKeys.id, after[1])));
  return db.readNear("keys", (q) =>
    q
      .select({
        id: apiKeys.id,
        name: apiKeys.name,
        partner: apiKeys.partner,
        scopes: apiKeys.scopes,
        trunks: apiKeys.trunks,
        expiresAtMs: apiKeys.expiresAtMs,
        createdAtMs: apiKeys.createdAtMs,
        lastUsedAtMs: apiKeys.lastUsedAtMs,
      })
      .from(apiKeys)
      .where(and(ownedBy(partner), isNull(apiKeys.revokedAtMs), isAfter ?? undefined))
      .orderBy(asc(apiKeys.createdAtMs), asc(apiKeys.id))
      .limit(take),
  );
}

/** Answers false, and writes nothing, when the bootstrap key with this hash has made its one key already. */
export async function addApiKey(
  db: Database,
  key: ApiKey,
  { hash, bootstrapHash }: { readonly hash: string; readonly bootstrapHash: string | null },
  entry: AuditEntry,
): Promise<boolean> {
  const [rows] = await db.write("key", (q) =>
    q.batch([
      q
        .insert(apiKeys)
        .values({ ...key, hash, bootstrapHash, scopes: [...key.scopes], trunks: [...key.trunks] })
        .onConflictDoNothing({ target: apiKeys.bootstrapHash })
        .returning({ id: apiKeys.id }),
      auditRow(q, entry),
    ]),
  );
  return rows.length > 0;
}

/** Looks again before it writes: other isolates note uses of the same key. */
export async function noteKeyUse(db: Database, id: string, atMs: number): Promise<void> {
  await db.write("key use", (q) =>
    q
      .update(apiKeys)
      .set({ lastUsedAtMs: atMs })
      .where(
        and(eq(apiKeys.id, id), or(isNull(apiKeys.lastUsedAtMs), lte(apiKeys.lastUsedAtMs, atMs - USE_NOTED_EVERY_MS))),
      ),
  );
}

/** Revokes for good. Revoking again changes nothing; "absent" when this owner has no such key. */
export async function revokeApiKey(
  db: Database,
  partner: string | null,
  { id, atMs }: { readonly id: string; readonly atMs: number },
  entry: AuditEntry,
): Promise<"revoked" | "absent"> {
  const own = and(eq(apiKeys.id, id), ownedBy(partner));
  const [rows] = await db.write("key", (q) =>
    q.batch([
      q.select({ id: apiKeys.id }).from(apiKeys).where(own),
      q
        .update(apiKeys)
        .set({ revokedAtMs: atMs })
        .where(and(own, isNull(apiKeys.revokedAtMs))),
      auditRow(q, entry),
    ]),
  );
  return rows.length === 0 ? "absent" : "revoked";
}
