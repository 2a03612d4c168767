import { FF1 } from "@noble/ciphers/ff1.js";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createFf1 } from "../../../src/domain/code/ff1.ts";

const KEY_128 = "2B7E151628AED2A6ABF7158809CF4F3C";
const KEY_192 = `${KEY_128}EF4359D8D580AA4F`;
const KEY_256 = `${KEY_192}7F036D6F04FC6A94`;
const TWEAK_10 = "39383736353433323130";
const TWEAK_11 = "3737373770717273373737";

const numerals = (text: string) => Array.from(text, (character) => Number.parseInt(character, 36));
const bytes = (hex: string) => new Uint8Array(Buffer.from(hex, "hex"));

describe("FF1", () => {
  // NIST's samples 1 to 9 for SP 800-38G.
  it.each([
    [1, KEY_128, 10, "", "0123456789", "2433477484"],
    [2, KEY_128, 10, TWEAK_10, "0123456789", "6124200773"],
    [3, KEY_128, 36, TWEAK_11, "0123456789abcdefghi", "a9tv40mll9kdu509eum"],
    [4, KEY_192, 10, "", "0123456789", "2830668132"],
    [5, KEY_192, 10, TWEAK_10, "0123456789", "2496655549"],
    [6, KEY_192, 36, TWEAK_11, "0123456789abcdefghi", "xbj3kv35jrawxv32ysr"],
    [7, KEY_256, 10, "", "0123456789", "6657667009"],
    [8, KEY_256, 10, TWEAK_10, "0123456789", "1001623463"],
    [9, KEY_256, 36, TWEAK_11, "0123456789abcdefghi", "xs8a0azh2avyalyzuwd"],
  ])("agrees with NIST sample %i", (_, keyHex, radix, tweakHex, plain, sealed) => {
    const key = bytes(keyHex);
    const tweak = bytes(tweakHex);
    const length = plain.length;
    for (const ff1 of [FF1(radix, key, tweak), createFf1({ radix, length, key, tweak })]) {
      expect(ff1.encrypt(numerals(plain))).toEqual(numerals(sealed));
      expect(ff1.decrypt(numerals(sealed))).toEqual(numerals(plain));
    }
  });

  // Radix and length of both code formats, and others that take the other paths of the arithmetic.
  it.each([
    [32, 15],
    [10, 17],
    [32, 20],
    [36, 19],
    [10, 26],
    [10, 29],
    [2, 21],
    [65_535, 6],
  ])("of radix %i and length %i agrees with noble's", (radix, length) => {
    const numeral = fc.oneof(fc.nat(radix - 1), fc.constantFrom(0, radix - 1));
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 32, maxLength: 32 }),
        fc.uint8Array({ maxLength: 40 }),
        fc.array(numeral, { minLength: length, maxLength: length }),
        (key, tweak, plain) => {
          const ours = createFf1({ radix, length, key, tweak });
          const sealed = FF1(radix, key, tweak).encrypt([...plain]);
          expect(ours.encrypt(plain)).toEqual(sealed);
          expect(ours.decrypt(sealed)).toEqual(plain);
        },
      ),
      { numRuns: 200 },
    );
  });

  it("refuses what it was not made for", () => {
    const key = bytes(KEY_256);
    const tweak = bytes("31");
    const ff1 = createFf1({ radix: 32, length: 15, key, tweak });
    expect(() => ff1.encrypt(Array.from({ length: 14 }, () => 0))).toThrow();
    expect(() => ff1.decrypt(Array.from({ length: 15 }, () => 32))).toThrow();
    expect(() => ff1.decrypt(Array.from({ length: 15 }, () => Number.NaN))).toThrow();
    expect(() => createFf1({ radix: 1, length: 40, key, tweak })).toThrow();
    expect(() => createFf1({ radix: 10, length: 5, key, tweak })).toThrow();
    expect(() => createFf1({ radix: 36, length: 22, key, tweak })).toThrow();
    expect(() => createFf1({ radix: 32, length: 15, key: key.subarray(1), tweak })).toThrow();
  });
});
