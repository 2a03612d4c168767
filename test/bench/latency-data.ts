/**
 * Reads the published latency figures beside this file and checks their shape. No arithmetic here.
 */
import { readFileSync } from "node:fs";
import { z } from "zod";
import type { LocationHint } from "../../src/domain/location-hint.ts";

export type Host = { readonly colo: string; readonly share: number; readonly latencyMs: number };
export type Place = {
  readonly colo: string;
  /** Where an object made from here without a hint lands; shares add up to 1. */
  readonly hosts: readonly Host[];
  /** Time to an object made from here with each hint. */
  readonly regionsMs: Readonly<Record<LocationHint, number>>;
};
export type Reading = { readonly source: string; readonly places: ReadonlyMap<string, Place> };
/** `first` covers every location; `second` only those whose figures were read again. */
export type Readings = { readonly first: Reading; readonly second: Reading };

export const LOCATION_HINTS = ["wnam", "enam", "sam", "weur", "eeur", "apac", "oc", "afr", "me"] as const;

const DATA_FILE = new URL("./durable-object-latency.json", import.meta.url);
/** Shares were cut to four digits at the source, so they miss 1 by a little. */
const SHARE_TOLERANCE = 0.01;

const colo = z.string().regex(/^[A-Z]{3}$/);
const ms = z.number().positive();
const rawReading = z.strictObject({
  source: z.string(),
  hosts: z.record(colo, z.record(colo, z.tuple([z.number().positive().max(1), ms]))),
  /** In the order of LOCATION_HINTS. */
  regions: z.record(colo, z.tuple([ms, ms, ms, ms, ms, ms, ms, ms, ms])),
});
const rawReadings = z.strictObject({
  about: z.string(),
  hints: z.array(z.string()).refine((hints) => hints.join() === LOCATION_HINTS.join(), "hints in another order"),
  first: rawReading,
  second: rawReading,
});

type RawReading = z.infer<typeof rawReading>;

export function loadReadings(): Readings {
  const raw = rawReadings.parse(JSON.parse(readFileSync(DATA_FILE, "utf8")));
  return { first: toReading(raw.first), second: toReading(raw.second) };
}

function toReading(raw: RawReading): Reading {
  const places = Object.keys(raw.hosts).map((name) => toPlace(name, raw));
  if (places.length !== Object.keys(raw.regions).length) throw new Error("hosts and regions name different locations");
  return { source: raw.source, places: new Map(places.map((place) => [place.colo, place])) };
}

function toPlace(name: string, raw: RawReading): Place {
  const entries = Object.entries(raw.hosts[name] ?? {});
  const hosts = entries.map(([host, [share, latencyMs]]) => ({ colo: host, share, latencyMs }));
  const shares = hosts.reduce((sum, host) => sum + host.share, 0);
  const regions = raw.regions[name];
  if (regions === undefined || Math.abs(shares - 1) > SHARE_TOLERANCE)
    throw new Error(`figures of ${name} are unusable`);
  const [wnam, enam, sam, weur, eeur, apac, oc, afr, me] = regions;
  return { colo: name, hosts, regionsMs: { wnam, enam, sam, weur, eeur, apac, oc, afr, me } };
}
