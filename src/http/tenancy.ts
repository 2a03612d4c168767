/** Whose things a request may touch. The tenant comes from the key alone; what a request names can only narrow it. */
import { invalidField, refuse, type Refusal } from "../domain/errors.ts";
import { err, ok, type Result } from "../domain/result.ts";
import type { Caller } from "./context.ts";

/** May this caller act on that partner? When not, answer exactly as if the partner did not exist. */
export const mayActOn = (caller: Caller, partner: string): boolean =>
  caller.partner === null || caller.partner === partner;

/**
 * The partner a request with `?partner=` acts on: an operator names one, a partner key has its own.
 * Another partner's name is refused as absent, whether or not it exists.
 */
export function actingPartner(caller: Caller, named: string | undefined): Result<string, Refusal> {
  if (caller.partner === null)
    return named === undefined ? err(invalidField("/partner", "An operator's key names the partner.")) : ok(named);
  return named === undefined || named === caller.partner ? ok(caller.partner) : err(refuse("not_found"));
}
