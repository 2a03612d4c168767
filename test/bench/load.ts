/** Bounded load on one route, and rounds of several routes in turn, so that all meet the same machine. */
import type { EventEmitter } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import autocannon, { type Options } from "autocannon";
import { cpuSeconds } from "./processes.ts";
import { percentile } from "./world-model.ts";

export type LoadRequest = {
  readonly method: "GET" | "POST" | "PUT";
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
};

export type Load = {
  readonly name: string;
  readonly url: string;
  /** The processes that answer. */
  readonly pids: readonly number[];
  readonly expectedStatus: number;
  /** Called for every request. */
  readonly next: () => LoadRequest;
  /** What the same connection sends once that is answered; both are counted. */
  readonly followedBy?: (before: LoadRequest) => LoadRequest;
  readonly connections?: number;
  /** Called for every answer; true: right as it is, whatever its status. */
  readonly answered?: (request: LoadRequest, status: number) => boolean;
  /** Done before each round, outside its time. */
  readonly begin?: () => Promise<void>;
  /** A fixed number of requests a round, for routes that use something up; otherwise as many as the time allows. */
  readonly amount?: number;
  /** Work it leaves to alarms is waited for, so that the next load does not pay for it. */
  readonly settles?: boolean;
};

export type Sample = {
  readonly perSecond: number;
  readonly p99Ms: number;
  /** Of the runtime, a request, with what its alarms do afterwards; NaN where the system does not tell. */
  readonly cpuMs: number;
};
type RoundSample = Sample & { readonly requests: number };
export type LoadResult = {
  readonly name: string;
  readonly samples: readonly Sample[];
  readonly requests: number;
} & Sample;

export type RoundOptions = {
  readonly rounds: number;
  readonly seconds: number;
  /** No new round is begun after this, so that a slow machine ends in time too. */
  readonly mostSeconds: number;
};

const CONNECTIONS = 16;
/** Longer than a card waits before it tells the projection. */
const SETTLE_MS = 3500;
const TIMEOUT_SECONDS = 20;
const SHOWN_BODY = 500;
const MOST_ATTEMPTS = 3;
const LEAST_ROUNDS = 2;

/** A route that answered wrongly makes every figure of it worthless. */
export class WrongAnswer extends Error {
  override readonly name = "WrongAnswer";
}

/** Every request comes from an address of its own, so that no failure budget is what is measured. */
function sources(): () => string {
  let count = 0;
  return () => {
    count += 1;
    return `10.${(count >> 16) & 255}.${(count >> 8) & 255}.${count & 255}`;
  };
}
const nextSource = sources();

export async function runLoad(
  load: Load,
  bound: { amount: number } | { duration: number },
  attempt = 1,
): Promise<RoundSample> {
  const latenciesMs: number[] = [];
  let wrong: string | undefined;
  await load.begin?.();
  const cpuBefore = (await cpuSeconds(load.pids)) ?? Number.NaN;
  const startedMs = performance.now();
  let lastMs = startedMs;
  const { errors, timeouts } = await autocannon({
    url: load.url,
    connections: load.connections ?? CONNECTIONS,
    timeout: TIMEOUT_SECONDS,
    ...bound,
    requests: stepsOf(load, (status, body) => {
      wrong ??= `${status}: ${body.slice(0, SHOWN_BODY)}`;
    }),
    setupClient: (client: EventEmitter) => {
      client.on("response", (_status: number, _bytes: number, ms: number) => {
        latenciesMs.push(ms);
        lastMs = performance.now();
      });
    },
  });
  if (wrong !== undefined) throw new WrongAnswer(`${load.name}: expected ${load.expectedStatus}, got ${wrong}`);
  if (errors + timeouts > 0) throw new WrongAnswer(`${load.name}: ${errors} errors, ${timeouts} timeouts`);
  // A machine that stood still for the whole of a short round: no sample, so it is taken again.
  if (latenciesMs.length === 0) return attempt < MOST_ATTEMPTS ? runLoad(load, bound, attempt + 1) : noAnswers(load);
  if (load.settles === true) await settled();
  const cpu = ((await cpuSeconds(load.pids)) ?? Number.NaN) - cpuBefore;
  return {
    requests: latenciesMs.length,
    perSecond: latenciesMs.length / ((lastMs - startedMs) / 1000),
    p99Ms: percentile(latenciesMs, 0.99),
    cpuMs: (cpu * 1000) / latenciesMs.length,
  };
}

/** An iteration of one connection: a request, and the one that follows from it. */
function stepsOf(load: Load, onWrong: (status: number, body: string) => void): Options["requests"] {
  const step = (requestAfter: (before: LoadRequest | undefined) => LoadRequest): Options["requests"][number] => ({
    setupRequest: (request, context) => {
      const sent = requestAfter(context["sent"] as LoadRequest | undefined);
      context["sent"] = sent;
      const { method, path, headers, body } = sent;
      const json = body === undefined ? {} : { "Content-Type": "application/json" };
      return {
        ...request,
        method,
        path,
        headers: { "CF-Connecting-IP": nextSource(), ...json, ...headers },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      };
    },
    onResponse: (status, body, context) => {
      const isRight = load.answered?.(context["sent"] as LoadRequest, status) ?? false;
      if (!isRight && status !== load.expectedStatus) onWrong(status, body);
    },
  });
  const { followedBy } = load;
  const first = step(() => load.next());
  return followedBy ? [first, step((before) => followedBy(before ?? load.next()))] : [first];
}

/** Until the alarms of what was just done have gone off. */
export const settled = (): Promise<void> => sleep(SETTLE_MS);

function noAnswers({ name }: Load): never {
  throw new WrongAnswer(`${name}: no answers at all`);
}

/** A B C A B C …: each figure is the median over the rounds, after one round that only warms up. */
export async function runRounds(
  loads: readonly Load[],
  { rounds, seconds, mostSeconds }: RoundOptions,
  say: (line: string) => void,
): Promise<LoadResult[]> {
  const samples = new Map<string, RoundSample[]>(loads.map(({ name }) => [name, []]));
  const endMs = performance.now() + mostSeconds * 1000;
  for (let round = 0; round <= rounds && (round <= LEAST_ROUNDS || performance.now() < endMs); round++) {
    for (const load of loads) {
      const bound = load.amount === undefined ? { duration: seconds } : { amount: load.amount };
      const sample = await runLoad(load, bound);
      if (round > 0) samples.get(load.name)?.push(sample);
    }
    say(round === 0 ? "warmed up" : `round ${round} of ${rounds}`);
  }
  return [...samples].map(([name, all]) => ({
    name,
    samples: all,
    requests: all.reduce((sum, sample) => sum + sample.requests, 0),
    perSecond: median(all.map((sample) => sample.perSecond)),
    p99Ms: median(all.map((sample) => sample.p99Ms)),
    cpuMs: median(all.map((sample) => sample.cpuMs)),
  }));
}

export const median = (values: readonly number[]): number => percentile(values, 0.5);
