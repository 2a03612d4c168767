import { createExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import { createApp } from "../../src/app.ts";
import { call } from "../support/api.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

describe("the edge", () => {
  it("answers unknown paths with a problem", async () => {
    const answer = await call("GET", "/nothing/here");
    expect(answer.status).toBe(404);
    expect(answer.headers.get("Content-Type")).toBe("application/problem+json");
    expect(answer.body).toMatchObject({ code: "not_found", status: 404 });
    expect(answer.headers.get("X-Request-Id")).toMatch(/^[0-9a-f-]{36}$/);
  });

  it("takes a body that breaks off for the sender's fault, and logs nothing", async () => {
    const log = vi.spyOn(console, "error").mockImplementation(() => {});
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(new TextEncoder().encode('{"code":'));
        controller.error(new Error("gone"));
      },
    });
    const headers = { "Content-Type": "application/json" };
    // Not through the runtime's own fetch: it ends such a body instead of passing the failure on.
    const request = new Request(new URL("/v1/redeem", env.PUBLIC_ORIGIN), { method: "POST", headers, body });
    const answer = await createApp().fetch(request, env, createExecutionContext());
    expect([answer.status, await answer.json()]).toMatchObject([400, { code: "bad_request" }]);
    expect(log).not.toHaveBeenCalled();
  });
});
