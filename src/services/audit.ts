/**
 * Acts and their rows. `run` is the one way to act: it seals the row, hands it to the write that holds the act, and
 * chains it. A refused act writes no row, because the row stands behind the statement that would have changed something.
 */
import type { AuditSeal } from "../auth/audit-seal.ts";
import { sha256Hex } from "../auth/sha256.ts";
import {
  hashedText,
  NOT_OURS,
  sealedText,
  type Act,
  type Actor,
  type AuditRow,
  type ChainPosition,
} from "../domain/audit.ts";
import type { AuditedAct } from "../domain/card-acts.ts";
import {
  type AuditEntry,
  type Link,
  ownersUnchained,
  readUnchained,
  recordAct,
  recordActs,
  type WholeEntry,
  writeLinks,
} from "../storage/audit.ts";
import type { Database } from "../storage/database.ts";

const ROWS_AT_ONCE = 200;

type Deps = { readonly db: Database; readonly seal: AuditSeal; readonly now: () => number };

export type AuditTrail = {
  /** Does the work with the row to be written in its batch. What the work answers or throws is passed on. */
  run<T>(actor: Actor, act: Act, work: (entry: AuditEntry) => Promise<T>): Promise<T>;
  /** An act that is nothing but its row: throws Unavailable when that could not be written. */
  record(actor: Actor, act: Act): Promise<void>;
  /** Acts with ids of their own, which may arrive more than once. */
  recordAll(acts: readonly AuditedAct[]): Promise<void>;
  /** Chains what waits in one chain. Safe at any time and from anywhere. */
  chain(owner: string): Promise<void>;
  /** Chains what a crash left, in one chain or in all of them (null). */
  chainAll(owner: string | null): Promise<void>;
};

/** What a route hands to a service: the act with its actor, waiting for the write. */
export type Audited = <T>(act: Act, work: (entry: AuditEntry) => Promise<T>) => Promise<T>;

export function createAuditTrail({ db, seal, now }: Deps): AuditTrail {
  const trail: AuditTrail = {
    async run(actor, act, work) {
      const done = await work(await entryOf(actor, act, { id: crypto.randomUUID(), atMs: now() }));
      await chainSoon(act.owner);
      return done;
    },
    record: (actor, act) => trail.run(actor, act, (entry) => recordAct(db, entry)),
    async recordAll(acts) {
      const once = new Map(acts.map((each) => [each.id, each])).values();
      const entries = await Promise.all(
        Array.from(once, ({ actor, actorOwner, requestId, id, atMs, ...act }) =>
          entryOf({ key: actor, owner: actorOwner, requestId }, act, { id, atMs }),
        ),
      );
      await recordActs(db, entries);
      for (const owner of new Set(entries.map((entry) => entry.owner))) await chainSoon(owner);
    },
    async chain(owner) {
      for (;;) {
        const { before, rows } = await readUnchained(db, owner, ROWS_AT_ONCE);
        await writeLinks(db, owner, await linksOf(seal, before, rows));
        if (rows.length < ROWS_AT_ONCE) return;
      }
    },
    async chainAll(owner) {
      for (const each of await ownersUnchained(db, owner)) await trail.chain(each);
    },
  };

  async function entryOf(
    { key, owner: actorOwner, requestId }: Actor,
    { owner, act, object, details, reason = null }: Act,
    { id, atMs }: { readonly id: string; readonly atMs: number },
  ): Promise<WholeEntry> {
    const known = { id, owner, atMs, actor: key, actorOwner, act };
    const sealed = await seal.seal(sealedText(known));
    return { ...known, object, details: JSON.stringify(details), reason, requestId, seal: sealed };
  }

  /** The act is done and its row is written: that the chain waits is nobody's failure. */
  async function chainSoon(owner: string): Promise<void> {
    try {
      await trail.chain(owner);
    } catch (error) {
      console.error(JSON.stringify({ event: "audit_chain_delayed", owner, error: String(error) }));
    }
  }

  return trail;
}

async function linksOf(seal: AuditSeal, start: ChainPosition, rows: readonly AuditRow[]): Promise<Link[]> {
  const links: Link[] = [];
  let previousHash = start.hash;
  for (const row of rows) {
    const isOurs = await seal.fits(sealedText(row), row.seal);
    const hash = isOurs ? await hashRow(row, previousHash) : NOT_OURS;
    links.push({ seq: row.seq, previousHash, hash });
    previousHash = hash;
  }
  return links;
}

export const hashRow = (row: AuditRow, previousHash: string): Promise<string> =>
  sha256Hex(hashedText(row, previousHash));
