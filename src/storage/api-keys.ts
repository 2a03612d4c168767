/** API keys in D1: hashes only. */
import { eq } from "drizzle-orm";
import type { KeyRecord } from "../auth/key-directory.ts";
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
      })
      .from(apiKeys)
      .leftJoin(partners, eq(partners.id, apiKeys.partner))
      .where(eq(apiKeys.id, id)),
  );
  if (!row) return undefined;
  const { partnerStatus, ...record } = row;
  return { ...record, partnerSuspended: partnerStatus === "suspended" };
};
