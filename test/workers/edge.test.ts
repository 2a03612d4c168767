import { describe, expect, it } from "vitest";
import { call } from "../support/api.ts";

describe("the edge", () => {
  it("answers unknown paths with a problem", async () => {
    const answer = await call("GET", "/nothing/here");
    expect(answer.status).toBe(404);
    expect(answer.headers.get("Content-Type")).toBe("application/problem+json");
    expect(answer.body).toMatchObject({ code: "not_found", status: 404 });
    expect(answer.headers.get("X-Request-Id")).toMatch(/^[0-9a-f-]{36}$/);
  });
});
