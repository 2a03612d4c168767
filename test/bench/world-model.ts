/**
 * The arithmetic of the world bench: pure, so that its percentiles and its rule for hints are unit-tested.
 * Times are milliseconds between the edge location and the object; the last mile and CPU time are not in them.
 */
import type { LocationHint } from "../../src/domain/location-hint.ts";
import { LOCATION_HINTS, type Place, type Reading, type Readings } from "./latency-data.ts";

export type Summary = {
  readonly p50: number;
  readonly p90: number;
  readonly p95: number;
  readonly worst: number;
  readonly worstColo: string;
};
export type HintCase = {
  readonly colo: string;
  readonly hint: LocationHint;
  readonly defaultMs: number;
  readonly hintMs: number;
  readonly gainMs: number;
};

/**
 * A hint must beat default placement by both in the first reading, the one that covers every location.
 * 20 ms: a location has a handful of samples a reading, and figures that ought to agree (one default host, in the
 * hinted region) differ by a dozen ms. 20 %: less than that, nobody far away can tell.
 */
export const MIN_GAIN_MS = 20;
export const MIN_GAIN_SHARE = 0.2;

/** Nearest rank: the least value that at least the share `p` of all values does not exceed. Always one of the values. */
export function percentile(values: readonly number[], p: number): number {
  if (values.length === 0 || !(p > 0 && p <= 1)) throw new RangeError("percentile needs values and 0 < p <= 1");
  const sorted = values.toSorted((a, b) => a - b);
  // The epsilon keeps 0.07 * 100 = 7.000000000000001 at rank 7.
  const rank = Math.max(1, Math.ceil(p * sorted.length - 1e-9));
  return sorted[rank - 1] ?? Number.NaN;
}

export function summarise(msByColo: ReadonlyMap<string, number>): Summary {
  const values = [...msByColo.values()];
  const worst = percentile(values, 1);
  const worstColo = [...msByColo].find(([, ms]) => ms === worst)?.[0] ?? "";
  return {
    p50: percentile(values, 0.5),
    p90: percentile(values, 0.9),
    p95: percentile(values, 0.95),
    worst,
    worstColo,
  };
}

/** What a caller there can expect: the mean over the hosts an object lands on, weighted by how often it lands there. */
export function defaultMs(place: Place): number {
  const shares = place.hosts.reduce((sum, host) => sum + host.share, 0);
  return place.hosts.reduce((sum, host) => sum + host.share * host.latencyMs, 0) / shares;
}

export const slowestHostMs = (place: Place): number => Math.max(...place.hosts.map((host) => host.latencyMs));

export const nearestHint = (place: Place): LocationHint =>
  LOCATION_HINTS.reduce((best, hint) => (place.regionsMs[hint] < place.regionsMs[best] ? hint : best));

export function hintCase(place: Place, hint: LocationHint): HintCase {
  const withoutHint = defaultMs(place);
  const hintMs = place.regionsMs[hint];
  return { colo: place.colo, hint, defaultMs: withoutHint, hintMs, gainMs: withoutHint - hintMs };
}

export const isWin = (found: HintCase): boolean =>
  found.gainMs >= MIN_GAIN_MS && found.gainMs >= MIN_GAIN_SHARE * found.defaultMs;

/** Locations where one reading alone says that their nearest hint beats default placement; largest gain first. */
export function hintWins(reading: Reading): HintCase[] {
  return [...reading.places.values()]
    .map((place) => hintCase(place, nearestHint(place)))
    .filter(isWin)
    .toSorted((a, b) => b.gainMs - a.gainMs);
}

/** A second reading contradicts a hint if the hint was slower there than default placement. */
export const isContradicted = (again: HintCase): boolean => again.gainMs < 0;

/** The hints the product uses: wins of the first reading that the second one does not contradict; by location. */
export function chosenHints({ first, second }: Readings): ReadonlyMap<string, LocationHint> {
  const chosen = hintWins(first).filter(({ colo, hint }) => {
    const again = second.places.get(colo);
    return again === undefined || !isContradicted(hintCase(again, hint));
  });
  const byColo = chosen.toSorted((a, b) => (a.colo < b.colo ? -1 : 1));
  return new Map(byColo.map(({ colo, hint }) => [colo, hint]));
}

/** One figure for every location of a reading. */
export const eachPlace = (reading: Reading, ms: (place: Place) => number): ReadonlyMap<string, number> =>
  new Map([...reading.places.values()].map((place) => [place.colo, ms(place)]));
