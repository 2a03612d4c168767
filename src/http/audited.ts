/**
 * Acts of a request, audited: `audited(c)` takes what is done and the write that does it, and gives the write the row
 * for its batch. A route that changes something for a key holder calls this once; the tests of the trail fail otherwise.
 */
import type { Context } from "hono";
import { OPERATOR, type Act, type Actor } from "../domain/audit.ts";
import type { Doer } from "../domain/card-acts.ts";
import type { Audited } from "../services/audit.ts";
import type { AppEnv } from "./context.ts";

/** Who acts, as the trail names them. */
export function actorOf(c: Context<AppEnv>): Actor {
  // Switches come by here with every step of a call: `var` would copy all variables.
  const { keyId, partner } = c.get("caller");
  return { key: keyId, owner: partner ?? OPERATOR, requestId: c.get("requestId") };
}

/** For writes: the row goes into their batch, see `auditRow`. */
export const audited =
  (c: Context<AppEnv>): Audited =>
  (act, work) =>
    c.var.services.audit.run(actorOf(c), act, work);

/** For acts that write nothing else, such as an export: awaited before anything is handed out. */
export const recordAct = (c: Context<AppEnv>, act: Act): Promise<void> => c.var.services.audit.record(actorOf(c), act);

/** For acts on a card: its object journals them and tells the trail itself, see `CardJournal`. */
export const doerOf = (c: Context<AppEnv>): Required<Doer> => {
  const { key, ...by } = actorOf(c);
  return { actor: key, by };
};
