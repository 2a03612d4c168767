/**
 * Uploaded logos: whole PNG, JPEG and WebP files only, copied part by part so that nothing but the picture is kept.
 * Text, places (EXIF), colour profiles and bytes behind the picture are where secrets and second files hide.
 * Pure. Pixels are not decoded: what is stored is served as an image of one fixed type and can run nowhere.
 */
import { imageSize } from "image-size";
import { joinBytes } from "./encoding.ts";
import { err, ok, type Result } from "./result.ts";

export const MAX_IMAGE_BYTES = 512 * 1024;
export const MAX_IMAGE_SIDE = 2048;
export const MAX_IMAGE_PIXELS = 4_000_000;

export const IMAGE_TYPES = { png: "image/png", jpg: "image/jpeg", webp: "image/webp" } as const;
export type ImageExtension = keyof typeof IMAGE_TYPES;

export type CleanImage = {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly extension: ImageExtension;
  readonly width: number;
  readonly height: number;
};

/** The error is a sentence that says what to change. */
type Checked<T> = Result<T, string>;
type Parts = Checked<readonly Uint8Array[]>;

const latin = (bytes: Uint8Array, from: number, to: number): string => String.fromCharCode(...bytes.subarray(from, to));
const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** Type and size come from the content; a file name or Content-Type says nothing. */
export function cleanImage(bytes: Uint8Array): Checked<CleanImage> {
  if (bytes.length === 0) return err("The file is empty; send a PNG, JPEG or WebP image.");
  if (bytes.length > MAX_IMAGE_BYTES) return err(`The file is larger than ${MAX_IMAGE_BYTES} bytes; save it smaller.`);
  const extension = extensionOf(bytes);
  if (!extension) return err("This is not a PNG, JPEG or WebP image; save the logo as one of these.");
  const parts = COPIERS[extension](bytes);
  if (!parts.ok) return parts;
  const clean = joinBytes(parts.value);
  const size = sizeOf(clean);
  if (!size) return err(`The ${NAMES[extension]} is damaged; save it again.`);
  const { width, height } = size;
  if (width > MAX_IMAGE_SIDE || height > MAX_IMAGE_SIDE || width * height > MAX_IMAGE_PIXELS)
    return err(
      `At most ${MAX_IMAGE_SIDE} by ${MAX_IMAGE_SIDE} and ${MAX_IMAGE_PIXELS} pixels; make the image smaller.`,
    );
  return ok({ bytes: clean, extension, width, height });
}

const NAMES: Record<ImageExtension, string> = { png: "PNG", jpg: "JPEG", webp: "WebP" };
const COPIERS: Record<ImageExtension, (bytes: Uint8Array) => Parts> = { png: copyPng, jpg: copyJpeg, webp: copyWebp };

function extensionOf(bytes: Uint8Array): ImageExtension | undefined {
  if (latin(bytes, 0, 8) === PNG_SIGNATURE) return "png";
  if (latin(bytes, 0, 3) === "\xff\xd8\xff") return "jpg";
  return latin(bytes, 0, 4) === "RIFF" && latin(bytes, 8, 12) === "WEBP" ? "webp" : undefined;
}

type Size = { readonly width: number; readonly height: number; readonly orientation: number };

/** The library throws on what it cannot read. */
function sizeOf(bytes: Uint8Array): Size | undefined {
  try {
    const { width, height, orientation = 1 } = imageSize(bytes);
    return width > 0 && height > 0 ? { width, height, orientation } : undefined;
  } catch {
    return undefined;
  }
}

// PNG (W3C PNG, third edition): signature, then chunks of length, type, data, CRC.

const PNG_SIGNATURE = "\x89PNG\r\n\x1a\n";
const PNG_KEPT = new Set(["IHDR", "PLTE", "IDAT", "IEND", "tRNS", "gAMA", "sRGB"]);
const PNG_FRAME = 12;
const IHDR_BYTES = 13;

function copyPng(bytes: Uint8Array): Parts {
  const damaged = err("The PNG is incomplete or damaged; save it again.");
  const view = viewOf(bytes);
  const kept = [bytes.subarray(0, 8)];
  const seen = new Set<string>();
  let at = 8;
  while (!seen.has("IEND")) {
    if (at + PNG_FRAME > bytes.length) return damaged;
    const length = view.getUint32(at);
    const end = at + PNG_FRAME + length;
    if (end > bytes.length) return damaged;
    const type = latin(bytes, at + 4, at + 8);
    if (type === "acTL") return err("Animated images are not shown; save a single picture.");
    const isFirst = at === 8;
    const isKnown = /^[a-z]/.test(type) || PNG_KEPT.has(type);
    if ((type === "IHDR") !== isFirst || (isFirst && length !== IHDR_BYTES) || !isKnown) return damaged;
    if (PNG_KEPT.has(type)) {
      if (crc32(bytes.subarray(at + 4, end - 4)) !== view.getUint32(end - 4)) return damaged;
      kept.push(bytes.subarray(at, end));
      seen.add(type);
    }
    at = end;
  }
  if (at !== bytes.length) return err("Other data follows the end of the PNG; save it again.");
  return seen.has("IDAT") ? ok(kept) : damaged;
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value;
});

/** CRC-32 of ISO 3309, as PNG uses it. */
export function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (CRC_TABLE[(crc ^ byte) & 0xff] ?? 0) ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

// JPEG (ITU-T T.81 annex B): segments of marker and length; coded data follows each SOS up to the next marker.

const SOI = 0xd8;
const EOI = 0xd9;
const SOS = 0xda;
const APP0 = 0xe0;
const APP14 = 0xee;
const COM = 0xfe;
/** Baseline, extended and progressive: what browsers show. */
const JPEG_FRAMES = [0xc0, 0xc1, 0xc2];
const JFIF_BYTES = 18;

