/** The hint table is what the latency figures say, and the arithmetic behind it is right. */
import { readFileSync } from "node:fs";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { locationHintFor } from "../../src/domain/location-hint.ts";
import { hintModule } from "../bench/hint-module.ts";
import { loadReadings, type Place, type Reading } from "../bench/latency-data.ts";
import { chosenHints, defaultMs, hintCase, hintWins, isWin, nearestHint, percentile } from "../bench/world-model.ts";

const FAR_MS = { wnam: 400, enam: 400, sam: 400, weur: 400, eeur: 400, apac: 400, oc: 400, afr: 400, me: 400 };

const place = (colo: string, unhintedMs: number, apacMs: number): Place => ({
  colo,
  hosts: [{ colo: "NRT", share: 1, latencyMs: unhintedMs }],
  regionsMs: { ...FAR_MS, apac: apacMs },
});

const reading = (...places: Place[]): Reading => ({
  source: "test",
  places: new Map(places.map((each) => [each.colo, each])),
});

describe("the generated table", () => {
  const readings = loadReadings();

  it("is the text the data generates", () => {
    const text = readFileSync(new URL("../../src/domain/location-hint.ts", import.meta.url), "utf8");
    expect(text, "run: node test/bench/world.ts --write-hints").toBe(hintModule(chosenHints(readings)));
  });

  it("answers for every measured location as the data decides", () => {
    const chosen = chosenHints(readings);
    for (const colo of readings.first.places.keys()) expect(locationHintFor(colo), colo).toBe(chosen.get(colo));
  });

  it("lists the four locations where the readings favour a hint", () => {
    const hinted = [...readings.first.places.keys()].filter((colo) => locationHintFor(colo) !== undefined);
    expect(hinted.toSorted()).toEqual(["CRK", "DEL", "JOG", "KHH"]);
  });

  it("leaves unknown locations, and names every object has, to default placement", () => {
    for (const colo of ["", "XXX", "sin", "constructor", "__proto__"]) expect(locationHintFor(colo)).toBeUndefined();
  });
});

describe("the data", () => {
  const { first, second } = loadReadings();

  it("covers 276 locations, and reads again every one that a hint seems to help", () => {
    expect(first.places.size).toBe(276);
    for (const { colo } of hintWins(first)) expect(second.places.has(colo), colo).toBe(true);
  });

  it("keeps the figures of the source", () => {
    const kaohsiung = first.places.get("KHH");
    expect(kaohsiung && defaultMs(kaohsiung)).toBeCloseTo(0.4 * 130.3 + 0.3 * 64.3 + 0.3 * 117, 6);
    expect(kaohsiung && nearestHint(kaohsiung)).toBe("apac");
    expect(kaohsiung?.regionsMs).toMatchObject({ apac: 73.9, wnam: 487.9, weur: 782 });
  });
});

describe("the rule for a hint", () => {
  it("wants 20 ms and 20 %", () => {
    expect(isWin(hintCase(place("AAA", 100, 80), "apac"))).toBe(true);
    expect(isWin(hintCase(place("AAA", 99, 80), "apac"))).toBe(false);
    expect(isWin(hintCase(place("AAA", 200, 161), "apac"))).toBe(false);
  });

  it("wants a win in the first reading that the second one does not contradict", () => {
    const first = reading(place("CCC", 150, 50), place("AAA", 150, 50), place("BBB", 150, 50), place("DDD", 60, 59));
    const second = reading(place("AAA", 60, 60), place("BBB", 60, 60.1), place("DDD", 150, 50));
    expect(hintWins(first).map((win) => win.colo)).toEqual(["CCC", "AAA", "BBB"]);
    expect([...chosenHints({ first, second })]).toEqual([
      ["AAA", "apac"],
      ["CCC", "apac"],
    ]);
  });

  it("generates a row for each chosen location", () => {
    expect(hintModule(new Map([["AAA", "apac"]]))).toContain('= {\n  AAA: "apac",\n};');
  });
});

describe("default placement", () => {
  it("weighs each host by how often an object lands there", () => {
    const hosts = [
      { colo: "NRT", share: 0.75, latencyMs: 40 },
      { colo: "SIN", share: 0.25, latencyMs: 80 },
    ];
    expect(defaultMs({ colo: "AAA", hosts, regionsMs: FAR_MS })).toBe(50);
  });
});

describe("percentile, nearest rank", () => {
  it("agrees with values worked out by hand", () => {
    expect([0.05, 0.3, 0.4, 0.5, 1].map((p) => percentile([35, 50, 15, 40, 20], p))).toEqual([15, 20, 20, 35, 50]);
  });

  it("is not moved a rank by floating point", () => {
    const hundred = Array.from({ length: 100 }, (_, index) => index + 1);
    for (const rank of hundred) expect(percentile(hundred, rank / 100)).toBe(rank);
  });

  it("is the least value that enough values do not exceed", () => {
    const values = fc.array(fc.integer({ min: 0, max: 2000 }), { minLength: 1, maxLength: 400 });
    fc.assert(
      fc.property(values, fc.integer({ min: 1, max: 100 }), (all, percent) => {
        const found = percentile(all, percent / 100);
        const notAbove = all.filter((value) => value <= found).length;
        const below = all.filter((value) => value < found).length;
        expect(all).toContain(found);
        expect(notAbove * 100).toBeGreaterThanOrEqual(percent * all.length);
        expect(below * 100).toBeLessThan(percent * all.length);
      }),
    );
  });

  it("refuses what has no answer", () => {
    expect(() => percentile([], 0.5)).toThrow(RangeError);
    for (const p of [0, -1, 1.1, Number.NaN]) expect(() => percentile([1], p)).toThrow(RangeError);
  });
});
