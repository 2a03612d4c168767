/**
 * Is a history of overlapping calls what one card, doing them one after the other, could have answered?
 * A search over the orders that respect real time, remembering what was tried (Wing and Gong, with Lowe's memory).
 */

export type Call<Request, Reply> = {
  readonly request: Request;
  readonly startedAt: number;
  /** Infinity = no reply came: it may have happened at any time since, or never. */
  readonly endedAt: number;
  readonly reply: Reply | undefined;
};

export type Sequential<State, Request, Reply> = {
  readonly start: State;
  /** Must leave the state it was given alone. */
  readonly apply: (state: State, request: Request) => { state: State; reply: Reply };
  readonly equal: (a: Reply, b: Reply) => boolean;
  /** Equal for states no later call can tell apart. */
  readonly key: (state: State) => string;
};

/** More calls than fit a bit mask would make the search too long anyway. */
export const MOST_CALLS = 30;

/** An order of the calls (indices) that explains every reply; null = there is none. */
export function linearize<State, Request, Reply>(
  history: readonly Call<Request, Reply>[],
  { start, apply, equal, key }: Sequential<State, Request, Reply>,
  /** Must hold of the state in the end: what is stored, say. */
  accept: (state: State) => boolean = () => true,
): number[] | null {
  if (history.length > MOST_CALLS) throw new Error(`At most ${MOST_CALLS} calls.`);
  const answered = history.reduce((mask, { reply }, index) => (reply === undefined ? mask : mask | (1 << index)), 0);
  const tried = new Set<string>();
  const search = (done: number, state: State): number[] | null => {
    if ((done & answered) === answered && accept(state)) return [];
    const memory = `${done} ${key(state)}`;
    if (tried.has(memory)) return null;
    tried.add(memory);
    const open = history.map((call, index) => ({ ...call, index })).filter(({ index }) => (done & (1 << index)) === 0);
    // Nothing can come before a call that had ended when it began.
    const firstEnd = Math.min(...open.map(({ endedAt }) => endedAt));
    for (const { index, startedAt, request, reply } of open) {
      if (startedAt > firstEnd) continue;
      const next = apply(state, request);
      if (reply !== undefined && !equal(next.reply, reply)) continue;
      const rest = search(done | (1 << index), next.state);
      if (rest) return [index, ...rest];
    }
    return null;
  };
  return search(0, start);
}
