/**
 * Wire times and calendar days. Pure: the clock is always passed in.
 * A date rule is valid to its end in the partner's time zone, so a card never dies while its printed day still runs.
 */
import { assert } from "./assert.ts";

export const SECOND_MS = 1000;
export const DAY_MS = 86_400_000;

/** RFC 3339 has four-digit years, so this is all it can say. */
const FIRST_MS = Date.parse("0000-01-01T00:00:00Z");
const LAST_MS = Date.parse("9999-12-31T23:59:59.999Z");

/** RFC 3339 in UTC, whole seconds. */
export const toRfc3339 = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`;

/** Reads RFC 3339 with an offset (section 5.6) into epoch ms; undefined for anything else, impossible dates included. */
export function parseRfc3339(text: string): number | undefined {
  // The hour is spelled out because ECMAScript also reads 24:00:00, which RFC 3339 does not have.
  const match = /^(\d{4}-\d{2}-\d{2})T(?:[01]\d|2[0-3]):\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:\d{2})$/.exec(text);
  const ms = match ? Date.parse(text) : Number.NaN;
  return ms >= FIRST_MS && ms <= LAST_MS && isCalendarDate(match?.[1] ?? "") ? ms : undefined;
}

export function isCalendarDate(text: string): boolean {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return false;
  const ms = Date.parse(`${text}T00:00:00Z`);
  return !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(text);
}

export function isTimeZone(text: string): boolean {
  if (!/^[A-Za-z][A-Za-z0-9_+/-]{0,63}$/.test(text)) return false;
  try {
    return new Intl.DateTimeFormat("en", { timeZone: text }).resolvedOptions().timeZone !== "";
  } catch {
    return false;
  }
}

/** Minutes-exact offset of a zone at an instant, in ms east of UTC. */
function zoneOffsetMs(atMs: number, timeZone: string): number {
  const parts = new Intl.DateTimeFormat("en-US", {
    timeZone,
    hourCycle: "h23",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
    second: "numeric",
  }).formatToParts(new Date(atMs));
  const get = (type: Intl.DateTimeFormatPartTypes) => Number(parts.find((part) => part.type === type)?.value);
  const wall = Date.UTC(get("year"), get("month") - 1, get("day"), get("hour"), get("minute"), get("second"));
  return wall - Math.floor(atMs / SECOND_MS) * SECOND_MS;
}

/** The calendar day an instant falls on in a zone, as `YYYY-MM-DD`. */
export const localDate = (atMs: number, timeZone: string): string =>
  new Date(atMs + zoneOffsetMs(atMs, timeZone)).toISOString().slice(0, 10);

/** The last millisecond of a calendar day in a zone. */
export function endOfDayMs(date: string, timeZone: string): number {
  assert(isCalendarDate(date), "a calendar date");
  const nextMidnight = Date.parse(`${date}T00:00:00Z`) + DAY_MS;
  const midnightAsOf = (atMs: number): number => nextMidnight - zoneOffsetMs(atMs, timeZone);
  const [before, after] = [midnightAsOf(nextMidnight - DAY_MS), midnightAsOf(nextMidnight + DAY_MS)] as const;
  const late = Math.max(before, after);
  // Clocks change near this midnight, or at it, where it then never shows: the later reading, if it is still that day.
  const isLate = before === after || localDate(late - 1, timeZone) <= date;
  return (isLate ? late : Math.min(before, after)) - 1;
}

export const addDays = (date: string, days: number): string =>
  new Date(Date.parse(`${date}T00:00:00Z`) + days * DAY_MS).toISOString().slice(0, 10);
