/** API keys at the door: who calls, and whether the key's scope covers the route. */
import { createMiddleware } from "hono/factory";
import type { Scope } from "../../domain/scopes.ts";
import type { AppEnv } from "../context.ts";
import { problem } from "../problem.ts";

export type KeyRule = {
  /** Any one of these suffices. */
  readonly scopes: readonly Scope[];
  /** Partner keys are refused as if the scope were missing. */
  readonly operatorOnly?: boolean;
  /** The scopes are asked of operators only; the handler shows a partner key nothing but its own. */
  readonly partnerKeysNeedNoScope?: boolean;
};

export const bearerOf = (header: string | undefined): string | undefined =>
  /^Bearer ([\x21-\x7e]{1,4096})$/i.exec(header ?? "")?.[1];

export const requireKey = ({ scopes, operatorOnly = false, partnerKeysNeedNoScope = false }: KeyRule) =>
  createMiddleware<AppEnv>(async (c, next) => {
    const key = bearerOf(c.req.header("Authorization"));
    const record = key === undefined ? undefined : await c.var.services.keys.identify(key);
    if (!record) return problem(c, { code: "unauthenticated" });
    if (record.partnerSuspended) return problem(c, { code: "partner_suspended" });
    const isOperator = record.partner === null;
    const hasScope = scopes.some((scope) => record.scopes.includes(scope)) || (partnerKeysNeedNoScope && !isOperator);
    const mayCall = hasScope && (!operatorOnly || isOperator);
    if (!mayCall)
      return problem(c, {
        code: "insufficient_scope",
        detail: `This needs the scope ${scopes.join(" or ")}${operatorOnly ? " on an operator's key" : ""}.`,
      });
    c.set("caller", {
      keyId: record.id,
      partner: record.partner,
      scopes: new Set(record.scopes),
      trunks: record.trunks,
    });
    return next();
  });

/** What the door of every keyed route may answer; looking the key up may take too long. */
export const KEY_REFUSALS = ["unauthenticated", "partner_suspended", "insufficient_scope", "try_again"] as const;

/** What a keyed route declares: its security in the document and the middleware that enforces it. */
export const keyed = (rule: KeyRule) => ({
  security: [{ apiKey: [...rule.scopes] }],
  middleware: requireKey(rule),
});
