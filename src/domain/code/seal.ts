/**
 * A card's code is its serial, sealed: FF1 over batch ‖ card ‖ zeros, under a code key. Nothing about a code is stored.
 * Pure CPU, the hot path of redeem. May not read a clock, pick a key, or decide whether an opening is a card:
 * beyond the zeros, that needs the batch (its quantity, and the id of its key), which the caller looks up.
 */
import { assert } from "../assert.ts";
import { MAX_BATCH_NUMBER, MAX_CARD_NUMBER } from "../serial.ts";
import { createFf1, type Ff1 } from "./ff1.ts";
import { checkSymbol, formatCode, type CodeFormat, type CodeText } from "./read.ts";

/**
 * One key of the ring: 32 bytes for AES-256; `id` is decimal digits (highest is newest) and the tweak.
 * Ciphers are kept by object: reuse the object, and never change its bytes.
 */
export type CodeKey = { readonly id: string; readonly key: Uint8Array };

/** A serial that a code may stand for, and the key that says so. */
export type CardOpening = { readonly batch: number; readonly card: number; readonly keyId: string };

type Layout = { readonly radix: number; readonly part: number; readonly zeros: number };

/** Numerals of batch and of card, then zeros. The zeros make a random guess fail: 2^25 or 10^5 to one, a key. */
const LAYOUTS: Record<CodeFormat, Layout> = {
  base32: { radix: 32, part: 5, zeros: 5 },
  keypad18: { radix: 10, part: 6, zeros: 5 },
};

/** Highest batch and card number that fits a code of this format. */
export const MAX_NUMBERS: Record<CodeFormat, { readonly batch: number; readonly card: number }> = {
  base32: { batch: MAX_BATCH_NUMBER, card: MAX_CARD_NUMBER },
  keypad18: { batch: 999_999, card: 999_999 },
};

const KEY_BYTES = 32;
/** Ten digits leave one AES block a round in both formats. */
const KEY_ID = /^[0-9]{1,10}$/;

export type SealInput = {
  readonly format: CodeFormat;
  readonly key: CodeKey;
  readonly batch: number;
  readonly card: number;
};

/** The printed code of a serial, check symbol included. Numbers out of the format's range are a bug: it throws. */
export function sealCode({ format, key, batch, card }: SealInput): string {
  const max = MAX_NUMBERS[format];
  assert(Number.isInteger(batch) && batch >= 1 && batch <= max.batch, "batch number fits the code format");
  assert(Number.isInteger(card) && card >= 1 && card <= max.card, "card number fits the code format");
  const { radix, part, zeros } = LAYOUTS[format];
  const plain = Array.from({ length: 2 * part + zeros }, () => 0);
  writePart(plain, 0, { value: batch, radix, part });
  writePart(plain, part, { value: card, radix, part });
  const symbols = cipherOf(key, format).encrypt(plain);
  symbols.push(checkSymbol(format, symbols));
  return formatCode(format, symbols);
}

/**
 * Every serial the code opens to, in the order of the keys. Empty: the code was never issued.
 * More than one is rare but real (once in 2^25 codes for each other base32 key, once in 10^5 for keypad):
 * only the opening whose key id the batch records counts, so the caller must try them all.
 */
export function unsealCode({ format, symbols }: CodeText, keys: readonly CodeKey[]): CardOpening[] {
  const openings: CardOpening[] = [];
  for (const key of keys) {
    const opening = open(format, cipherOf(key, format).decrypt(symbols));
    if (opening) openings.push({ ...opening, keyId: key.id });
  }
  return openings;
}

function open(format: CodeFormat, plain: readonly number[]): { batch: number; card: number } | undefined {
  const { radix, part } = LAYOUTS[format];
  for (let i = 2 * part; i < plain.length; i++) if (plain[i] !== 0) return undefined;
  const batch = readPart(plain, 0, { radix, part });
  const card = readPart(plain, part, { radix, part });
  return batch >= 1 && card >= 1 ? { batch, card } : undefined;
}

function writePart(target: number[], from: number, { value, radix, part }: PartOf & { value: number }): void {
  let rest = value;
  for (let i = from + part - 1; i >= from; i--) {
    target[i] = rest % radix;
    rest = Math.floor(rest / radix);
  }
}

type PartOf = { readonly radix: number; readonly part: number };

function readPart(source: readonly number[], from: number, { radix, part }: PartOf): number {
  let value = 0;
  for (let i = from; i < from + part; i++) value = value * radix + (source[i] ?? 0);
  return value;
}

/** Expanding a key costs as much as sealing; kept for as long as the isolate keeps the key itself. */
const ciphers: Record<CodeFormat, WeakMap<CodeKey, Ff1>> = { base32: new WeakMap(), keypad18: new WeakMap() };

function cipherOf(key: CodeKey, format: CodeFormat): Ff1 {
  const known = ciphers[format].get(key);
  if (known) return known;
  assert(key.key.length === KEY_BYTES, "a code key is 32 bytes");
  assert(KEY_ID.test(key.id), "a code key's id is 1 to 10 digits");
  const { radix, part, zeros } = LAYOUTS[format];
  const tweak = new TextEncoder().encode(key.id);
  const cipher = createFf1({ radix, length: 2 * part + zeros, key: key.key, tweak });
  ciphers[format].set(key, cipher);
  return cipher;
}
