/** API keys at the door: who calls, and whether the key's scope covers the operation. */
import { createMiddleware } from "hono/factory";
import { type KeyedOperationId, type KeyRule, OPERATIONS } from "../../domain/operations.ts";
import type { AppEnv } from "../context.ts";
import { problem } from "../problem.ts";
import { ACCESS_HEADER } from "./access.ts";

export const bearerOf = (header: string | undefined): string | undefined =>
  /^Bearer ([\x21-\x7e]{1,4096})$/i.exec(header ?? "")?.[1];

const BOOTSTRAP_DETAIL =
  "ADMIN_API_KEY makes the first partner and one operator's key, and nothing else. Use that operator's key.";

const requireKey = ({ scopes, operatorOnly, partnerKeysNeedNoScope, bootstrap }: KeyRule) =>
  createMiddleware<AppEnv>(async (c, next) => {
    const { keys, access } = c.var.services;
    const key = bearerOf(c.req.header("Authorization"));
    const record = key === undefined ? undefined : await keys.identify(key);
    if (!record) return problem(c, { code: "unauthenticated" });
    const isOperator = record.partner === null;
    if (isOperator && access && !(await access.admits(c.req.header(ACCESS_HEADER))))
      return problem(c, { code: "unauthenticated", detail: "An operator's key must come through Cloudflare Access." });
    if (record.partnerSuspended) return problem(c, { code: "partner_suspended" });
    if (record.isBootstrap && !bootstrap) return problem(c, { code: "insufficient_scope", detail: BOOTSTRAP_DETAIL });
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
      expiresAtMs: record.expiresAtMs,
      bootstrapHash: record.isBootstrap ? record.hash : null,
    });
    return next();
  });

/** What the door of every keyed route may answer; looking the key up may take too long. */
export const KEY_REFUSALS = ["unauthenticated", "partner_suspended", "insufficient_scope", "try_again"] as const;

/** What a keyed route declares: its name, its security in the document, and the middleware that enforces it. */
export function keyed<const Id extends KeyedOperationId>(operationId: Id) {
  const rule: KeyRule = OPERATIONS[operationId];
  return {
    operationId,
    // Alternatives: any one of them suffices (OpenAPI 3.1, Security Requirement Object).
    security: [
      ...rule.scopes.map((scope) => ({ apiKey: [scope] })),
      ...(rule.partnerKeysNeedNoScope ? [{ apiKey: [] }] : []),
    ],
    ...(rule.operatorOnly && { "x-operator-only": true }),
    middleware: requireKey(rule),
  };
}
