/** Rows of the audit trail as the contract shows them. */
import { z } from "@hono/zod-openapi";
import { OPERATOR, type AuditRow } from "../../domain/audit.ts";
import { toRfc3339 } from "../../domain/time.ts";

export const auditSchema = z
  .object({
    owner: z.string().openapi({ description: "Whose chain: a partner, or `operator`.", example: "acme" }),
    seq: z.number().int().openapi({ description: "From 1 without gaps, per owner." }),
    id: z.string(),
    at: z.string(),
    actor: z
      .string()
      .openapi({ description: "Id of the key. To a partner's key the operator's keys are all `operator`." }),
    actorOwner: z.string().openapi({ description: "Whose key it is.", example: "operator" }),
    act: z.string().openapi({ example: "batch.issue" }),
    object: z.string().openapi({ example: "batch:12" }),
    details: z.record(z.string(), z.unknown()).openapi({ description: "What was asked. Never a secret." }),
    reason: z.string().nullable(),
    requestId: z.string().openapi({ description: "`X-Request-Id` of the answer." }),
    previousHash: z.string().nullable(),
    hash: z.string().nullable().openapi({ description: "null for the moment until the row is chained." }),
  })
  .openapi("AuditEntry");

/** `viewer`: the partner who looks; null = the operator. */
export const auditWire = (row: AuditRow, viewer: string | null): z.infer<typeof auditSchema> => ({
  owner: row.owner,
  seq: row.seq,
  id: row.id,
  at: toRfc3339(row.atMs),
  actor: viewer === null || row.actorOwner === viewer ? row.actor : OPERATOR,
  actorOwner: row.actorOwner,
  act: row.act,
  object: row.object,
  details: detailsOf(row.details),
  reason: row.reason,
  requestId: row.requestId,
  previousHash: row.previousHash,
  hash: row.hash,
});

/** A row that was altered in the database must still be readable: the verification says what is wrong with it. */
function detailsOf(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? { ...value } : { unreadable: text };
  } catch {
    return { unreadable: text };
  }
}
