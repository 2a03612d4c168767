/**
 * The audit trail in D1. A row is written by the batch that holds its act, right behind the statement that decides
 * whether anything happened; its number is taken in that statement, so acts at once get numbers one after the other.
 * SQLite has no SHA-256: rows are chained moments later, by whoever comes first, always to the same hashes.
 */
import { and, asc, desc, eq, gte, isNull, lt, or, sql, type SQL } from "drizzle-orm";
import { BEFORE_FIRST, type AuditRow, type ChainEnd, type ChainHead, type ChainPosition } from "../domain/audit.ts";
import type { Database, Db } from "./database.ts";
import { audit, auditHeads } from "./schema.ts";

/** What is written of an act. `object` and `details` may be made by the database, of what the act made. */
export type AuditEntry = Pick<
  AuditRow,
  "owner" | "id" | "atMs" | "actor" | "actorOwner" | "act" | "reason" | "requestId" | "seal"
> & {
  readonly object: string | SQL;
  readonly details: string | SQL;
};

/**
 * - `changed`: if the statement before it in the batch changed a row.
 * - `new_content`: as well, unless the newest row about the object says the very same: a PUT that is sent again.
 * - `always`: the act changes nothing in the database.
 */
type When = "changed" | "new_content" | "always";

/** The statement that writes the row: in the act's batch, directly behind the statement that decides. */
export function auditRow(q: Db, entry: AuditEntry, when: When = "changed") {
  const { owner, object, details } = entry;
  const isChange = when === "always" ? sql`1` : sql`changes() > 0`;
  const isNew =
    when === "new_content"
      ? sql`NOT EXISTS (SELECT 1 FROM audit AS s WHERE s.owner = ${owner} AND s.object = ${object}
          AND s.seq = (SELECT max(m.seq) FROM audit AS m WHERE m.owner = ${owner} AND m.object = ${object})
          AND s.act = ${entry.act} AND s.details = ${details})`
      : sql`1`;
  return q.insert(audit).select(
    sql`SELECT ${owner}, ${nextSeq(sql`${owner}`)}, ${entry.id}, ${entry.atMs}, ${entry.actor}, ${entry.actorOwner}, ${entry.act},
      ${object}, ${details}, ${entry.reason}, ${entry.requestId}, ${entry.seal}, NULL, NULL WHERE ${isChange} AND ${isNew}`,
  );
}

/** A number that was ever the chain's end is not given again, even when its row is gone. */
const nextSeq = (owner: SQL): SQL => sql`1 + max(
  coalesce((SELECT max(n.seq) FROM audit AS n WHERE n.owner = ${owner}), 0),
  coalesce((SELECT h.seq FROM audit_heads AS h WHERE h.owner = ${owner}), 0))`;

/** An act that is nothing but its row, such as an export: written before anything is handed out. */
export async function recordAct(db: Database, entry: AuditEntry): Promise<void> {
  await db.write("audit", (q) => auditRow(q, entry, "always"));
}

/** Nothing of it is left to the database. */
export type WholeEntry = AuditEntry & { readonly object: string; readonly details: string };

/** Acts that come through the queue, of any owners, in one statement. An id that is there already is left out. */
export async function recordActs(db: Database, entries: readonly WholeEntry[]): Promise<void> {
  const json = JSON.stringify(entries);
  const isNew = sql`NOT EXISTS (SELECT 1 FROM audit AS k WHERE k.id = value->>'id')`;
  await db.write("audit", (q) =>
    q.insert(audit).select(
      sql`SELECT value->>'owner', ${nextSeq(sql`value->>'owner'`)} - 1 + row_number() OVER (PARTITION BY value->>'owner' ORDER BY key),
          value->>'id', value->>'atMs', value->>'actor', value->>'actorOwner', value->>'act', value->>'object', value->>'details',
          value->>'reason', value->>'requestId', value->>'seal', NULL, NULL
        FROM json_each(${json}) WHERE ${isNew}`,
    ),
  );
}

