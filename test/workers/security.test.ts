/**
 * The same cases over every keyed route of the document: whoever adds a route gets them for nothing,
 * and a route that is missing from the document, or from the code, fails here.
 */
import { beforeAll, describe, expect, it } from "vitest";
import { OPERATIONS } from "../../src/domain/operations.ts";
import { adminApiKey, call, operatorKey } from "../support/api.ts";
import { createKey, createPartner } from "../support/catalogue.ts";
import { app, documented, keyedRoutes, METHODS } from "../support/routes.ts";

const document = app.getOpenAPI31Document({ openapi: "3.1.0", info: { title: "Ringfare", version: "1" } });

/** Any value will do: the key is judged before anything else is read. */
const concrete = (path: string): string => path.replaceAll(/\{[^}]+\}/g, "1");
const templated = (path: string): string => path.replaceAll(/:([A-Za-z]+)(?:\{[^}]*\})?/g, "{$1}");

/** The last symbol before the checksum, changed: still a key in form, no longer one by its checksum. */
const mistyped = (key: string) => `${key.slice(0, -7)}${key.at(-7) === "a" ? "b" : "a"}${key.slice(-6)}`;

const refused = (header: string | undefined) => ({ header, status: 401, code: "unauthenticated" });

let presented: Record<string, { header: string | undefined; status: number; code: string }>;
/** Operator keys with one scope each: for every route at least one of them lacks what it asks. */
const lacking = new Map<string, string>();

beforeAll(async () => {
  const partner = await createPartner();
  const suspended = await createPartner();
  const live = await createKey(partner, ["cards:read"]);
  const other = await createKey(partner, ["cards:read"]);
  const revoked = await createKey(partner, ["cards:read"]);
  const expiresAt = new Date(Date.now() + 1500).toISOString();
  const expired = await createKey(partner, ["cards:read"], { expiresAt });
  const ofSuspended = await createKey(suspended, ["cards:read"]);
  await call("DELETE", `/v1/partners/${partner}/keys/${revoked.id}`, { key: operatorKey() });
  await createPartner(suspended, { status: "suspended" });
  const { createApiKey } = await import("../../src/auth/api-keys.ts");
  const [wrongSecret, unknown] = [await createApiKey(live.id), await createApiKey()];
  presented = {
    "no Authorization": refused(undefined),
    "an empty one": refused(""),
    "another scheme": refused(`Basic ${btoa(`${live.id}:${live.key}`)}`),
    "the bare key": refused(live.key),
    "no key after Bearer": refused("Bearer "),
    "a word": refused("Bearer admin"),
    "an unsigned JWT": refused("Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0."),
    "a mistyped key": refused(`Bearer ${mistyped(live.key)}`),
    "the right id, another secret": refused(`Bearer ${wrongSecret.key}`),
    "an unknown id": refused(`Bearer ${unknown.key}`),
    "another key's secret": refused(`Bearer ${live.key.replace(live.id, other.id)}`),
    "a truncated key": refused(`Bearer ${live.key.slice(0, -1)}`),
    "one character more": refused(`Bearer ${live.key}a`),
    "two keys": refused(`Bearer ${live.key}, Bearer ${other.key}`),
    capitals: refused(`Bearer ${live.key.toUpperCase()}`),
    "a revoked key": refused(`Bearer ${revoked.key}`),
    "an expired key": refused(`Bearer ${expired.key}`),
    "a suspended partner's key": { header: `Bearer ${ofSuspended.key}`, status: 403, code: "partner_suspended" },
  };
  for (const scope of ["cards:read", "reports:read", "audit:read"])
    lacking.set(scope, (await createKey(null, [scope])).key);
  expect((await call("GET", `/v1/partners/${partner}`, { key: live.key })).status).toBe(200);
  while (Date.now() < Date.parse(expiresAt)) await new Promise((resolve) => setTimeout(resolve, 100));
});

describe(`the shared security cases over ${keyedRoutes.length} keyed routes`, () => {
  it("finds routes to run over", () => {
    console.info(`security: ${keyedRoutes.length} keyed routes of ${documented.length} documented`);
    expect(keyedRoutes.length).toBeGreaterThanOrEqual(13);
  });

  it.each(keyedRoutes)("$method $path refuses every credential that is not one", async ({ method, path }) => {
    for (const [name, { header, status, code }] of Object.entries(presented)) {
      const headers: Record<string, string> = header === undefined ? {} : { Authorization: header };
      const answer = await call(method, concrete(path), { headers });
      expect(answer, name).toMatchObject({ status, body: { code, status } });
      expect(answer.headers.get("Content-Type"), name).toBe("application/problem+json");
      expect(answer.headers.get("Cache-Control"), name).toBe("no-store");
      if (status === 401) expect(answer.headers.get("WWW-Authenticate"), name).toMatch(/^Bearer /);
    }
  });

  it.each(keyedRoutes)("$method $path refuses a key without its scope", async ({ method, path, rule }) => {
    const without = [...lacking].find(([scope]) => !rule.scopes.some((needed) => needed === scope));
    const answer = await call(method, concrete(path), { key: without?.[1] ?? "" });
    expect(answer).toMatchObject({ status: 403, body: { code: "insufficient_scope" } });
  });

  it.each(keyedRoutes.filter(({ rule }) => !rule.bootstrap))(
    "$method $path refuses the bootstrap key, and says what it is for",
    async ({ method, path }) => {
      const answer = await call(method, concrete(path), { key: adminApiKey() });
      expect(answer).toMatchObject({ status: 403, body: { code: "insufficient_scope" } });
      expect(answer.body.detail).toContain("ADMIN_API_KEY makes the first partner and one operator's key");
    },
  );
});

describe("the table of operations", () => {
  it("has every documented operation, and no other", () => {
    expect(documented.map(({ operationId }) => operationId).toSorted()).toEqual(Object.keys(OPERATIONS).toSorted());
  });

  it.each(documented)("$operationId asks what the table says", ({ operationId, security, extension }) => {
    const operation = OPERATIONS[operationId];
    const alternatives: Record<string, string[]>[] = [];
    if (operation.by === "holder") alternatives.push({ accessToken: [] });
    if (operation.by === "key") for (const scope of operation.scopes) alternatives.push({ apiKey: [scope] });
    if ("partnerKeysNeedNoScope" in operation) alternatives.push({ apiKey: [] });
    expect(security ?? []).toEqual(alternatives);
    expect(extension).toBe("operatorOnly" in operation ? true : undefined);
  });
});

describe("the document and the code", () => {
  const registered = new Set(
    app.routes
      .filter(({ method }) => METHODS.some((known) => known.toUpperCase() === method))
      .map(({ method, path }) => `${method} ${templated(path)}`),
  );
  const inDocument = new Set(documented.map(({ method, path }) => `${method} ${path}`));

  it("has every documented route", () => {
    expect([...inDocument].filter((route) => !registered.has(route))).toEqual([]);
  });

  it("documents every route under /v1", () => {
    const routes = [...registered].filter((route) => / \/v1(?:\/|$)/.test(route));
    expect(routes.filter((route) => !inDocument.has(route))).toEqual([]);
  });

  it("names its security schemes", () => {
    expect(document.components?.securitySchemes).toMatchObject({
      apiKey: { type: "http", scheme: "bearer" },
      accessToken: { type: "http", scheme: "bearer" },
    });
  });
});
