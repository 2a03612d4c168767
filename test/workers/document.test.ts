import { describe, expect, it } from "vitest";
import { call } from "../support/api.ts";

type Operation = {
  operationId?: string;
  summary?: string;
  tags?: string[];
  requestBody?: { content: Record<string, unknown> };
  responses: Record<string, { description: string }>;
};
type Document = { openapi: string; paths: Record<string, Record<string, Operation>> };

describe("the OpenAPI document", () => {
  it("is served and documents the way in", async () => {
    const answer = await call<Document>("GET", "/openapi.json");
    expect(answer.status).toBe(200);
    expect(answer.body.openapi).toBe("3.1.0");
    expect(Object.keys(answer.body.paths)).toContain("/v1/redeem");
    expect(Object.keys(answer.body.paths["/v1/redeem"] ?? {})).toEqual(["post"]);
  });

  it("names every operation once, and says what it is and what it answers", async () => {
    const { body } = await call<Document>("GET", "/openapi.json");
    const operations = Object.entries(body.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({ name: `${method} ${path}`, operation })),
    );
    const ids = operations.map(({ operation }) => operation.operationId);
    expect(ids).not.toContain(undefined);
    expect(new Set(ids).size).toBe(ids.length);
    for (const { name, operation } of operations) {
      expect(operation.summary, name).toBeTruthy();
      expect(operation.tags, name).toHaveLength(1);
      expect(Object.keys(operation.responses)[0], name).toMatch(/^(?:101|20[0124])$/);
    }
  });

  it("says what an unreadable body is answered", async () => {
    const { body } = await call<Document>("GET", "/openapi.json");
    expect(Object.keys(body.paths["/v1/batches"]?.["post"]?.responses ?? {})).toEqual(
      expect.arrayContaining(["201", "400", "401", "402", "403", "413", "415", "422", "503"]),
    );
  });
});

describe("discovery", () => {
  it("says the same under both metadata names", async () => {
    const one = await call("GET", "/.well-known/oauth-authorization-server");
    const two = await call("GET", "/.well-known/openid-configuration");
    expect(one.body).toEqual(two.body);
    expect(one.body).toMatchObject({ issuer: "https://api.ringfare.test" });
  });

  it("publishes keys without their private part", async () => {
    const { body, text } = await call<{ keys: Record<string, unknown>[] }>("GET", "/.well-known/jwks.json");
    expect(body.keys[0]).toMatchObject({ kty: "EC", crv: "P-256", use: "sig", alg: "ES256", kid: "test1" });
    expect(text).not.toContain('"d"');
    const pem = await call("GET", "/.well-known/keys/test1.pem");
    expect(pem.text).toMatch(/^-----BEGIN PUBLIC KEY-----\n/);
    expect((await call("GET", "/.well-known/keys/other.pem")).status).toBe(404);
  });
});
