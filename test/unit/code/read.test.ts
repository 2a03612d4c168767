import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  checkSymbol,
  checkSymbol32,
  CODE_ALPHABET,
  type CodeFormat,
  dammDigit,
  formatCode,
  readCode,
} from "../../../src/domain/code/read.ts";

const SECRETS: Record<CodeFormat, { length: number; max: number }> = {
  base32: { length: 15, max: 31 },
  keypad18: { length: 17, max: 9 },
};
const FORMATS = ["base32", "keypad18"] as const;

const secret = (format: CodeFormat) => {
  const { length, max } = SECRETS[format];
  return fc.array(fc.integer({ min: 0, max }), { minLength: length, maxLength: length });
};
const withCheck = (format: CodeFormat, symbols: number[]) => [...symbols, checkSymbol(format, symbols)];
const swapped = (symbols: readonly number[], at: number) => {
  const copy = [...symbols];
  [copy[at], copy[at + 1]] = [symbols[at + 1] ?? 0, symbols[at] ?? 0];
  return copy;
};

const SYMBOLS = [7, 3, 19, 16, 25, 10, 31, 0, 1, 9, 4, 30, 12, 21, 18];
const CODE = formatCode("base32", withCheck("base32", SYMBOLS));
const DIGITS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2, 3, 4, 5, 6, 7];
const KEYPAD = formatCode("keypad18", withCheck("keypad18", DIGITS));

const refusal = (text: string) => {
  const result = readCode(text);
  return result.ok ? undefined : result.error;
};
const positionsOf = (text: string) => {
  const error = refusal(text);
  return error?.code === "code_malformed" ? error.positions : undefined;
};

describe("printed form", () => {
  it("groups by four, and digits by six", () => {
    expect(CODE).toMatch(/^[0-9A-Z]{4}(-[0-9A-Z]{4}){3}$/);
    expect(KEYPAD).toMatch(/^123456-789012-34567\d$/);
  });

  it.each(FORMATS)("of %s reads back as printed", (format) => {
    fc.assert(
      fc.property(secret(format), (symbols) => {
        const text = formatCode(format, withCheck(format, symbols));
        expect(readCode(text)).toEqual({ ok: true, value: { format, symbols } });
      }),
    );
  });
});

describe("tolerant reading", () => {
  const value = { format: "base32", symbols: SYMBOLS };

  it.each([
    ["lower case", CODE.toLowerCase()],
    ["no hyphens", CODE.replaceAll("-", "")],
    ["spaces", ` ${CODE.replaceAll("-", "  ")} `],
    ["a hyphen after every symbol", Array.from(CODE).join("-")],
    ["O for 0, I for 1", CODE.replaceAll("0", "O").replaceAll("1", "I")],
    ["o for 0, i for 1", CODE.replaceAll("0", "o").replaceAll("1", "i")],
    ["L for 1", CODE.replaceAll("1", "L")],
    ["l for 1", CODE.replaceAll("1", "l")],
  ])("takes %s", (_, text) => {
    expect(CODE).toContain("0");
    expect(CODE).toContain("1");
    expect(readCode(text)).toEqual({ ok: true, value });
  });

  it("takes O, I and L in a keypad code", () => {
    const text = KEYPAD.replace("0", "o").replace("1", "I").replace("1", "L");
    expect(readCode(text)).toEqual({ ok: true, value: { format: "keypad18", symbols: DIGITS } });
  });
});

