/**
 * Proving the audit trail: every row hashed anew, chain by chain, in pages. What was edited, taken out, put in, moved or
 * cut off past the product is found. Nothing is changed but that rows which wait are chained first.
 */
import {
  BEFORE_FIRST,
  endFindings,
  rowFindings,
  type AuditRow,
  type ChainHead,
  type ChainPosition,
  type Finding,
} from "../domain/audit.ts";
import { lostHeads, readChain, readChainEnds, type ChainWindow } from "../storage/audit.ts";
import type { Database } from "../storage/database.ts";
import { hashRow, type AuditTrail } from "./audit.ts";

type Deps = { readonly db: Database; readonly audit: Pick<AuditTrail, "chainAll"> };

export type Place = readonly [owner: string, seq: number];
export type VerifiedPage = { readonly rows: readonly AuditRow[]; readonly findings: readonly Finding[] };

/** What is asked of each chain as a whole, and of ends that were logged before. */
export async function verifyEnds(
  { db, audit }: Deps,
  owner: string | null,
  logged: readonly ChainHead[],
): Promise<{ readonly findings: readonly Finding[]; readonly heads: readonly ChainHead[] }> {
  await audit.chainAll(owner);
  const ends = await readChainEnds(db, owner);
  const lost = logged.length === 0 ? [] : await lostHeads(db, logged);
  const findings = [
    ...ends.flatMap(endFindings),
    ...lost.map((head) => ({ owner: head.owner, seq: head.seq, what: "is not the row that was logged as the end" })),
  ];
  return { findings, heads: ends.flatMap(({ owner: of, head }) => (head ? [{ owner: of, ...head }] : [])) };
}

/** A line for the end of every chain: what was logged where nobody can change it proves a chain that was rewritten. */
export async function logHeads(deps: Deps, log: (line: Readonly<Record<string, unknown>>) => void): Promise<void> {
  const { findings, heads } = await verifyEnds(deps, null, []);
  for (const { owner, seq, hash } of heads) log({ event: "audit_head", owner, seq, hash });
  for (const finding of findings) log({ event: "alert", alert: "audit_chain", ...finding });
}

/** One page of rows, after `after` in the order of owners and numbers. `verifyEnds` comes before the first. */
export async function verifyRows(db: Database, window: ChainWindow, take: number): Promise<VerifiedPage> {
  const { after } = window;
  const read = await readChain(db, window, after ? take + 1 : take);
  const anchor = after && read[0]?.owner === after[0] && read[0].seq === after[1] ? read[0] : undefined;
  const rows = anchor ? read.slice(1) : read.slice(0, take);
  // An anchor that vanished between two pages is itself missing: what follows it is told as not following.
  let [owner, before]: [string, ChainPosition] = anchor
    ? [anchor.owner, { seq: anchor.seq, hash: anchor.hash ?? "" }]
    : [after?.[0] ?? "", after ? { seq: after[1], hash: "" } : BEFORE_FIRST];
  const findings: Finding[] = [];
  for (const row of rows) {
    if (row.owner !== owner) [owner, before] = [row.owner, BEFORE_FIRST];
    findings.push(...rowFindings(row, before, await hashRow(row, row.previousHash ?? "")));
    before = { seq: row.seq, hash: row.hash ?? "" };
  }
  return { rows, findings };
}
