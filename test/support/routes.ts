/** The routes of the product as its own document lists them, with the rule of each. */
import { createApp } from "../../src/app.ts";
import { type KeyRule, OPERATIONS, type OperationId } from "../../src/domain/operations.ts";

type Documented = {
  readonly operationId: OperationId;
  readonly security?: readonly Readonly<Record<string, readonly string[]>>[];
  readonly "x-operator-only"?: boolean;
};
type Route = {
  readonly method: string;
  readonly path: string;
  readonly operationId: OperationId;
  readonly security: Documented["security"];
  readonly extension: boolean | undefined;
};

export const METHODS = ["get", "put", "post", "delete", "patch"] as const;
export const app = createApp();

const { paths } = app.getOpenAPI31Document({ openapi: "3.1.0", info: { title: "Ringfare", version: "1" } });

export const documented: Route[] = Object.entries(paths ?? {}).flatMap(([path, item]) =>
  METHODS.flatMap((method) => {
    const operation = (item as Partial<Record<string, Documented>>)[method];
    if (!operation) return [];
    const { operationId, security, "x-operator-only": extension } = operation;
    return [{ method: method.toUpperCase(), path, operationId, security, extension }];
  }),
);

export type KeyedRoute = Route & { readonly rule: KeyRule };

export const keyedRoutes: KeyedRoute[] = documented.flatMap((route) => {
  const rule: KeyRule | { readonly by: "holder" | "anyone" } | undefined = OPERATIONS[route.operationId];
  return rule?.by === "key" ? [{ ...route, rule }] : [];
});
