/** How long a card stays signed in at its portal. Pure. */
import { SECOND_MS } from "./time.ts";

const MINUTE_MS = 60 * SECOND_MS;

export const TICKET_SECONDS = 60;
export const SESSION_IDLE_MS = 30 * MINUTE_MS;
export const SESSION_MOST_MS = 8 * 60 * MINUTE_MS;
/** A visit is written down at most this often, so that a page of many parts writes once. */
export const SEEN_EVERY_MS = MINUTE_MS;
/** Sessions one card may begin within a minute. */
export const MOST_OPENED = 20;

export type PortalSession = { readonly openedAtMs: number; readonly seenAtMs: number; readonly ended: boolean };

export const sessionIsLive = ({ openedAtMs, seenAtMs, ended }: PortalSession, nowMs: number): boolean =>
  !ended && nowMs < openedAtMs + SESSION_MOST_MS && nowMs < seenAtMs + SESSION_IDLE_MS;