const isRestart = (marker: number): boolean => marker >= 0xd0 && marker <= 0xd7;
const isMetadata = (marker: number): boolean =>
  marker === COM || (marker >= APP0 && marker <= 0xef && marker !== APP0 && marker !== APP14);

function copyJpeg(bytes: Uint8Array): Parts {
  const damaged = err("The JPEG is incomplete or damaged; save it again.");
  if ((sizeOf(bytes)?.orientation ?? 1) > 1)
    return err("The JPEG is stored turned, with a note how to show it; save it upright.");
  const kept = [bytes.subarray(0, 2)];
  const view = viewOf(bytes);
  let [at, frames, scans] = [2, 0, 0];
  while (at + 2 <= bytes.length) {
    const marker = bytes[at + 1] ?? 0;
    if (bytes[at] !== 0xff) return damaged;
    if (marker === EOI) {
      if (at + 2 !== bytes.length) return err("Other data follows the end of the JPEG; save it again.");
      kept.push(bytes.subarray(at, at + 2));
      return frames === 1 && scans > 0 ? ok(kept) : damaged;
    }
    if (marker === 0xff) {
      at += 1; // Fill bytes may precede a marker.
      continue;
    }
    if (marker === SOI || isRestart(marker) || marker < 0xc0 || at + 4 > bytes.length) return damaged;
    const length = view.getUint16(at + 2);
    const segmentEnd = at + 2 + length;
    if (length < 2 || segmentEnd > bytes.length) return damaged;
    if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc, ...JPEG_FRAMES].includes(marker))
      return err("This kind of JPEG is not shown by browsers; save it as an ordinary JPEG or a PNG.");
    if (JPEG_FRAMES.includes(marker)) frames += 1;
    if (marker === SOS) scans += 1;
    const end = marker === SOS ? codedDataEnd(bytes, segmentEnd) : segmentEnd;
    if (marker === APP0) kept.push(...withoutThumbnail(bytes.subarray(at, end)));
    else if (!isMetadata(marker)) kept.push(bytes.subarray(at, end));
    at = end;
  }
  return damaged;
}

/** The next marker that is neither a restart nor a stuffed 0xFF. */
function codedDataEnd(bytes: Uint8Array, from: number): number {
  let at = from;
  for (; at + 1 < bytes.length; at++) {
    const next = bytes[at + 1] ?? 0;
    if (bytes[at] === 0xff && next !== 0 && next !== 0xff && !isRestart(next)) return at;
  }
  return bytes.length;
}

/** A JFIF header keeps its density and loses its thumbnail; other APP0 segments are thumbnails only. */
function withoutThumbnail(segment: Uint8Array): Uint8Array[] {
  if (segment.length < JFIF_BYTES || latin(segment, 4, 9) !== "JFIF\0") return [];
  const header = segment.slice(0, JFIF_BYTES);
  viewOf(header).setUint16(2, JFIF_BYTES - 2);
  header.set([0, 0], JFIF_BYTES - 2);
  return [header];
}

// WebP (RFC 9649): RIFF header, then chunks of type, little-endian length, data, padding to even.

const WEBP_KEPT = new Set(["VP8X", "ALPH", "VP8 ", "VP8L"]);
const RIFF_HEADER = 12;
/** Animation, XMP, EXIF and ICC flags of VP8X; alpha stays. */
const VP8X_DROPPED_FLAGS = 0x02 | 0x04 | 0x08 | 0x20;

function copyWebp(bytes: Uint8Array): Parts {
  const damaged = err("The WebP is incomplete or damaged; save it again.");
  const view = viewOf(bytes);
  const declared = bytes.length >= RIFF_HEADER ? view.getUint32(4, true) + 8 : 0;
  if (declared < bytes.length) return err("Other data follows the end of the WebP; save it again.");
  if (declared > bytes.length) return damaged;
  const kept: Uint8Array[] = [];
  const pictures: Uint8Array[] = [];
  let at = RIFF_HEADER;
  while (at < bytes.length) {
    if (at + 8 > bytes.length) return damaged;
    const type = latin(bytes, at, at + 4);
    const length = view.getUint32(at + 4, true);
    const end = at + 8 + length + (length % 2);
    if (end > bytes.length) return damaged;
    if (type === "ANIM" || type === "ANMF") return err("Animated images are not shown; save a single picture.");
    if (type === "VP8X" && at !== RIFF_HEADER) return damaged;
    const chunk = bytes.slice(at, end);
    if (type === "VP8X") chunk[8] = (chunk[8] ?? 0) & ~VP8X_DROPPED_FLAGS;
    if (WEBP_KEPT.has(type)) kept.push(chunk);
    if (type === "VP8 " || type === "VP8L") pictures.push(chunk);
    at = end;
  }
  const [picture] = pictures;
  const [first] = kept;
  if (!picture || !first || pictures.length > 1) return damaged;
  // A canvas that claims another size than the picture on it would pass one check and show another image.
  const [canvas, real] = [sizeOf(joinBytes(riff([first]))), sizeOf(joinBytes(riff([picture])))];
  if (!canvas || !real || canvas.width !== real.width || canvas.height !== real.height) return damaged;
  return ok(riff(kept));
}

function riff(chunks: readonly Uint8Array[]): Uint8Array[] {
  const header = new TextEncoder().encode("RIFF....WEBP");
  viewOf(header).setUint32(4, 4 + chunks.reduce((length, chunk) => length + chunk.length, 0), true);
  return [header, ...chunks];
}
