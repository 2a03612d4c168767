/**
 * The audit trail: who did what to whom. Every act leaves one row in the chain of its owner, the partner whose thing was
 * acted on, or the operator. A row's hash covers the row and the hash before it, so what is edited, taken out, put in or
 * moved later is found. Pure: what a row says, what it hashes, and what a sound chain looks like.
 */

/** Owner of what belongs to no partner; no partner may have this id. */
export const OPERATOR = "operator";

/** What the first row of a chain follows. */
export const CHAIN_START = "0".repeat(64);

/** Stands where a hash would, of a row that this deployment did not write. No SHA-256 in hex looks like it. */
export const NOT_OURS = "not ours";

/** Who acts: the id of the key, and whose key it is. */
export type Actor = { readonly key: string; readonly owner: string; readonly requestId: string };

/** `act` is `<what>.<verb>`; the first part is the first part of the object too. */
export type Act = {
  /** Whose chain: the partner whose thing it is, or the operator. */
  readonly owner: string;
  readonly act: string;
  /** `<kind>:<id>`, such as `profile:standard` or `card:000012-0000345`. */
  readonly object: string;
  /** What was asked, without secrets: the reader of the trail may read all of it. */
  readonly details: Readonly<Record<string, unknown>>;
  readonly reason?: string | null;
};

/** A row as stored. `previousHash` and `hash` are null until it is chained, moments after the act. */
export type AuditRow = {
  readonly owner: string;
  readonly seq: number;
  readonly id: string;
  readonly atMs: number;
  readonly actor: string;
  readonly actorOwner: string;
  readonly act: string;
  readonly object: string;
  /** JSON, as stored. */
  readonly details: string;
  readonly reason: string | null;
  readonly requestId: string;
  readonly seal: string;
  readonly previousHash: string | null;
  readonly hash: string | null;
};

/** What is known of a row before it is written, sealed so that only this deployment's rows are ever chained. */
export const sealedText = (row: Pick<AuditRow, "id" | "owner" | "atMs" | "actor" | "actorOwner" | "act">): string =>
  JSON.stringify([row.id, row.owner, row.atMs, row.actor, row.actorOwner, row.act]);

/** What a row's hash is made of: every column but the hash itself. */
export const hashedText = (row: AuditRow, previousHash: string): string =>
  JSON.stringify([
    previousHash,
    row.owner,
    row.seq,
    row.id,
    row.atMs,
    row.actor,
    row.actorOwner,
    row.act,
    row.object,
    row.details,
    row.reason,
    row.requestId,
    row.seal,
  ]);

/** The end of a chain, as kept apart from it and as logged every day. */
export type ChainHead = { readonly owner: string; readonly seq: number; readonly hash: string };

/** The next row must have the number after this, and follow this hash. */
export type ChainPosition = { readonly seq: number; readonly hash: string };

export const BEFORE_FIRST: ChainPosition = { seq: 0, hash: CHAIN_START };

export type Finding = { readonly owner: string; readonly seq: number; readonly what: string };

/** What is wrong with a row, given the one before it and its own hash made anew. */
export function rowFindings(row: AuditRow, before: ChainPosition, rehashed: string): Finding[] {
  const { owner, seq, hash, previousHash } = row;
  const found = (what: string): Finding => ({ owner, seq, what });
  const missing = seq - before.seq - 1;
  // At the end a row may be too new to be chained; anywhere else the row behind it does not follow it.
  if (hash === null) return missing > 0 ? [found(`${missing} before it missing`)] : [];
  return [
    ...(missing > 0 ? [found(`${missing} before it missing`)] : []),
    ...(missing === 0 && previousHash !== before.hash ? [found("does not follow the row before it")] : []),
    ...(hash === NOT_OURS ? [found("was not written by this deployment")] : []),
    ...(hash !== NOT_OURS && hash !== rehashed ? [found("was changed")] : []),
  ];
}

/** The kept end of a chain, beside what the chain says itself. */
export type ChainEnd = {
  readonly owner: string;
  readonly head: ChainPosition | null;
  /** Hash of the row that `head` names; null = there is no such row, or it is not chained. */
  readonly headRowHash: string | null;
  /** Number of the last row that is chained; null = there is none. */
  readonly lastSeq: number | null;
};

/** The last row that is chained and the kept end must be the same. */
export function endFindings({ owner, head, headRowHash, lastSeq }: ChainEnd): Finding[] {
  const found = (seq: number, what: string): Finding[] => [{ owner, seq, what }];
  if (!head) return lastSeq === null ? [] : found(lastSeq, "the record of the chain's end is missing");
  if (head.seq > (lastSeq ?? 0)) return found(head.seq, "the end of the chain is cut off");
  return head.seq === lastSeq && head.hash === headRowHash
    ? []
    : found(lastSeq ?? 0, "the record of the chain's end does not fit the last row");
}
