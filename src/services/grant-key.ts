/** Making an API key: who may grant what. The secret leaves here once, in the answer; only its hash is stored. */
import { createApiKey } from "../auth/api-keys.ts";
import { invalidField, refuse, type Refusal } from "../domain/errors.ts";
import { err, ok, type Result } from "../domain/result.ts";
import { allowedScopes, type Scope } from "../domain/scopes.ts";
import { addApiKey, type ApiKey } from "../storage/api-keys.ts";
import { unusableTrunks } from "../storage/trunks.ts";
import type { Services } from "./services.ts";

/** What the granting key holds itself. No trunks with `switch` (the first key of a deployment) means every trunk. */
export type Granter = { readonly scopes: ReadonlySet<Scope>; readonly trunks: readonly string[] };

export type KeyOrder = {
  /** null = an operator's key. */
  readonly partner: string | null;
  readonly name: string;
  readonly scopes: readonly Scope[];
  readonly trunks: readonly string[];
  readonly expiresAtMs: number | null;
};

export async function grantKey(
  { db, now }: Pick<Services, "db" | "now">,
  granter: Granter,
  order: KeyOrder,
): Promise<Result<ApiKey & { readonly key: string }, Refusal>> {
  const createdAtMs = now();
  const refusal = orderRefusal(granter, order, createdAtMs);
  if (refusal) return err(refusal);
  if (order.trunks.length > 0) {
    const [unusable] = await unusableTrunks(db, order.trunks, order.partner);
    if (unusable !== undefined)
      return err(invalidField(`/trunks/${order.trunks.indexOf(unusable)}`, "Not a trunk this key can be bound to."));
  }
  const { id, key, hash } = await createApiKey();
  const record: ApiKey = { id, createdAtMs, ...order };
  await addApiKey(db, record, hash);
  return ok({ ...record, key });
}

/** Pure. What the granter may not give comes first: it must not learn from the rest what exists. */
function orderRefusal(granter: Granter, order: KeyOrder, nowMs: number): Refusal | undefined {
  const missing = order.scopes.filter((scope) => !granter.scopes.has(scope));
  if (missing.length > 0)
    return refuse("insufficient_scope", `A key can grant only its own scopes; it lacks ${missing.join(", ")}.`);
  const isBound = granter.trunks.length > 0;
  if (isBound && order.trunks.some((trunk) => !granter.trunks.includes(trunk)))
    return refuse("insufficient_scope", "A key bound to trunks can grant the switch scope on those only.");
  const allowed = allowedScopes(order.partner);
  const foreignAt = order.scopes.findIndex((scope) => !allowed.includes(scope));
  if (foreignAt !== -1) return invalidField(`/scopes/${foreignAt}`, "A partner's key cannot have this scope.");
  const isSwitch = order.scopes.includes("switch");
  if (isSwitch && order.trunks.length === 0) return invalidField("/trunks", "The switch scope names its trunks.");
  if (!isSwitch && order.trunks.length > 0) return invalidField("/trunks", "Only the switch scope has trunks.");
  if (order.expiresAtMs !== null && order.expiresAtMs <= nowMs)
    return invalidField("/expiresAt", "Must be in the future.");
  return undefined;
}