export type Unchained = { readonly before: ChainPosition; readonly rows: readonly AuditRow[] };

/** The oldest rows that wait to be chained, and the place they go on from. */
export async function readUnchained(db: Database, owner: string, take: number): Promise<Unchained> {
  const chained = sql`(SELECT max(c.seq) FROM ${audit} AS c WHERE c.owner = ${owner} AND c.hash IS NOT NULL)`;
  const [heads, lasts, rows] = await db.read("audit", (q) =>
    q.batch([
      q.select().from(auditHeads).where(eq(auditHeads.owner, owner)),
      q
        .select({ owner: audit.owner, seq: audit.seq, hash: audit.hash })
        .from(audit)
        .where(and(eq(audit.owner, owner), eq(audit.seq, chained))),
      q
        .select()
        .from(audit)
        .where(and(eq(audit.owner, owner), isNull(audit.hash), sql`${audit.seq} > coalesce(${chained}, 0)`))
        .orderBy(asc(audit.seq))
        .limit(take),
    ]),
  );
  // The record of the end counts: it outlives rows that were cut off, and knows nothing of rows that were slipped in.
  const [end] = [...heads, ...lasts];
  const before = end ? { seq: end.seq, hash: end.hash ?? "" } : BEFORE_FIRST;
  return { before, rows: rows.filter(({ seq }) => seq > before.seq) };
}

export type Link = { readonly seq: number; readonly previousHash: string; readonly hash: string };

/** Writes hashes where there are none yet, and the new end, in one transaction. */
export async function writeLinks(db: Database, owner: string, links: readonly Link[]): Promise<void> {
  const last = links.at(-1);
  if (!last) return;
  const json = JSON.stringify(links);
  const of = (field: keyof Link) =>
    sql`(SELECT value->>${field} FROM json_each(${json}) WHERE value->>'seq' = ${audit.seq})`;
  await db.write("audit chain", (q) =>
    q.batch([
      q
        .update(audit)
        .set({ previousHash: of("previousHash"), hash: of("hash") })
        .where(
          and(
            eq(audit.owner, owner),
            isNull(audit.hash),
            sql`${audit.seq} IN (SELECT value->>'seq' FROM json_each(${json}))`,
          ),
        ),
      q
        .insert(auditHeads)
        .select(
          sql`SELECT ${audit.owner}, ${audit.seq}, ${audit.hash} FROM ${audit}
            WHERE ${audit.owner} = ${owner} AND ${audit.seq} = ${last.seq} AND ${audit.hash} = ${last.hash}`,
        )
        .onConflictDoUpdate({
          target: auditHeads.owner,
          set: { seq: sql`excluded.seq`, hash: sql`excluded.hash` },
          setWhere: sql`excluded.seq > ${auditHeads.seq}`,
        }),
    ]),
  );
}

/** Owners with rows that nobody has chained: what a crash left. */
export async function ownersUnchained(db: Database, owner: string | null): Promise<string[]> {
  const rows = await db.read("audit", (q) =>
    q
      .selectDistinct({ owner: audit.owner })
      .from(audit)
      .where(and(isNull(audit.hash), owner === null ? undefined : eq(audit.owner, owner))),
  );
  return rows.map((row) => row.owner);
}

export type AuditFilter = {
  /** null = every owner's. */
  readonly owner: string | null;
  /** Whose keys are shown as they are; others' are the operator's, and are called so. null = all. */
  readonly viewer: string | null;
  readonly act: string | undefined;
  readonly object: string | undefined;
  readonly actor: string | undefined;
  readonly sinceMs: number | undefined;
  readonly untilMs: number | undefined;
};

export type AuditPosition = readonly [atMs: number, owner: string, seq: number];

