import { describe, expect, it } from "vitest";
import { call } from "../support/api.ts";

type Document = { openapi: string; paths: Record<string, Record<string, { responses: Record<string, unknown> }>> };

describe("the OpenAPI document", () => {
  it("is served and documents the way in", async () => {
    const answer = await call<Document>("GET", "/openapi.json");
    expect(answer.status).toBe(200);
    expect(answer.body.openapi).toBe("3.1.0");
    expect(Object.keys(answer.body.paths)).toContain("/v1/redeem");
    expect(Object.keys(answer.body.paths["/v1/redeem"] ?? {})).toEqual(["post"]);
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
