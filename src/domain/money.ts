/**
 * Money: integer micros (10^-6 of the unit) inside, decimal strings on the wire. Never floating point.
 * Every amount is a safe integer; sums that may pass 2^53 (reports, liabilities of many batches) are BigInt.
 */
import { assert } from "./assert.ts";

export const MICROS_PER_UNIT = 1_000_000;
/** 9·10^9 units is 9·10^15 micros, just under 2^53. */
export const MAX_AMOUNT_MICROS = 9_000_000_000 * MICROS_PER_UNIT;

const FRACTION_DIGITS = 6;

/** ISO 4217 active codes, three letters each; minor units are 2 but for the two lists below. */
const CURRENCIES =
  "AEDAFNALLAMDANGAOAARSAUDAWGAZNBAMBBDBDTBGNBHDBIFBMDBNDBOBBRLBSDBTNBWPBYNBZDCADCDFCHFCLPCNYCOPCRCCUPCVECZKDJFDKKDOPDZDEGPERNETBEURFJDFKPGBPGELGHSGIPGMDGNFGTQGYDHKDHNLHTGHUFIDRILSINRIQDIRRISKJMDJODJPYKESKGSKHRKMFKPWKRWKWDKYDKZTLAKLBPLKRLRDLSLLYDMADMDLMGAMKDMMKMNTMOPMRUMURMVRMWKMXNMYRMZNNADNGNNIONOKNPRNZDOMRPABPENPGKPHPPKRPLNPYGQARRONRSDRUBRWFSARSBDSCRSDGSEKSGDSHPSLESOSSRDSSPSTNSVCSYPSZLTHBTJSTMTTNDTOPTRYTTDTWDTZSUAHUGXUSDUYUUZSVEDVESVNDVUVWSTXAFXCDXCGXOFXPFYERZARZMWZWG";
const NO_MINOR_UNIT = "BIFCLPDJFGNFISKJPYKMFKRWPYGRWFUGXVNDVUVXAFXOFXPF";
const THREE_DIGITS = "BHDIQDJODKWDLYDOMRTND";

const listed = (list: string, currency: string): boolean => {
  for (let at = 0; at < list.length; at += 3) if (list.startsWith(currency, at)) return true;
  return false;
};

export const isCurrency = (text: string): boolean => /^[A-Z]{3}$/.test(text) && listed(CURRENCIES, text);

export function minorDigits(currency: string): number {
  if (listed(NO_MINOR_UNIT, currency)) return 0;
  return listed(THREE_DIGITS, currency) ? 3 : 2;
}

export const AMOUNT_PATTERN = /^(?:0|[1-9]\d{0,9})(?:\.\d{1,6})?$/;

/** Reads a decimal string of units into micros; undefined when it is not one or is beyond the largest amount. */
export function parseAmount(text: string): number | undefined {
  if (!AMOUNT_PATTERN.test(text)) return undefined;
  const [units = "", fraction = ""] = text.split(".");
  const micros = Number(units) * MICROS_PER_UNIT + Number(fraction.padEnd(FRACTION_DIGITS, "0"));
  return micros <= MAX_AMOUNT_MICROS ? micros : undefined;
}

/** Writes micros as a decimal string: at least the currency's own digits, at most six, no exponent, sign if negative. */
export function formatAmount(micros: number | bigint, currency: string): string {
  assert(typeof micros === "bigint" || Number.isSafeInteger(micros), "amount is a safe integer");
  const value = BigInt(micros);
  const magnitude = value < 0n ? -value : value;
  const units = magnitude / BigInt(MICROS_PER_UNIT);
  const digits = String(magnitude % BigInt(MICROS_PER_UNIT)).padStart(FRACTION_DIGITS, "0");
  const least = minorDigits(currency);
  let end = FRACTION_DIGITS;
  while (end > least && digits[end - 1] === "0") end -= 1;
  const fraction = digits.slice(0, end);
  return `${value < 0n ? "-" : ""}${units}${fraction === "" ? "" : `.${fraction}`}`;
}
