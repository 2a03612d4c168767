import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cleanImage, MAX_IMAGE_BYTES } from "../../src/domain/image.ts";
import {
  ascii,
  exifOrientation,
  joined,
  JPEG,
  jpegWith,
  PNG,
  pngChunk,
  pngSized,
  pngWith,
  WEBP,
  webpWith,
} from "../support/images.ts";

const SECRET = "52.5200 N 13.4050 E <script>alert(1)</script>";
const holds = (bytes: Uint8Array, text: string) => Buffer.from(bytes).includes(text, 0, "latin1");

function cleaned(bytes: Uint8Array): Uint8Array {
  const result = cleanImage(bytes);
  if (!result.ok) throw new Error(result.error);
  return result.value.bytes;
}

describe("a clean image", () => {
  it.each([
    ["png", PNG],
    ["jpg", JPEG],
    ["webp", WEBP],
  ])("passes unchanged: %s", (extension, bytes) => {
    const result = cleanImage(bytes);
    expect(result).toMatchObject({ ok: true, value: { extension, width: 8, height: 6 } });
    expect(Buffer.from(cleaned(bytes)).equals(bytes)).toBe(true);
  });
});

describe("metadata", () => {
  it.each([
    ["png", PNG, pngWith("tEXt", ascii(`Comment\0${SECRET}`))],
    ["png", PNG, pngWith("eXIf", ascii(SECRET))],
    ["png", PNG, pngWith("iCCP", ascii(`p\0\0${SECRET}`))],
    ["png", PNG, pngWith("prVt", ascii(SECRET))],
    ["jpeg", JPEG, jpegWith(0xe1, ascii(`Exif\0\0${SECRET}`))],
    ["jpeg", JPEG, jpegWith(0xe2, ascii(`ICC_PROFILE\0${SECRET}`))],
    ["jpeg", JPEG, jpegWith(0xed, ascii(`Photoshop 3.0\0${SECRET}`))],
    ["jpeg", JPEG, jpegWith(0xfe, ascii(SECRET))],
    ["jpeg", JPEG, jpegWith(0xe0, ascii(`JFXX\0${SECRET}`))],
    ["webp", WEBP, webpWith("EXIF", ascii(SECRET), 0x08)],
    ["webp", WEBP, webpWith("XMP ", ascii(SECRET), 0x04)],
    ["webp", WEBP, webpWith("ICCP", ascii(SECRET), 0x20)],
    ["webp", WEBP, webpWith("abcd", ascii(SECRET), 0)],
  ])("is dropped and the picture stays: %s %#", (_, plain, dressed) => {
    expect(holds(dressed, SECRET)).toBe(true);
    expect(Buffer.from(cleaned(dressed)).equals(plain)).toBe(true);
  });

  it("keeps the chunks that change what is seen", () => {
    expect(holds(cleaned(pngWith("sRGB", Uint8Array.of(0))), "sRGB")).toBe(true);
    expect(holds(cleaned(jpegWith(0xee, ascii("Adobe\0d\0\0\0\0\0\x01"))), "Adobe")).toBe(true);
  });

  it("drops a thumbnail inside a JFIF header", () => {
    const thumbnail = joined(ascii("JFIF\0\x01\x01\0\0\x01\0\x01\x05\x03"), ascii(SECRET));
    const dressed = joined(
      JPEG.subarray(0, 2),
      jpegWith(0xe0, thumbnail).subarray(2, 2 + 4 + thumbnail.length),
      JPEG.subarray(20),
    );
    expect(Buffer.from(cleaned(dressed)).equals(JPEG)).toBe(true);
  });
});

describe("what is refused", () => {
  const huge = new Uint8Array(MAX_IMAGE_BYTES + 1);
  huge.set(PNG);
  it.each<[string, Uint8Array, RegExp]>([
    ["nothing", new Uint8Array(), /empty/],
    ["a GIF", ascii("GIF89a\x01\0\x01\0\x80\0\0"), /not a PNG, JPEG or WebP/],
    ["an SVG", ascii('<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'), /not a PNG, JPEG or WebP/],
    ["HTML", ascii("<!doctype html><script>alert(1)</script>"), /not a PNG, JPEG or WebP/],
    ["too many bytes", huge, /larger/],
    ["a forged size", pngSized(60_000, 60_000), /smaller/],
    ["a side too long", pngSized(2049, 10), /smaller/],
    ["too many pixels", pngSized(2048, 2000), /smaller/],
    ["no width", pngSized(0, 6), /damaged/],
    ["an animated PNG", pngWith("acTL", new Uint8Array(8)), /Animated/],
    ["an unknown critical chunk", pngWith("ABCD", new Uint8Array(8)), /damaged/],
    ["a second header", pngWith("IHDR", PNG.slice(16, 29)), /damaged/],
    ["a PNG without picture data", joined(PNG.subarray(0, 33), pngChunk("IEND", new Uint8Array())), /damaged/],
    ["a PNG with a tail", joined(PNG, ascii("<script>")), /follows the end/],
    ["a JPEG with a tail", joined(JPEG, ascii("<script>")), /follows the end/],
    ["a WebP with a tail", joined(WEBP, ascii("<script>")), /follows the end/],
    ["a turned JPEG", jpegWith(0xe1, exifOrientation(6)), /upright/],
    ["an animated WebP", webpWith("ANIM", new Uint8Array(6), 0x02), /Animated/],
    ["two pictures in a WebP", webpWith("VP8 ", new Uint8Array(20), 0), /damaged/],
  ])("%s", (_, bytes, why) => {
    const result = cleanImage(bytes);
    expect(result.ok).toBe(false);
    expect(!result.ok && result.error).toMatch(why);
  });

  it("a WebP canvas of another size than its picture", () => {
    const forged = WEBP.slice();
    forged[24] = 99;
    expect(cleanImage(forged).ok).toBe(false);
  });

  it.each([
    ["png", PNG],
    ["jpg", JPEG],
    ["webp", WEBP],
  ])("every truncation: %s", (_, bytes) => {
    for (let length = 0; length < bytes.length; length++) expect(cleanImage(bytes.subarray(0, length)).ok).toBe(false);
  });

  it("never throws, whatever is changed", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(PNG, JPEG, WEBP),
        fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { minLength: 1, maxLength: 6 }),
        (image, changes) => {
          const bytes = image.slice();
          for (const [at, value] of changes) bytes[at % bytes.length] = value;
          const result = cleanImage(bytes);
          // What passes is stable: cleaning it again changes nothing.
          if (result.ok) expect(Buffer.from(cleaned(result.value.bytes)).equals(result.value.bytes)).toBe(true);
        },
      ),
      { numRuns: 2000 },
    );
  });
});
