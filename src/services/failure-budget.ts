/**
 * How many codes that were never issued a source may try. Damps guessing; the 75 sealed bits are what stops it.
 * Counted in isolate memory, and every tenth failure with the platform's limiter, which sees a location's other isolates.
 */

const WINDOW_MS = 60_000;
const FAILURES_PER_WINDOW = 60;
const ASK_EVERY = 10;
const MAX_SOURCES = 10_000;

export type FailureBudget = {
  /** Seconds to wait, or 0 while the source is within its budget. */
  waitSeconds(source: string): number;
  /** Counts one failure, then as `waitSeconds`. */
  fail(source: string): Promise<number>;
};

type Deps = {
  /** false = the location's budget for this source is used up. */
  readonly ask: (source: string) => Promise<boolean>;
  readonly now: () => number;
};

export function createFailureBudget({ ask, now }: Deps): FailureBudget {
  const counts = new Map<string, { failures: number; sinceMs: number; over: boolean }>();

  function current(source: string) {
    const known = counts.get(source);
    if (known && now() - known.sinceMs < WINDOW_MS) return known;
    if (counts.size >= MAX_SOURCES) counts.clear();
    const count = { failures: 0, sinceMs: now(), over: false };
    counts.set(source, count);
    return count;
  }

  const wait = ({ over, sinceMs }: { over: boolean; sinceMs: number }): number =>
    over ? Math.max(1, Math.ceil((sinceMs + WINDOW_MS - now()) / 1000)) : 0;

  return {
    waitSeconds: (source) => (counts.has(source) ? wait(current(source)) : 0),
    async fail(source) {
      const count = current(source);
      count.failures += 1;
      if (count.failures > FAILURES_PER_WINDOW) count.over = true;
      // A limiter that fails leaves the count of this isolate in force.
      else if (count.failures % ASK_EVERY === 0 && !(await ask(source).catch(() => true))) count.over = true;
      return wait(count);
    },
  };
}
