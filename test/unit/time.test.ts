import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  addDays,
  DAY_MS,
  endOfDayMs,
  isCalendarDate,
  isTimeZone,
  localDate,
  parseRfc3339,
  toRfc3339,
} from "../../src/domain/time.ts";

const ZONES = [
  "UTC",
  "Europe/Berlin",
  "America/New_York",
  "America/Havana",
  "America/Santiago",
  "America/Sao_Paulo",
  "Africa/Cairo",
  "Africa/Casablanca",
  "Asia/Beirut",
  "Asia/Kathmandu",
  "Asia/Gaza",
  "Australia/Lord_Howe",
  "Pacific/Chatham",
  "Pacific/Kiritimati",
  "Pacific/Pago_Pago",
];

const FROM_MS = Date.parse("2000-01-01T00:00:00Z");
const instant = fc.integer({ min: FROM_MS, max: Date.parse("2060-12-31T00:00:00Z") });
const date = instant.map((ms) => new Date(ms).toISOString().slice(0, 10));

describe("the end of a day", () => {
  // America/St_Johns until 2011 went back over midnight, so that a day came twice; no zone does today.
  it("is its last millisecond, on every day of every zone", () => {
    fc.assert(
      fc.property(date, fc.constantFrom(...ZONES), (day, zone) => {
        const end = endOfDayMs(day, zone);
        expect(localDate(end, zone)).toBe(day);
        expect(localDate(end + 1, zone)).toBe(addDays(day, 1));
      }),
      { numRuns: 1500 },
    );
  });

  it("is never before a moment of that day", () => {
    fc.assert(
      fc.property(instant, fc.constantFrom(...ZONES), (ms, zone) => {
        expect(endOfDayMs(localDate(ms, zone), zone)).toBeGreaterThanOrEqual(ms);
      }),
      { numRuns: 1500 },
    );
  });

  it.each([
    ["an ordinary day", "2026-06-15", "Europe/Berlin", "2026-06-15T21:59:59.999Z"],
    ["the day before clocks go forward", "2026-03-28", "Europe/Berlin", "2026-03-28T22:59:59.999Z"],
    ["the day they go forward", "2026-03-29", "Europe/Berlin", "2026-03-29T21:59:59.999Z"],
    ["the day they go back", "2026-10-25", "Europe/Berlin", "2026-10-25T22:59:59.999Z"],
    ["a midnight skipped west of Greenwich", "2018-11-03", "America/Sao_Paulo", "2018-11-04T02:59:59.999Z"],
    ["a midnight come twice", "2018-02-17", "America/Sao_Paulo", "2018-02-18T02:59:59.999Z"],
    ["a midnight skipped in Cuba", "2026-03-07", "America/Havana", "2026-03-08T04:59:59.999Z"],
    ["a midnight skipped in Egypt", "2026-04-23", "Africa/Cairo", "2026-04-23T21:59:59.999Z"],
    ["a midnight come twice in Egypt", "2026-10-29", "Africa/Cairo", "2026-10-29T21:59:59.999Z"],
    ["the day before Samoa had none", "2011-12-29", "Pacific/Apia", "2011-12-30T09:59:59.999Z"],
    ["the day Samoa did not have", "2011-12-30", "Pacific/Apia", "2011-12-30T09:59:59.999Z"],
    ["the day after", "2011-12-31", "Pacific/Apia", "2011-12-31T09:59:59.999Z"],
    ["a leap day", "2028-02-29", "America/New_York", "2028-03-01T04:59:59.999Z"],
    ["half an hour of summer time", "2026-04-04", "Australia/Lord_Howe", "2026-04-04T12:59:59.999Z"],
  ])("%s: %s in %s", (_, day, zone, end) => {
    expect(new Date(endOfDayMs(day, zone)).toISOString()).toBe(end);
  });

  it("is asked only of dates", () => {
    expect(() => endOfDayMs("2026-02-30", "UTC")).toThrow(/calendar date/);
  });
});

