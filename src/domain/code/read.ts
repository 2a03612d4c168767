/**
 * Reading and writing the printed form of a card code: alphabet, check symbols, tolerant reading.
 * Runs on the phone's page too, so it knows no key and no cipher and must import neither.
 * A code that reads well is only well formed; whether it was ever issued is the seal's to say (`seal.ts`).
 * Details never repeat the text: a code exists in clear only in the holder's hands.
 */
import { err, ok, type Result } from "../result.ts";

export type CodeFormat = "base32" | "keypad18";

/** Secret symbols only, check symbol verified and stripped: 15 values 0…31, or 17 digits. */
export type CodeText = { readonly format: CodeFormat; readonly symbols: readonly number[] };

/** `positions`: 0-based UTF-16 positions in the text as sent; empty when only the length is wrong. */
export type CodeMalformed = { readonly code: "code_malformed"; readonly positions: number[]; readonly detail: string };
export type CheckFailed = { readonly code: "check_failed"; readonly detail: string };

/** Crockford base32: no I, L, O (read as 1, 1, 0) and no U. */
export const CODE_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

const BASE32_SYMBOLS = 16;
const KEYPAD_SYMBOLS = 18;
/** Generous room for separators; anything longer is no code, and is not looked at. */
const MAX_TEXT_LENGTH = 128;

const SPACE = 0x20;
const HYPHEN = 0x2d;

/**
 * Value of each ASCII character, -1 for those that mean nothing. A table by character code, because
 * `toUpperCase` would turn U+0131 into I and U+017F into S, and regular expressions fold U+212A to K.
 */
const SYMBOL_VALUES: readonly number[] = symbolValues();

function symbolValues(): number[] {
  const values = Array.from({ length: 128 }, () => -1);
  const define = (character: string, value: number) => {
    values[character.charCodeAt(0)] = value;
    values[character.toLowerCase().charCodeAt(0)] = value;
  };
  Array.from(CODE_ALPHABET).forEach(define);
  define("O", 0);
  define("I", 1);
  define("L", 1);
  return values;
}

type Symbols = { readonly values: number[]; readonly positions: number[]; readonly unreadable: number[] };

function readSymbols(text: string): Symbols {
  const symbols: Symbols = { values: [], positions: [], unreadable: [] };
  let position = 0;
  // By code point, so an emoji is one unreadable character and not two.
  for (const character of text) {
    const unit = character.charCodeAt(0);
    if (unit !== SPACE && unit !== HYPHEN) {
      const value = SYMBOL_VALUES[unit] ?? -1;
      if (value < 0) symbols.unreadable.push(position);
      else {
        symbols.values.push(value);
        symbols.positions.push(position);
      }
    }
    position += character.length;
  }
  return symbols;
}

const malformed = (positions: number[], detail: string) => err({ code: "code_malformed" as const, positions, detail });

/**
 * Reads what a person typed. Folds ASCII case, drops ASCII spaces and hyphens, maps O to 0, I and L to 1;
 * nothing else is guessed. An emoji counts as one character, at its first UTF-16 unit.
 * A wrong check symbol is found here, before anything that costs an attempt.
 */
export function readCode(text: string): Result<CodeText, CodeMalformed | CheckFailed> {
  if (text.length > MAX_TEXT_LENGTH) {
    return malformed([], `The code is longer than ${MAX_TEXT_LENGTH} characters; a code has 16 symbols, or 18 digits.`);
  }
  const { values, positions, unreadable } = readSymbols(text);
  if (unreadable.length > 0) {
    return malformed(unreadable, "Codes hold only digits and the letters A to Z without U; see positions.");
  }
  if (values.length !== BASE32_SYMBOLS && values.length !== KEYPAD_SYMBOLS) {
    return malformed([], `The code has ${values.length} symbols; 16 symbols, or 18 digits, are needed.`);
  }
  const format = values.length === BASE32_SYMBOLS ? "base32" : "keypad18";
  if (format === "keypad18") {
    const letters = positions.filter((_, index) => (values[index] ?? 0) > 9);
    if (letters.length > 0) return malformed(letters, "A code of 18 symbols holds only digits; see positions.");
  }
  const symbols = values.slice(0, -1);
  return checkSymbol(format, symbols) === values.at(-1) ? ok({ format, symbols }) : err(CHECK_FAILED);
}

const CHECK_FAILED: CheckFailed = {
  code: "check_failed",
  detail: "The code does not add up: a symbol is wrong, or two are swapped.",
};

/** The public last symbol of a code of this format, from the secret symbols before it. */
export const checkSymbol = (format: CodeFormat, symbols: readonly number[]): number =>
  format === "base32" ? checkSymbol32(symbols) : dammDigit(symbols);

/**
 * Luhn mod 32 over values 0…31: finds every wrong symbol, and every swap of neighbours but 0 and Z
 * (they weigh the same in both places). It is a help against slips, not security.
 */
export function checkSymbol32(values: readonly number[]): number {
  let sum = 0;
  let doubled = true;
  for (let index = values.length - 1; index >= 0; index--) {
    const value = values[index] ?? 0;
    const weighed = doubled ? value * 2 : value;
    sum += Math.floor(weighed / 32) + (weighed % 32);
    doubled = !doubled;
  }
  return (32 - (sum % 32)) % 32;
}

/** H. M. Damm's quasigroup of order 10: totally anti-symmetric, so it finds every swap of neighbours too. */
const DAMM_ROWS: readonly string[] = [
  "0317598642",
  "7092154863",
  "4206871359",
  "1750983426",
  "6123045978",
  "3674209581",
  "5869720134",
  "8945362017",
  "9438617205",
  "2581436790",
];

/** Damm digit over digits 0…9: finds every wrong digit and every swap of neighbours. */
export function dammDigit(digits: readonly number[]): number {
  return digits.reduce((interim, digit) => Number(DAMM_ROWS[interim]?.[digit]), 0);
}

/** Printed form of all symbols, check symbol included: `7K3M-Q9TX-2WHD-PC4V`, `123456-789012-345678`. */
export function formatCode(format: CodeFormat, symbolsWithCheck: readonly number[]): string {
  const group = format === "base32" ? 4 : 6;
  let text = "";
  symbolsWithCheck.forEach((value, index) => {
    if (index > 0 && index % group === 0) text += "-";
    text += CODE_ALPHABET[value] ?? "";
  });
  return text;
}
