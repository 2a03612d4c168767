/** The audit trail as tests look at it. */
import { env } from "cloudflare:workers";
import { type Answer, operatorKey, call } from "./api.ts";

export type AuditItem = {
  readonly owner: string;
  readonly seq: number;
  readonly id: string;
  readonly at: string;
  readonly actor: string;
  readonly actorOwner: string;
  readonly act: string;
  readonly object: string;
  readonly details: Readonly<Record<string, unknown>>;
  readonly reason: string | null;
  readonly requestId: string;
  readonly previousHash: string | null;
  readonly hash: string | null;
};
export type Finding = { readonly owner: string; readonly seq: number; readonly what: string };
type Verified = { readonly checked: number; readonly findings: readonly Finding[]; readonly nextCursor: string | null };
export type Head = { readonly owner: string; readonly seq: number; readonly hash: string };

export const audit = (query = "", key = operatorKey()) =>
  call<{ items: AuditItem[]; nextCursor: string | null }>("GET", `/v1/audit${query}`, { key });

export const rowsOf = async (owner?: string): Promise<number> => {
  const where = owner === undefined ? "" : "WHERE owner = ?1";
  const statement = env.DB.prepare(`SELECT count(*) AS n FROM audit ${where}`);
  return (await (owner === undefined ? statement : statement.bind(owner)).first<{ n: number }>())!.n;
};

/** All pages of a verification. */
export async function verifyAudit(
  body: { partner?: string; heads?: readonly Head[]; limit?: number } = {},
  key = operatorKey(),
): Promise<{ checked: number; findings: Finding[] }> {
  let checked = 0;
  const findings: Finding[] = [];
  for (let cursor: string | null = ""; cursor !== null;) {
    const answer: Answer<Verified> = await call<Verified>("POST", "/v1/audit/verifications", {
      key,
      body: { ...body, ...(cursor !== "" && { cursor }) },
    });
    if (answer.status !== 200) throw new Error(answer.text);
    checked += answer.body.checked;
    findings.push(...answer.body.findings);
    cursor = answer.body.nextCursor;
  }
  return { checked, findings };
}

/** A request without its method. */
export type Sent = {
  readonly path: string;
  readonly body?: unknown;
  readonly raw?: Uint8Array<ArrayBuffer>;
  readonly headers?: Readonly<Record<string, string>>;
};

/** How an operation is asked so that it leaves its row in the trail. */
export type Recipe = {
  /** Makes what is needed, and answers the request. */
  readonly send: () => Promise<Sent>;
  readonly act: string;
  /** Sent again, it is an act of its own: it has no identity to repeat. */
  readonly anew?: true;
  /** Sent again, there is nothing left to do it to. */
  readonly gone?: true;
  /** The card that is acted on: its act comes through the queue. */
  readonly card?: () => string;
};
