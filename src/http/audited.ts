/**
 * Acts of a request, audited: `audited(c)` takes what is done and the write that does it, and gives the write the row
 * for its batch. A route that changes something for a key holder calls this once; the tests of the trail fail otherwise.
 */
import type { Context } from "hono";
import { OPERATOR, type Act, type Actor } from "../domain/audit.ts";
import type { Audited } from "../services/audit.ts";
import type { AppEnv } from "./context.ts";

/** Who acts, as the trail names them. */
export const actorOf = ({ var: { caller, requestId } }: Context<AppEnv>): Actor => ({
  key: caller.keyId,
  owner: caller.partner ?? OPERATOR,
  requestId,
});

/** For writes: the row goes into their batch, see `auditRow`. */
export const audited =
  (c: Context<AppEnv>): Audited =>
  (act, work) =>
    c.var.services.audit.run(actorOf(c), act, work);

/** For acts that write nothing else, such as an export: awaited before anything is handed out. */
export const recordAct = (c: Context<AppEnv>, act: Act): Promise<void> => c.var.services.audit.record(actorOf(c), act);