/** Newest first, those before `after`. */
export function listAudit(
  db: Database,
  filter: AuditFilter,
  { after, take }: { readonly after: AuditPosition | null; readonly take: number },
): Promise<AuditRow[]> {
  const { viewer } = filter;
  const actor =
    viewer === null
      ? sql`${audit.actor}`
      : sql`CASE ${audit.actorOwner} WHEN ${viewer} THEN ${audit.actor} ELSE ${audit.actorOwner} END`;
  return db.read("audit", (q) =>
    q
      .select()
      .from(audit)
      .where(
        and(
          filter.owner === null ? undefined : eq(audit.owner, filter.owner),
          filter.act === undefined ? undefined : eq(audit.act, filter.act),
          filter.object === undefined ? undefined : eq(audit.object, filter.object),
          filter.actor === undefined ? undefined : sql`${actor} = ${filter.actor}`,
          filter.sinceMs === undefined ? undefined : gte(audit.atMs, filter.sinceMs),
          filter.untilMs === undefined ? undefined : lt(audit.atMs, filter.untilMs),
          after
            ? sql`(${audit.atMs}, ${audit.owner}, ${audit.seq}) < (${after[0]}, ${after[1]}, ${after[2]})`
            : undefined,
        ),
      )
      .orderBy(desc(audit.atMs), desc(audit.owner), desc(audit.seq))
      .limit(take),
  );
}

export type ChainWindow = {
  readonly owner: string | null;
  readonly after: readonly [owner: string, seq: number] | null;
};

/** Rows chain by chain, those after a place, and before them the row at that place. */
export async function readChain(db: Database, { owner, after }: ChainWindow, take: number): Promise<AuditRow[]> {
  const [from, seq] = after ?? ["", 0];
  return db.read("audit", (q) =>
    q
      .select()
      .from(audit)
      .where(
        and(
          owner === null ? undefined : eq(audit.owner, owner),
          or(sql`${audit.owner} > ${from}`, and(eq(audit.owner, from), gte(audit.seq, seq))),
        ),
      )
      .orderBy(asc(audit.owner), asc(audit.seq))
      .limit(take),
  );
}

type EndRow = {
  owner: string;
  seq: number | null;
  hash: string | null;
  rowHash: string | null;
  lastSeq: number | null;
};

/** The kept end of each chain and what the chain says itself, as of one instant. */
export async function readChainEnds(db: Database, owner: string | null): Promise<ChainEnd[]> {
  const rows = await db.read("audit ends", (q) =>
    q.all<EndRow>(sql`
      SELECT o.owner AS "owner", h.seq AS "seq", h.hash AS "hash", a.hash AS "rowHash", o.last AS "lastSeq" FROM (
        SELECT owner, max(last) AS last FROM (
          SELECT owner, max(seq) AS last FROM audit WHERE hash IS NOT NULL GROUP BY owner
          UNION ALL SELECT owner, NULL FROM audit_heads) GROUP BY owner) AS o
      LEFT JOIN audit_heads AS h ON h.owner = o.owner
      LEFT JOIN audit AS a ON a.owner = o.owner AND a.seq = h.seq
      WHERE ${owner} IS NULL OR o.owner = ${owner} ORDER BY o.owner`),
  );
  return rows.map(({ seq, hash, rowHash, ...end }) => ({
    owner: end.owner,
    head: seq === null ? null : { seq, hash: hash ?? "" },
    headRowHash: rowHash,
    lastSeq: end.lastSeq,
  }));
}

/** Of ends that were logged, those the trail does not have any more. One parameter for any number. */
export async function lostHeads(db: Database, heads: readonly ChainHead[]): Promise<ChainHead[]> {
  return db.read("audit ends", (q) =>
    q.all<ChainHead>(sql`SELECT value->>'owner' AS "owner", value->>'seq' AS "seq", value->>'hash' AS "hash"
      FROM json_each(${JSON.stringify(heads)}) WHERE NOT EXISTS (SELECT 1 FROM audit AS a
        WHERE a.owner = value->>'owner' AND a.seq = value->>'seq' AND a.hash = value->>'hash')`),
  );
}
