/** Making an API key: who may grant what. The secret leaves here once, in the answer; only its hash is stored. */
import { createApiKey } from "../auth/api-keys.ts";
import { OPERATOR } from "../domain/audit.ts";
import { invalidField, refuse, type Refusal } from "../domain/errors.ts";
import { err, ok, type Result } from "../domain/result.ts";
import { allowedScopes, type Scope } from "../domain/scopes.ts";
import { toRfc3339 } from "../domain/time.ts";
import { addApiKey, type ApiKey } from "../storage/api-keys.ts";
import { unusableTrunks } from "../storage/trunks.ts";
import type { Audited } from "./audit.ts";
import type { Services } from "./services.ts";

/**
 * What the granting key holds itself. `switch` without trunks, which only the deployment's first key has, grants it on
 * any trunk and reaches no card itself. `bootstrapHash` is set when the granter is `ADMIN_API_KEY`.
 */
export type Granter = {
  readonly scopes: ReadonlySet<Scope>;
  readonly trunks: readonly string[];
  readonly expiresAtMs: number | null;
  readonly bootstrapHash: string | null;
};

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
  audited: Audited,
  { granter, order }: { readonly granter: Granter; readonly order: KeyOrder },
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
  const record: ApiKey = { id, createdAtMs, lastUsedAtMs: null, ...order };
  const { partner, ...granted } = order;
  const expiresAt = order.expiresAtMs === null ? null : toRfc3339(order.expiresAtMs);
  const details = { ...granted, expiresAtMs: undefined, expiresAt };
  const isAdded = await audited(
    { owner: partner ?? OPERATOR, act: "key.create", object: `key:${id}`, details },
    (entry) => addApiKey(db, record, { hash, bootstrapHash: granter.bootstrapHash }, entry),
  );
  return isAdded ? ok({ ...record, key }) : err(BOOTSTRAP_SPENT);
}

const BOOTSTRAP_SPENT = refuse(
  "insufficient_scope",
  "ADMIN_API_KEY has made its operator's key. If that one is lost, give the deployment a new ADMIN_API_KEY, which makes another.",
);

/** Pure. What the granter may not give comes first: it must not learn from the rest what exists. */
function orderRefusal(granter: Granter, order: KeyOrder, nowMs: number): Refusal | undefined {
  const missing = order.scopes.filter((scope) => !granter.scopes.has(scope));
  if (missing.length > 0)
    return refuse("insufficient_scope", `A key can grant only its own scopes; it lacks ${missing.join(", ")}.`);
  const isBound = granter.trunks.length > 0;
  if (isBound && order.trunks.some((trunk) => !granter.trunks.includes(trunk)))
    return refuse("insufficient_scope", "A key bound to trunks can grant the switch scope on those only.");
  if (granter.expiresAtMs !== null && (order.expiresAtMs === null || order.expiresAtMs > granter.expiresAtMs))
    return refuse("insufficient_scope", "A key that expires can grant only keys that expire no later than itself.");
  const allowed = allowedScopes(order.partner);
  const foreignAt = order.scopes.findIndex((scope) => !allowed.includes(scope));
  if (foreignAt !== -1) return invalidField(`/scopes/${foreignAt}`, "A partner's key cannot have this scope.");
  const isSwitch = order.scopes.includes("switch");
  const mayBeUnbound = granter.bootstrapHash !== null;
  if (isSwitch && order.trunks.length === 0 && !mayBeUnbound)
    return invalidField("/trunks", "The switch scope names its trunks.");
  if (!isSwitch && order.trunks.length > 0) return invalidField("/trunks", "Only the switch scope has trunks.");
  if (order.expiresAtMs !== null && order.expiresAtMs <= nowMs)
    return invalidField("/expiresAt", "Must be in the future.");
  return undefined;
}
