/**
 * Codes that open under two keys, found by search: sealed under the old key, each opens under the new one by chance.
 * Only the key a batch records may decide, so with both keys in the ring the code is the old serial's.
 * For tests only; runs in Node and workerd.
 */
import type { CodeFormat } from "../../src/domain/code/read.ts";

type Serial = { readonly batch: number; readonly card: number };

export type Collision = {
  readonly format: CodeFormat;
  readonly code: string;
  /** The key the code was sealed under, and what it was sealed for. */
  readonly old: { readonly id: string; readonly keyHex: string } & Serial;
  /** The newer key, and what the code seems to stand for under it. */
  readonly new: { readonly id: string; readonly keyHex: string } & Serial;
};

/** The false serial is far beyond any batch a test can issue. */
export const BASE32_COLLISION: Collision = {
  format: "base32",
  code: "C09H-X81W-SD1Z-FD3J",
  old: { id: "1", keyHex: "72696e6766617265207465737420636f6465206b6579204120286f6c64292e21", batch: 1, card: 8 },
  new: {
    id: "2",
    keyHex: "72696e6766617265207465737420636f6465206b65792042202e2e2e00033292",
    batch: 18_197_070,
    card: 3_178_569,
  },
};

/**
 * Small enough to be issued for real: both batches under the old key, with 100 cards each, before the new one joins
 * the ring. Who trusts the newest key then serves the wrong card.
 */
export const KEYPAD_COLLISION: Collision = {
  format: "keypad18",
  code: "952228-525424-223686",
  old: { id: "1", keyHex: "72696e6766617265207465737420636f6465206b65792041202e2e2e0003cbcd", batch: 1, card: 93 },
  new: { id: "2", keyHex: "72696e6766617265207465737420636f6465206b65792042202e2e2e02548647", batch: 2, card: 51 },
};

export const bytesOfHex = (hex: string): Uint8Array =>
  Uint8Array.from({ length: hex.length / 2 }, (_, index) => Number.parseInt(hex.slice(2 * index, 2 * index + 2), 16));
