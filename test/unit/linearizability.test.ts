import { describe, expect, it } from "vitest";
import { linearize, type Call, type Sequential } from "../support/linearizability.ts";

/** A register: what is written is read until the next write. */
type Request = { write: number } | "read";
const register: Sequential<number, Request, number> = {
  start: 0,
  apply: (state, request) =>
    request === "read" ? { state, reply: state } : { state: request.write, reply: request.write },
  equal: (a, b) => a === b,
  key: String,
};
const call = (startedAt: number, endedAt: number, request: Request, reply?: number): Call<Request, number> => ({
  request,
  startedAt,
  endedAt,
  reply,
});

describe("a history of overlapping calls", () => {
  it("is explained by an order that respects real time", () => {
    expect(linearize([call(0, 9, { write: 1 }, 1), call(1, 2, "read", 0), call(3, 4, "read", 1)], register)).toEqual([
      1, 0, 2,
    ]);
  });

  it("is not explained when a later read sees less than an earlier one", () => {
    expect(linearize([call(0, 9, { write: 1 }, 1), call(1, 2, "read", 1), call(3, 4, "read", 0)], register)).toBeNull();
  });

  it("is not explained when what ended before is not seen", () => {
    expect(linearize([call(0, 1, { write: 1 }, 1), call(2, 3, "read", 0)], register)).toBeNull();
  });

  it("may or may not contain the effect of a call without a reply", () => {
    const lost = call(0, Infinity, { write: 1 });
    expect(linearize([lost, call(1, 2, "read", 0), call(3, 4, "read", 1)], register)).toEqual([1, 0, 2]);
    expect(linearize([lost, call(1, 2, "read", 0), call(3, 4, "read", 0)], register)).not.toBeNull();
    expect(linearize([lost, call(1, 2, "read", 1), call(3, 4, "read", 0)], register)).toBeNull();
  });
});
