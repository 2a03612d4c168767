import { beforeEach, describe, expect, it } from "vitest";
import { createFailureBudget, type FailureBudget } from "../../src/services/failure-budget.ts";

let nowMs: number;
let asked: string[];
let limiter: () => Promise<boolean>;
let budget: FailureBudget;
beforeEach(() => {
  nowMs = 1_000_000;
  asked = [];
  limiter = async () => true;
  budget = createFailureBudget({
    now: () => nowMs,
    ask: (source) => {
      asked.push(source);
      return limiter();
    },
  });
});

/** What each of so many failures in a row was answered. */
async function fail(times: number, source = "192.0.2.1"): Promise<number[]> {
  const waits = [];
  for (let index = 0; index < times; index++) waits.push(await budget.fail(source));
  return waits;
}
const zeros = (count: number): number[] => Array.from({ length: count }, () => 0);

describe("the budget of failures", () => {
  it("is sixty a minute; the sixty-first waits for the end of the minute", async () => {
    expect(await fail(60)).toEqual(zeros(60));
    expect(budget.waitSeconds("192.0.2.1")).toBe(0);
    expect(await fail(2)).toEqual([60, 60]);
    expect(budget.waitSeconds("192.0.2.1")).toBe(60);
  });

  it("tells the seconds that are left, rounded up, and never none", async () => {
    await fail(61);
    for (const [afterMs, seconds] of [
      [1, 60],
      [1000, 59],
      [30_500, 30],
      [59_000, 1],
      [59_999, 1],
    ] as const) {
      nowMs = 1_000_000 + afterMs;
      expect(budget.waitSeconds("192.0.2.1"), `after ${afterMs} ms`).toBe(seconds);
    }
  });

  it("starts anew when the minute is over, counted from its first failure", async () => {
    await fail(30);
    nowMs += 59_999;
    expect(await fail(31)).toEqual([...zeros(30), 1]);
    nowMs += 1;
    expect(budget.waitSeconds("192.0.2.1")).toBe(0);
    expect(await fail(61)).toEqual([...zeros(60), 60]);
  });

  it("is each source's own", async () => {
    await fail(61, "2001:db8:0:0::/64");
    expect(budget.waitSeconds("2001:db8:0:1::/64")).toBe(0);
    expect(await fail(1, "2001:db8:0:1::/64")).toEqual([0]);
    expect(budget.waitSeconds("2001:db8:0:0::/64")).toBe(60);
  });

  it("is not used up by asking", () => {
    for (let index = 0; index < 1000; index++) expect(budget.waitSeconds("192.0.2.1")).toBe(0);
    expect(asked).toEqual([]);
  });
});

describe("the location's limiter", () => {
  it("hears of every tenth failure", async () => {
    await fail(9);
    expect(asked).toEqual([]);
    await fail(1);
    expect(asked).toEqual(["192.0.2.1"]);
    await fail(50);
    expect(asked).toHaveLength(6);
    await fail(20);
    expect(asked, "nothing more to learn once over").toHaveLength(6);
  });

  it("ends the budget early, until the minute is over", async () => {
    limiter = async () => false;
    expect(await fail(11)).toEqual([...zeros(9), 60, 60]);
    expect(budget.waitSeconds("192.0.2.1")).toBe(60);
    nowMs += 60_000;
    expect(budget.waitSeconds("192.0.2.1")).toBe(0);
    expect(await fail(1)).toEqual([0]);
  });

  it("leaves this isolate's own count in force when it fails", async () => {
    limiter = () => Promise.reject(new Error("down"));
    expect(await fail(61)).toEqual([...zeros(60), 60]);
  });
});

describe("memory", () => {
  it("is bounded: after ten thousand sources counting starts anew", async () => {
    await fail(61, "first");
    for (let index = 1; index < 10_000; index++) await budget.fail(`source ${index}`);
    expect(budget.waitSeconds("first")).toBe(60);
    await budget.fail("one too many");
    expect(budget.waitSeconds("first")).toBe(0);
  });
});
