/** A bulk action on the wire: how far it is, and what became of each card. */
import { z } from "@hono/zod-openapi";
import { bulkStatus, type BulkAction, type BulkResult } from "../../domain/bulk-action.ts";
import { PROBLEMS, type ProblemCode } from "../../domain/errors.ts";
import { toRfc3339 } from "../../domain/time.ts";
import { actFields } from "./acts.ts";
import { cardStatusSchema } from "./cards.ts";

export const bulkActionSchema = z
  .object({
    id: z.string(),
    action: actFields.action,
    reason: z.string(),
    dryRun: z.boolean(),
    status: z.enum(["queued", "running", "finished"]),
    total: z.number().int(),
    done: z.number().int().openapi({ description: "Cards it was done to; in a dry run, that it would be done to." }),
    failed: z.number().int(),
    createdAt: z.string(),
    updatedAt: z.string(),
  })
  .openapi("BulkAction");

export const bulkActionWire = (bulk: BulkAction): z.infer<typeof bulkActionSchema> => ({
  id: bulk.id,
  action: bulk.action.action,
  reason: bulk.reason,
  dryRun: bulk.dryRun,
  status: bulkStatus(bulk),
  total: bulk.total,
  done: bulk.done,
  failed: bulk.failed,
  createdAt: toRfc3339(bulk.createdAtMs),
  updatedAt: toRfc3339(bulk.updatedAtMs),
});

export const bulkResultSchema = z
  .object({
    serial: z.string(),
    outcome: z.enum(["done", "failed"]),
    status: cardStatusSchema
      .optional()
      .openapi({ description: "Of the card afterwards; in a dry run, as it would be." }),
    code: z
      .enum(Object.keys(PROBLEMS) as [ProblemCode, ...ProblemCode[]])
      .optional()
      .openapi({ description: "Why it failed." }),
    detail: z.string().optional(),
  })
  .openapi("BulkResult");

export const bulkResultWire = ({ serial, status, code, detail }: BulkResult): z.infer<typeof bulkResultSchema> => ({
  serial,
  outcome: code === null ? "done" : "failed",
  ...(status !== null && { status }),
  ...(code !== null && { code }),
  ...(detail !== null && { detail }),
});
