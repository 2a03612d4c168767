/**
 * Time limits around D1 and KV: both stall for seconds at times, and a card holder should not.
 * A dependency that fails or is late becomes `Unavailable`, which the HTTP edge answers as 503 `try_again`.
 */

export const D1_READ_LIMIT_MS = 2000;
export const D1_WRITE_LIMIT_MS = 10_000;
export const KV_LIMIT_MS = 1000;

export class Unavailable extends Error {
  override readonly name = "Unavailable";
}

/** Settles as the operation does, or rejects with Unavailable once it failed or took longer than the limit. */
export async function withTimeLimit<T>(what: string, limitMs: number, operation: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | null = null;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Unavailable(`${what}: no answer in ${limitMs} ms`)), limitMs);
  });
  try {
    return await Promise.race([operation, late]);
  } catch (cause) {
    throw cause instanceof Unavailable ? cause : new Unavailable(`${what} failed`, { cause });
  } finally {
    clearTimeout(timer);
  }
}
