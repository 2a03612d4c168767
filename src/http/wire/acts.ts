/** What can be done to cards, as it is asked for: of one card, or of many. */
import { z } from "@hono/zod-openapi";
import type { CardAction } from "../../domain/card-calls.ts";
import { invalidField, refuse, type Refusal } from "../../domain/errors.ts";
import { err, ok, type Result } from "../../domain/result.ts";
import { MAX_DEVICE_NUMBER } from "../../domain/serial.ts";
import { parseRfc3339 } from "../../domain/time.ts";
import type { Caller } from "../context.ts";
import { instant, visibleText } from "../schemas.ts";

export const actFields = {
  action: z.enum(["block", "unblock", "activate", "deactivate", "extend", "release_device", "close"]),
  reason: visibleText(200, 1),
  expiresAt: instant.optional().openapi({ description: "With extend only." }),
  device: z
    .number()
    .int()
    .min(1)
    .max(MAX_DEVICE_NUMBER)
    .optional()
    .openapi({ description: "With release_device only; of many cards absent = every device that is signed in." }),
};

type Asked = Pick<z.infer<z.ZodObject<typeof actFields>>, "action" | "expiresAt" | "device">;

/** Each action with exactly its own field; a till's key may activate and nothing else. */
export function readAction(
  { action, expiresAt, device }: Asked,
  caller: Caller,
  cards: "one" | "many" = "one",
): Result<CardAction, Refusal> {
  if (action !== "activate" && !caller.scopes.has("cards:write"))
    return err(refuse("insufficient_scope", "This needs the scope cards:write."));
  if ((action === "extend") !== (expiresAt !== undefined))
    return err(invalidField("/expiresAt", "Needed by extend, and only there."));
  if (device !== undefined && action !== "release_device")
    return err(invalidField("/device", "Needed by release_device, and only there."));
  if (device === undefined && action === "release_device" && cards === "one")
    return err(invalidField("/device", "Needed by release_device, and only there."));
  if (action === "extend") return ok({ action, expiresAtMs: parseRfc3339(expiresAt ?? "") ?? 0 });
  return ok(action === "release_device" ? { action, device: device ?? null } : { action });
}
