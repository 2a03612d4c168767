/** Small real images (8 by 6, one blue) and the parts to disguise them with. Runs in Node and workerd. */
import { joinBytes } from "../../src/domain/encoding.ts";
import { crc32 } from "../../src/domain/image.ts";

const bytesOf = (base64: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
export const ascii = (text: string): Uint8Array<ArrayBuffer> => Uint8Array.from(text, (char) => char.charCodeAt(0));

export const joined = (...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> => joinBytes(parts);

export const PNG = bytesOf(
  "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAGCAYAAAD+Bd/7AAAALklEQVR4AYSMsQkAAAjDxNUj/f8K3SSK0EIhQ1o3JLLqdglwB7XAy5kB9APkFxsAAP//kg96nwAAAAZJREFUAwDUDhNNfEgUFQAAAABJRU5ErkJggg==",
);
export const JPEG = bytesOf(
  "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABsSFBcUERsXFhceHBsgKEIrKCUlKFE6PTBCYFVlZF9VXVtqeJmBanGQc1tdhbWGkJ6jq62rZ4C8ybqmx5moq6T/2wBDARweHigjKE4rK06kbl1upKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKT/wAARCAAGAAgDASIAAhEBAxEB/8QAFQABAQAAAAAAAAAAAAAAAAAAAAT/xAAUEAEAAAAAAAAAAAAAAAAAAAAA/8QAFAEBAAAAAAAAAAAAAAAAAAAABf/EABQRAQAAAAAAAAAAAAAAAAAAAAD/2gAMAwEAAhEDEQA/AIwDY9//2Q==",
);
/** Lossy with an alpha plane: VP8X, ALPH, VP8. */
export const WEBP = bytesOf(
  "UklGRmQAAABXRUJQVlA4WAoAAAAQAAAABwAABQAAQUxQSA0AAAABDzD/ERHi+P8R/Q8cAFZQOCAwAAAAsAEAnQEqCAAGAAQAaCWwAnS6AAQwAAD+54v/+TS55jHB5feV6IeB/8ca99qKlMAA",
);

export function pngChunk(type: string, data: Uint8Array): Uint8Array {
  const chunk = joined(new Uint8Array(4), ascii(type), data, new Uint8Array(4));
  const view = new DataView(chunk.buffer);
  view.setUint32(0, data.length);
  view.setUint32(chunk.length - 4, crc32(chunk.subarray(4, -4)));
  return chunk;
}

const HEADER_END = 33;
/** The PNG with a chunk right behind its header. */
export const pngWith = (type: string, data: Uint8Array): Uint8Array<ArrayBuffer> =>
  joined(PNG.subarray(0, HEADER_END), pngChunk(type, data), PNG.subarray(HEADER_END));

/** The PNG claiming another size, with a checksum that fits. */
export function pngSized(width: number, height: number): Uint8Array<ArrayBuffer> {
  const header = PNG.slice(16, 29);
  const view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  return joined(PNG.subarray(0, 8), pngChunk("IHDR", header), PNG.subarray(HEADER_END));
}

export const jpegSegment = (marker: number, data: Uint8Array): Uint8Array =>
  joined(Uint8Array.of(0xff, marker, (data.length + 2) >> 8, (data.length + 2) & 0xff), data);

/** The JPEG with a segment right behind its first marker. */
export const jpegWith = (marker: number, data: Uint8Array): Uint8Array<ArrayBuffer> =>
  joined(JPEG.subarray(0, 2), jpegSegment(marker, data), JPEG.subarray(2));

/** An EXIF block that says how the picture is turned. */
export const exifOrientation = (orientation: number): Uint8Array =>
  joined(
    ascii("Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0"),
    Uint8Array.of(orientation, 0, 0, 0, 0, 0, 0, 0),
  );

/** The WebP with a chunk at its end and the flag that announces it. */
export function webpWith(type: string, data: Uint8Array, flag: number): Uint8Array<ArrayBuffer> {
  const padding = new Uint8Array(data.length % 2);
  const size = new Uint8Array(4);
  new DataView(size.buffer).setUint32(0, data.length, true);
  const whole = joined(WEBP, ascii(type), size, data, padding);
  new DataView(whole.buffer).setUint32(4, whole.length - 8, true);
  whole[20] = (whole[20] ?? 0) | flag;
  return whole;
}