describe("dates", () => {
  it("count on over months, leap days and years", () => {
    expect(addDays("2028-02-28", 1)).toBe("2028-02-29");
    expect(addDays("2027-02-28", 1)).toBe("2027-03-01");
    expect(addDays("2028-02-29", 365)).toBe("2029-02-28");
    expect(addDays("2026-12-31", 1)).toBe("2027-01-01");
    fc.assert(
      fc.property(date, fc.nat(36_500), (day, days) => {
        expect(Date.parse(addDays(day, days)) - Date.parse(day)).toBe(days * DAY_MS);
      }),
    );
  });

  it.each(["2026-02-29", "2026-13-01", "2026-00-10", "2026-01-32", "2026-1-1", "2026-01-01T00:00:00Z", "", "20260101"])(
    "%j is none",
    (text) => {
      expect(isCalendarDate(text)).toBe(false);
    },
  );

  it.each(["2028-02-29", "2000-02-29", "2026-12-31"])("%s is one", (text) => {
    expect(isCalendarDate(text)).toBe(true);
  });
});

describe("zones", () => {
  it("are those the platform knows, and no offsets or paths", () => {
    for (const zone of ZONES) expect(isTimeZone(zone), zone).toBe(true);
    for (const text of ["", "Europe/Atlantis", "+02:00", "../etc/passwd", "Europe/Berlin\n", "Ｅurope/Berlin"])
      expect(isTimeZone(text), text).toBe(false);
  });
});

describe("RFC 3339", () => {
  it("comes back from its text to the second", () => {
    fc.assert(
      fc.property(instant, (ms) => {
        expect(parseRfc3339(toRfc3339(ms))).toBe(ms - (ms % 1000));
      }),
    );
  });

  it("reads offsets and fractions", () => {
    expect(parseRfc3339("2026-11-23T23:59:59+02:00")).toBe(Date.parse("2026-11-23T21:59:59Z"));
    expect(parseRfc3339("2026-11-23T23:59:59.25-03:30")).toBe(Date.parse("2026-11-24T03:29:59.250Z"));
    expect(parseRfc3339("2028-02-29T00:00:00Z")).toBe(Date.parse("2028-02-29T00:00:00Z"));
  });

  it("answers nothing it could not write back with four digits of year", () => {
    fc.assert(
      fc.property(fc.integer({ min: -23, max: 23 }), fc.constantFrom("0000-01-01", "9999-12-31"), (hours, day) => {
        const sign = hours < 0 ? "-" : "+";
        const text = `${day}T12:30:00${sign}${String(Math.abs(hours)).padStart(2, "0")}:00`;
        const ms = parseRfc3339(text);
        if (ms !== undefined) expect(toRfc3339(ms)).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
        else expect(Math.abs(hours)).toBeGreaterThanOrEqual(11);
      }),
    );
  });

  it.each([
    "2026-11-23",
    "2026-11-23T23:59Z",
    "2026-11-23T23:59:59",
    "2026-11-23 23:59:59Z",
    "2026-11-23t23:59:59z",
    "2026-11-23T24:00:00Z",
    "2026-11-23T25:00:00Z",
    "2026-11-23T23:60:00Z",
    "2026-11-23T23:59:61Z",
    "2026-11-23T23:59:59+24:00",
    "2026-11-23T23:59:59+0200",
    "2026-11-23T23:59:59.Z",
    "2026-11-23T23:59:59.1234567890Z",
    "2026-02-29T00:00:00Z",
    "2026-02-30T00:00:00Z",
    "+002026-11-23T23:59:59Z",
    "9999-12-31T23:59:59-12:00",
    " 2026-11-23T23:59:59Z",
    "2026-11-23T23:59:59Z\n",
    "1795478399",
    "",
  ])("does not read %j", (text) => {
    expect(parseRfc3339(text)).toBeUndefined();
  });
});