describe("malformed codes", () => {
  it.each([
    ["U", "U"],
    ["u", "u"],
    ["a fullwidth digit", "\uFF17"],
    ["a fullwidth letter", "\uFF21"],
    ["an Arabic digit", "\u0667"],
    ["an extended Arabic digit", "\u06F7"],
    ["a Devanagari digit", "\u096D"],
    ["NUL", "\u0000"],
    ["tab", "\t"],
    ["line feed", "\n"],
    ["no-break space", "\u00A0"],
    ["a zero-width space", "\u200B"],
    ["an en dash", "\u2013"],
    ["a soft hyphen", "\u00AD"],
    ["dotless i", "\u0131"],
    ["dotted I", "\u0130"],
    ["long s", "\u017F"],
    ["the Kelvin sign", "\u212A"],
    ["Cyrillic A", "\u0410"],
    ["a lone high surrogate", "\uD83D"],
    ["a lone low surrogate", "\uDE00"],
    ["an emoji", "\u{1F600}"],
    ["a quote", "'"],
    ["a semicolon", ";"],
    ["a percent sign", "%"],
    ["an underscore", "_"],
    ["a star", "*"],
    ["a dot", "."],
    ["a backslash", "\\"],
    ["a bracket", "["],
  ])("gives the position of %s", (_, character) => {
    expect(positionsOf(`${CODE.slice(0, 6)}${character}${CODE.slice(7)}`)).toEqual([6]);
    expect(positionsOf(character)).toEqual([0]);
  });

  it("gives every position, in UTF-16 units of the text as sent", () => {
    expect(positionsOf("7K-\u{1F600}U!")).toEqual([3, 5, 6]);
    expect(positionsOf("' OR 1=1 --")).toEqual([0, 6]);
  });

  it("knows exactly its alphabet, O, I, L, space and hyphen among all of ASCII", () => {
    const known = new Set(`${CODE_ALPHABET}${CODE_ALPHABET.toLowerCase()}OoIiLl -`);
    for (let unit = 0; unit < 0x100; unit++) {
      const character = String.fromCharCode(unit);
      expect(positionsOf(character), `U+${unit.toString(16)}`).toEqual(known.has(character) ? [] : [0]);
    }
  });

  it("gives the letters of a code of 18 symbols", () => {
    expect(positionsOf("12345A-789012-34567z")).toEqual([5, 19]);
  });

  it.each([
    ["", 0],
    [" - ", 0],
    [CODE.slice(0, -1), 15],
    [`${CODE}7`, 17],
    [KEYPAD.slice(0, -1), 17],
    [`${KEYPAD}7`, 19],
    ["0".repeat(128), 128],
  ])("says how many symbols %j has", (text, count) => {
    expect(refusal(text)).toEqual({
      code: "code_malformed",
      positions: [],
      detail: `The code has ${count} symbols; 16 symbols, or 18 digits, are needed.`,
    });
  });

  it("does not look at a text that is too long", () => {
    const error = refusal("\u{1F600}".repeat(1_000_000));
    expect(error).toMatchObject({ code: "code_malformed", positions: [] });
    expect(error?.detail).toContain("128");
    expect(readCode(CODE + " ".repeat(128 - CODE.length)).ok).toBe(true);
    expect(readCode(CODE + " ".repeat(129 - CODE.length)).ok).toBe(false);
  });

  it("answers every text, and never repeats it", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", minLength: 6, maxLength: 140 }), (text) => {
        const result = readCode(text);
        if (!result.ok) expect(result.error.detail).not.toContain(text);
      }),
    );
  });
});

describe("check symbols", () => {
  it("agrees with known values", () => {
    expect(dammDigit([5, 7, 2])).toBe(4);
    expect(checkSymbol32([])).toBe(0);
    expect(checkSymbol32([1])).toBe(30);
    expect(checkSymbol32([31])).toBe(1);
    expect(checkSymbol32([16, 16])).toBe(15);
  });

  it.each(FORMATS)("of %s finds every wrong symbol", (format) => {
    const { max } = SECRETS[format];
    fc.assert(
      fc.property(secret(format), (symbols) => {
        const all = withCheck(format, symbols);
        for (let at = 0; at < all.length; at++) {
          for (let wrong = 0; wrong <= max; wrong++) {
            if (wrong === all[at]) continue;
            const error = refusal(formatCode(format, all.with(at, wrong)));
            expect(error?.code).toBe("check_failed");
          }
        }
      }),
      { numRuns: 5 },
    );
  });

  it.each(FORMATS)("of %s finds every swap of neighbours, but for 0 and Z", (format) => {
    const { max, length } = SECRETS[format];
    fc.assert(
      fc.property(secret(format), fc.nat(length - 2), fc.nat(max), fc.nat(max), (symbols, at, left, right) => {
        fc.pre(left !== right);
        const all = withCheck(format, symbols.with(at, left).with(at + 1, right));
        const missed = format === "base32" && left + right === 31 && left * right === 0;
        expect(readCode(formatCode(format, swapped(all, at))).ok).toBe(missed);
        const last = all.length - 2;
        const [a, b] = [all[last] ?? 0, all[last + 1] ?? 0];
        const invisible = a === b || (format === "base32" && a + b === 31 && a * b === 0);
        expect(readCode(formatCode(format, swapped(all, last))).ok).toBe(invisible);
      }),
      { numRuns: 2000 },
    );
  });

  it("misses no pair of values at either parity", () => {
    for (const length of [15, 16]) {
      for (let left = 0; left < 32; left++) {
        for (let right = 0; right < left; right++) {
          const values = Array.from({ length }, () => 5)
            .with(3, left)
            .with(4, right);
          const found = checkSymbol32(values) !== checkSymbol32(swapped(values, 3));
          expect(found, `${left} and ${right}`).toBe(!(left === 31 && right === 0));
        }
      }
    }
  });
});
