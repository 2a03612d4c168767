import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createFf1 } from "../../../src/domain/code/ff1.ts";
import { type CodeFormat, readCode } from "../../../src/domain/code/read.ts";
import { type CodeKey, MAX_NUMBERS, sealCode, unsealCode } from "../../../src/domain/code/seal.ts";

const FORMATS = ["base32", "keypad18"] as const;
const keyOf = (id: string, fill: number): CodeKey => ({ id, key: new Uint8Array(32).fill(fill) });
const OLD = keyOf("1", 7);
const NEW = keyOf("2", 9);

const numberUpTo = (max: number) => fc.oneof(fc.integer({ min: 1, max }), fc.constantFrom(1, 2, max - 1, max));
const serial = (format: CodeFormat) =>
  fc.record({ batch: numberUpTo(MAX_NUMBERS[format].batch), card: numberUpTo(MAX_NUMBERS[format].card) });

const read = (text: string) => {
  const result = readCode(text);
  if (!result.ok) throw new Error(result.error.detail);
  return result.value;
};
/** What a redemption would find: a text that does not read opens nothing. */
const openings = (text: string, keys: readonly CodeKey[]) => {
  const result = readCode(text);
  return result.ok ? unsealCode(result.value, keys) : [];
};

describe.each(FORMATS)("a sealed %s code", (format) => {
  it("opens to its serial", () => {
    fc.assert(
      fc.property(serial(format), fc.uint8Array({ minLength: 32, maxLength: 32 }), (ref, bytes) => {
        const key = { id: "12", key: bytes };
        const text = sealCode({ format, key, ...ref });
        expect(read(text).format).toBe(format);
        expect(unsealCode(read(text), [key])).toEqual([{ ...ref, keyId: "12" }]);
      }),
    );
  });

  it("still opens under an old key of the ring, whatever the order", () => {
    fc.assert(
      fc.property(serial(format), (ref) => {
        const code = read(sealCode({ format, key: OLD, ...ref }));
        expect(unsealCode(code, [NEW, OLD])).toContainEqual({ ...ref, keyId: "1" });
        expect(unsealCode(code, [OLD, NEW])).toContainEqual({ ...ref, keyId: "1" });
      }),
    );
  });

  it("belongs to one serial only", () => {
    const codes = new Set<string>();
    for (let batch = 1; batch <= 10; batch++) {
      for (let card = 1; card <= 1000; card++) codes.add(sealCode({ format, key: OLD, batch, card }));
    }
    expect(codes.size).toBe(10_000);
    fc.assert(
      fc.property(serial(format), serial(format), (a, b) => {
        const same = sealCode({ format, key: OLD, ...a }) === sealCode({ format, key: OLD, ...b });
        expect(same).toBe(a.batch === b.batch && a.card === b.card);
      }),
    );
  });

  it("does not open to itself after one wrong symbol or a swap of neighbours", () => {
    const alphabet = format === "base32" ? "0123456789ABCDEFGHJKMNPQRSTVWXYZ" : "0123456789";
    fc.assert(
      fc.property(serial(format), (ref) => {
        const text = sealCode({ format, key: OLD, ...ref }).replaceAll("-", "");
        const genuine = [{ ...ref, keyId: "1" }];
        for (let at = 0; at < text.length; at++) {
          for (const wrong of alphabet) {
            if (wrong === text[at]) continue;
            expect(openings(text.slice(0, at) + wrong + text.slice(at + 1), [OLD])).toEqual([]);
          }
          const pair = text.slice(at, at + 2);
          if (pair.length < 2 || pair[0] === pair[1]) continue;
          const swap = `${text.slice(0, at)}${pair[1]}${pair[0]}${text.slice(at + 2)}`;
          expect(openings(swap, [OLD])).not.toEqual(genuine);
        }
      }),
      { numRuns: 5 },
    );
  });

  it("depends on the key's bytes and on its id", () => {
    const serialOne = { format, batch: 1, card: 1 };
    const codes = [OLD, NEW, keyOf("2", 7), keyOf("02", 7)].map((key) => sealCode({ ...serialOne, key }));
    expect(new Set(codes).size).toBe(4);
  });

  it("does not open to batch 0 or card 0, though the zeros are right", () => {
    const [radix, part, length] = format === "base32" ? [32, 5, 15] : [10, 6, 17];
    const ff1 = createFf1({ radix, length, key: OLD.key, tweak: new TextEncoder().encode(OLD.id) });
    const zeros = Array.from({ length }, () => 0);
    const batchOne = zeros.with(part - 1, 1);
    const cardOne = zeros.with(2 * part - 1, 1);
    for (const plain of [zeros, batchOne, cardOne]) {
      expect(unsealCode({ format, symbols: ff1.encrypt(plain) }, [OLD])).toEqual([]);
    }
    const both = batchOne.with(2 * part - 1, 1);
    expect(unsealCode({ format, symbols: ff1.encrypt(both) }, [OLD])).toEqual([{ batch: 1, card: 1, keyId: "1" }]);
    for (let at = 2 * part; at < length; at++) {
      expect(unsealCode({ format, symbols: ff1.encrypt(both.with(at, 1)) }, [OLD])).toEqual([]);
    }
  });

  it("opens under no key of an empty ring", () => {
    expect(unsealCode(read(sealCode({ format, key: OLD, batch: 1, card: 1 })), [])).toEqual([]);
  });

  it("refuses numbers that do not fit", () => {
    const max = MAX_NUMBERS[format];
    const seal = (batch: number, card: number) => () => sealCode({ format, key: OLD, batch, card });
    expect(seal(max.batch, max.card)).not.toThrow();
    for (const bad of [0, -1, 1.5, Number.NaN]) {
      expect(seal(bad, 1)).toThrow();
      expect(seal(1, bad)).toThrow();
    }
    expect(seal(max.batch + 1, 1)).toThrow();
    expect(seal(1, max.card + 1)).toThrow();
  });
});

it("opens no made-up base32 code", () => {
  const symbols = fc.array(fc.nat(31), { minLength: 15, maxLength: 15 });
  fc.assert(
    fc.property(symbols, (made) => {
      expect(unsealCode({ format: "base32", symbols: made }, [NEW, OLD])).toEqual([]);
    }),
    // Fixed, because one code in 2^24 would open.
    { numRuns: 1000, seed: 1 },
  );
});

it("opens made-up keypad codes once in 100,000", () => {
  let opened = 0;
  for (let number = 0; number < 100_000; number++) {
    const digits = `0123456789${String(number).padStart(7, "0")}`;
    opened += unsealCode({ format: "keypad18", symbols: Array.from(digits, Number) }, [OLD]).length;
  }
  expect(opened).toBeLessThan(10);
});

// Made with noble's FF1.
it("never changes a code: printed cards must keep opening", () => {
  const key = { id: "1", key: Uint8Array.from({ length: 32 }, (_, index) => index) };
  expect(sealCode({ format: "base32", key, batch: 12, card: 345 })).toBe("5ZDD-FJG6-VRRS-1W2Y");
  expect(sealCode({ format: "keypad18", key, batch: 12, card: 345 })).toBe("574516-465047-597853");
});

it.each([
  ["short key", { id: "1", key: new Uint8Array(16) }],
  ["no id", { id: "", key: new Uint8Array(32) }],
  ["id with letters", { id: "1a", key: new Uint8Array(32) }],
  ["long id", { id: "12345678901", key: new Uint8Array(32) }],
])("refuses a ring with a %s", (_, key) => {
  expect(() => sealCode({ format: "base32", key, batch: 1, card: 1 })).toThrow();
});
