/**
 * One request to the upstream, one answer back: streamed both ways, redirects left alone, everything bounded.
 * Nothing is buffered. An answer that says its length and is not encoded goes through the runtime untouched; any other
 * is counted while it passes.
 */
import { err, ok, type Result } from "../domain/result.ts";

export type ForwardLimits = {
  /** Until the upstream's headers are there. */
  readonly headersMs: number;
  /** Between two pieces of a body. */
  readonly idleMs: number;
  readonly totalMs: number;
  readonly requestBytes: number;
  /** Decoded. */
  readonly responseBytes: number;
};

export const FORWARD_LIMITS: ForwardLimits = {
  headersMs: 25_000,
  idleMs: 60_000,
  totalMs: 15 * 60_000,
  requestBytes: 100 * 1024 * 1024,
  responseBytes: 2 * 1024 * 1024 * 1024,
};

export type ForwardFailure = "upstream_late" | "upstream_failed" | "too_large";

export type Outgoing = {
  readonly target: URL;
  readonly method: string;
  readonly headers: Headers;
  readonly body: ReadableStream | null;
  /** As the sender declared it; null = it did not. */
  readonly bodyLength: number | null;
};

export type Fetch = (target: URL, init: RequestInit) => Promise<Response>;

export type Forwarded = {
  readonly answer: Response;
  /** The body, bounded; null when there is none. */
  readonly body: ReadableStream | null;
  /** null = not known, or not the length of what the browser gets. */
  readonly length: number | null;
  /** Of what the browser gets; null = none. */
  readonly encoding: string | null;
};

export async function forward(
  fetchUpstream: Fetch,
  { target, method, headers, body, bodyLength }: Outgoing,
  limits: ForwardLimits = FORWARD_LIMITS,
): Promise<Result<Forwarded, ForwardFailure>> {
  if ((bodyLength ?? 0) > limits.requestBytes) return err("too_large");
  const abort = new AbortController();
  let failure: ForwardFailure = "upstream_failed";
  const stop = (why: ForwardFailure) => {
    failure = why;
    abort.abort();
  };
  const timer = setTimeout(() => stop("upstream_late"), limits.headersMs);
  // The platform holds a body to its declared length; one without is counted.
  const sent =
    body === null || bodyLength !== null
      ? body
      : bounded(body, { limits: { ...limits, responseBytes: limits.requestBytes }, onExcess: () => stop("too_large") });
  try {
    const init: RequestInit = {
      method,
      headers,
      redirect: "manual",
      signal: abort.signal,
      ...(sent && { body: sent }),
    };
    const answer = await fetchUpstream(target, init);
    return received(answer, limits, () => abort.abort());
  } catch {
    return err(failure);
  } finally {
    clearTimeout(timer);
  }
}

/** Encodings that the runtime has taken off by the time anybody reads the body. */
const DECODED = /^(?:gzip|x-gzip|br)$/i;
const BODILESS: ReadonlySet<number> = new Set([101, 204, 205, 304]);

function received(answer: Response, limits: ForwardLimits, abort: () => void): Result<Forwarded, ForwardFailure> {
  const encoding = answer.headers.get("content-encoding")?.trim() ?? "";
  const isPlain = encoding === "" || encoding.toLowerCase() === "identity";
  const declared = answer.headers.get("content-length");
  const length = isPlain && declared !== null && /^\d{1,15}$/.test(declared) ? Number(declared) : null;
  if (answer.body === null || BODILESS.has(answer.status))
    return ok({ answer, body: null, length: null, encoding: null });
  if (length !== null && length > limits.responseBytes) {
    abort();
    return err("upstream_failed");
  }
  const body = length === null ? bounded(answer.body, { limits, onExcess: abort }) : answer.body;
  return ok({ answer, body, length, encoding: isPlain || DECODED.test(encoding) ? null : encoding });
}

/** The same bytes, read only as fast as they are taken; breaks off beyond the limits of size, pause and time. */
export function bounded(
  source: ReadableStream<Uint8Array>,
  { limits, onExcess }: { limits: Pick<ForwardLimits, "idleMs" | "totalMs" | "responseBytes">; onExcess: () => void },
): ReadableStream<Uint8Array> {
  const read = readerOf(source);
  const endMs = Date.now() + limits.totalMs;
  let bytes = 0;
  const breakOff = (controller: ReadableStreamDefaultController): void => {
    onExcess();
    controller.error(new Error("beyond a limit"));
    read.cancel().catch(() => undefined);
  };
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      let timer: ReturnType<typeof setTimeout> | null = null;
      const waitMs = Math.min(limits.idleMs, Math.max(0, endMs - Date.now()));
      const late = new Promise<"late">((resolve) => {
        timer = setTimeout(() => resolve("late"), waitMs);
      });
      try {
        const part = await Promise.race([read.next(), late]);
        if (part === "late") return breakOff(controller);
        if (part === "end") return controller.close();
        bytes += part.length;
        if (bytes > limits.responseBytes) return breakOff(controller);
        controller.enqueue(part);
      } catch (error) {
        controller.error(error);
      } finally {
        clearTimeout(timer);
      }
    },
    cancel: (reason) => read.cancel(reason),
  });
}

const PIECE_BYTES = 64 * 1024;

const endOr = (value: Uint8Array | undefined, done: boolean): Uint8Array | "end" =>
  done || value === undefined ? "end" : value;

/** The runtime's own bodies are read in large pieces: every piece costs a turn. Others come in the pieces they have. */
function readerOf(source: ReadableStream<Uint8Array>) {
  try {
    const reader = source.getReader({ mode: "byob" });
    return {
      next: async () => {
        const { value, done } = await reader.read(new Uint8Array(PIECE_BYTES));
        return endOr(value, done);
      },
      cancel: (reason?: unknown) => reader.cancel(reason),
    };
  } catch {
    const reader = source.getReader();
    return {
      next: async () => {
        const { value, done } = await reader.read();
        return endOr(value, done);
      },
      cancel: (reason?: unknown) => reader.cancel(reason),
    };
  }
}
