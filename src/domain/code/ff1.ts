/**
 * FF1 (NIST SP 800-38G, algorithms 7 and 8) for numerals of one fixed radix and length.
 * Only the mode is here: AES is noble's. `@noble/ciphers/ff1.js` expands the key and goes through BigInt on every
 * call, some ten times slower; with radix and length fixed, the key schedule and the first block of the PRF are
 * constants, and both halves fit a double. The tests hold it to NIST's samples and to noble's own FF1.
 * May not know what the numerals mean.
 */
import { unsafe } from "@noble/ciphers/aes.js";
import { assert } from "../assert.ts";

export type Ff1 = {
  encrypt(numerals: readonly number[]): number[];
  decrypt(numerals: readonly number[]): number[];
};

export type Ff1Options = {
  readonly radix: number;
  /** How many numerals there are. */
  readonly length: number;
  /** AES key: 16, 24 or 32 bytes. */
  readonly key: Uint8Array;
  readonly tweak: Uint8Array;
};

const ROUNDS = 10;
const BLOCK_BYTES = 16;
/** Sums of two halves, and a remainder shifted by a bit, stay exact below 2^53. */
const MAX_HALF = 2 ** 52;

/** A cipher bound to a copy of the key. Throws on a radix or length out of range; numerals must be 0…radix-1. */
export function createFf1({ radix, length, key, tweak }: Ff1Options): Ff1 {
  assert(Number.isInteger(radix) && radix >= 2 && radix < 2 ** 16, "FF1 radix is 2…65535");
  assert(Number.isInteger(length) && length >= 2 && length < 256, "FF1 length is 2…255");
  const leftLength = Math.floor(length / 2);
  const moduli = [power(radix, leftLength), power(radix, length - leftLength)] as const;
  assert(moduli[0] * moduli[1] >= 1_000_000 && moduli[1] < MAX_HALF, "FF1 domain is from 10^6 to 2^52 a half");
  const prf = createPrf({ radix, length, key, tweak, halfBytes: byteLength(moduli[1] - 1) });

  const split = (numerals: readonly number[]): [number, number] => {
    assert(numerals.length === length, "FF1 is bound to one length");
    return [toNumber(radix, numerals, 0, leftLength), toNumber(radix, numerals, leftLength, length)];
  };
  const join = (left: number, right: number): number[] => {
    const numerals = Array.from<number>({ length });
    writeNumerals(radix, left, numerals, 0, leftLength);
    writeNumerals(radix, right, numerals, leftLength, length);
    return numerals;
  };
  return {
    encrypt(numerals) {
      let [a, b] = split(numerals);
      for (let round = 0; round < ROUNDS; round++) {
        const modulus = moduli[round % 2 === 0 ? 0 : 1];
        const sum = a + prf(round, b, modulus);
        a = b;
        b = sum >= modulus ? sum - modulus : sum;
      }
      return join(a, b);
    },
    decrypt(numerals) {
      let [a, b] = split(numerals);
      for (let round = ROUNDS - 1; round >= 0; round--) {
        const modulus = moduli[round % 2 === 0 ? 0 : 1];
        const difference = b - prf(round, a, modulus);
        b = a;
        a = difference < 0 ? difference + modulus : difference;
      }
      return join(a, b);
    },
  };
}

/** The round function: CBC-MAC of P ‖ Q, its first d bytes as a number modulo the half's domain. */
type Prf = (round: number, half: number, modulus: number) => number;

