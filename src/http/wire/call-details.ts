/** What a switch tells of a call for the statement: facts about the call, never part of what is charged. */
import { z } from "@hono/zod-openapi";
import type { CallDetails } from "../../domain/card-calls.ts";
import { amount, instant, visibleText } from "../schemas.ts";

export const callDetailsSchema = z
  .strictObject({
    callId: visibleText(128, 1).optional(),
    destination: visibleText(64, 1).optional(),
    callerId: visibleText(64, 1).optional(),
    answeredAt: instant.optional(),
    endedAt: instant.optional(),
    durationSeconds: z.number().int().min(0).max(10_000_000).optional(),
    ratePerMinute: amount.optional(),
  })
  .openapi("CallDetails");

export const readCallDetails = (input: z.infer<typeof callDetailsSchema> | undefined): CallDetails | null =>
  input === undefined
    ? null
    : Object.fromEntries(
        Object.entries(input).filter((entry): entry is [string, string | number] => entry[1] !== undefined),
      );
