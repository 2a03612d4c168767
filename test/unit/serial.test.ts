import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  formatSerial,
  formatSipUser,
  MAX_BATCH_NUMBER,
  MAX_CARD_NUMBER,
  MAX_DEVICE_NUMBER,
  parseSerial,
  parseSipUser,
} from "../../src/domain/serial.ts";

const ref = fc.record({
  batch: fc.integer({ min: 1, max: MAX_BATCH_NUMBER }),
  card: fc.integer({ min: 1, max: MAX_CARD_NUMBER }),
});

describe("serials", () => {
  it("come back from their text", () => {
    fc.assert(
      fc.property(ref, (card) => {
        expect(parseSerial(formatSerial(card))).toEqual(card);
      }),
    );
  });

  it("have one spelling: whatever is read is written the same", () => {
    const text = fc
      .tuple(fc.stringMatching(/^\d{5,9}$/), fc.stringMatching(/^\d{6,9}$/))
      .map((parts) => parts.join("-"));
    fc.assert(
      fc.property(text, (serial) => {
        const read = parseSerial(serial);
        if (read) expect(formatSerial(read)).toBe(serial);
      }),
      { numRuns: 1000 },
    );
  });

  it("are padded to six and seven digits, and longer where they must", () => {
    expect(formatSerial({ batch: 12, card: 345 })).toBe("000012-0000345");
    expect(formatSerial({ batch: MAX_BATCH_NUMBER, card: MAX_CARD_NUMBER })).toBe("33554431-33554431");
    expect(parseSerial("1000000-10000000")).toEqual({ batch: 1_000_000, card: 10_000_000 });
  });

  it.each([
    "12-345",
    "00012-0000345",
    "0000012-0000345",
    "000012-00000345",
    "000000-0000001",
    "000001-0000000",
    "33554432-0000001",
    "000001-33554432",
    "000012-0000345.1",
    "000012_0000345",
    "000012 0000345",
    " 000012-0000345",
    "000012-0000345\n",
    "000012-0000345\0",
    "０００012-0000345",
    "000012-0000345'--",
    "-00012-0000345",
    "1e3456-0000345",
    "",
  ])("are not read from %j", (text) => {
    expect(parseSerial(text)).toBeUndefined();
  });
});

describe("SIP users", () => {
  it("come back from their text", () => {
    fc.assert(
      fc.property(ref, fc.integer({ min: 1, max: MAX_DEVICE_NUMBER }), (card, device) => {
        const serial = formatSerial(card);
        expect(parseSipUser(formatSipUser(serial, device))).toEqual({ serial, device });
      }),
    );
  });

  it.each([
    "000012-0000345",
    "000012-0000345.",
    "000012-0000345.0",
    "000012-0000345.01",
    "000012-0000345.65536",
    "000012-0000345.99999",
    "000012-0000345.1.1",
    "000012-0000345.-1",
    "000012-0000345.1@sip.example",
    "sip:000012-0000345.1",
    "12-345.1",
    "000012-0000345.1\n",
    ".1",
    "",
  ])("are not read from %j", (text) => {
    expect(parseSipUser(text)).toBeUndefined();
  });
});