function createPrf(options: Ff1Options & { readonly halfBytes: number }): Prf {
  const { radix, length, key, tweak, halfBytes } = options;
  const { expandKeyLE, encryptBlock } = unsafe;
  // noble reads AES blocks as words, so each lives in an aligned buffer of its own; the key is copied likewise.
  const schedule = expandKeyLE(Uint8Array.from(key));
  const first = firstBlock(radix, length, tweak.length);
  encryptBlock(schedule, first);

  // Q = T ‖ zeros ‖ [round] ‖ [half], filled up to whole blocks; its last bytes change, the rest is the tweak.
  const q = new Uint8Array(Math.ceil((tweak.length + halfBytes + 1) / BLOCK_BYTES) * BLOCK_BYTES);
  q.set(tweak);
  const roundAt = q.length - halfBytes - 1;
  const outputBytes = 4 * Math.ceil(halfBytes / 4) + 4;
  assert(outputBytes <= BLOCK_BYTES, "FF1 needs one block of output");
  // Safe to share between calls: a call never yields.
  const block = new Uint8Array(BLOCK_BYTES);

  return (round, half, modulus) => {
    q[roundAt] = round;
    writeBigEndian(half, q, roundAt + 1);
    block.set(first);
    for (let start = 0; start < q.length; start += BLOCK_BYTES) {
      for (let i = 0; i < BLOCK_BYTES; i++) block[i] = byteAt(block, i) ^ byteAt(q, start + i);
      encryptBlock(schedule, block);
    }
    return bytesModulo(block, outputBytes, modulus);
  };
}

/** P = [1] ‖ [2] ‖ [1] ‖ [radix]³ ‖ [10] ‖ [u] ‖ [n]⁴ ‖ [t]⁴. */
function firstBlock(radix: number, length: number, tweakBytes: number): Uint8Array {
  const block = new Uint8Array(BLOCK_BYTES);
  block.set([1, 2, 1, 0, radix >> 8, radix & 0xff, ROUNDS, Math.floor(length / 2)]);
  const view = new DataView(block.buffer);
  view.setUint32(8, length);
  view.setUint32(12, tweakBytes);
  return block;
}

/** The first `count` bytes, read big-endian, modulo `modulus`; exact for every modulus below 2^52. */
function bytesModulo(bytes: Uint8Array, count: number, modulus: number): number {
  // As many bits a step as keep remainder × 2^bits below 2^53. Codes take whole bytes.
  const bits = modulus <= 2 ** 44 ? 8 : modulus <= 2 ** 48 ? 4 : 1;
  const mask = (1 << bits) - 1;
  let remainder = 0;
  for (let i = 0; i < count; i++) {
    const byte = byteAt(bytes, i);
    for (let shift = 8 - bits; shift >= 0; shift -= bits) {
      remainder = modulo(remainder * (mask + 1) + ((byte >> shift) & mask), modulus);
    }
  }
  return remainder;
}

/** `%` on doubles above 2^31 is a slow library call; a division is not, but may round up by one. */
function modulo(value: number, modulus: number): number {
  const rest = value - Math.floor(value / modulus) * modulus;
  return rest < 0 ? rest + modulus : rest;
}

function writeBigEndian(value: number, target: Uint8Array, from: number): void {
  let rest = value;
  for (let i = target.length - 1; i >= from; i--) {
    const higher = Math.floor(rest / 256);
    target[i] = rest - higher * 256;
    rest = higher;
  }
}

function toNumber(radix: number, numerals: readonly number[], from: number, to: number): number {
  let value = 0;
  for (let i = from; i < to; i++) {
    const numeral = numerals[i] ?? -1;
    assert(Number.isInteger(numeral) && numeral >= 0 && numeral < radix, "FF1 numeral within its radix");
    value = value * radix + numeral;
  }
  return value;
}

function writeNumerals(radix: number, value: number, target: number[], from: number, to: number): void {
  let rest = value;
  for (let i = to - 1; i >= from; i--) {
    const higher = Math.floor(rest / radix);
    target[i] = rest - higher * radix;
    rest = higher;
  }
}

/** By multiplication, which is exact below 2^53; `**` need not be. */
function power(radix: number, exponent: number): number {
  let value = 1;
  for (let i = 0; i < exponent; i++) value *= radix;
  return value;
}

function byteLength(value: number): number {
  let count = 0;
  for (let rest = value; rest > 0; rest = Math.floor(rest / 256)) count++;
  return count;
}

const byteAt = (bytes: Uint8Array, index: number): number => bytes[index] ?? 0;
