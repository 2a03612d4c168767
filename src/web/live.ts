/**
 * The card's live channel as the page uses it: one socket while somebody looks, opened again when it breaks.
 * Knows the service's messages, no DOM. What it misses is made up for when the page asks for the card again.
 */
import { type CardFacts, fieldsOf, readCard } from "./answers.ts";

const PATH = "/v1/me/events";
/** The device is not signed in any more. */
const SIGNED_OUT = 4401;
/** The access token ended; a new one opens the next socket. */
const TOKEN_EXPIRED = 4408;
const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 60_000;

type Socket = { readonly close: () => void };
type Heard = { readonly said: (data: unknown) => void; readonly ended: (code: number) => void };

export type LiveDeps = {
  readonly open: (path: string, protocols: string[], heard: Heard) => Socket;
  /** A valid access token; null = there is none now. */
  readonly token: () => Promise<string | null>;
  readonly later: (task: () => void, ms: number) => () => void;
  /** 0…1, so that pages cut off together do not come back together. */
  readonly random: () => number;
  readonly onCard: (card: CardFacts) => void;
  /** The service said this device is signed out. */
  readonly onSignedOut: () => void;
};

export type Live = { readonly close: () => void };

/** The card a message carries; null for other messages and for what cannot be read. */
export function cardOf(message: unknown): CardFacts | null {
  try {
    const { type, data } = fieldsOf(typeof message === "string" ? JSON.parse(message) : null);
    return type === "card" ? readCard(data) : null;
  } catch {
    return null;
  }
}

/** Twice as long every time, at least half of it. */
export const waitMs = (failures: number, random: number): number =>
  Math.min(FIRST_WAIT_MS * 2 ** Math.min(failures, 16), LONGEST_WAIT_MS) * (0.5 + random / 2);

export function openLive(deps: LiveDeps): Live {
  let socket: Socket | null = null;
  let failures = 0;
  let isClosed = false;
  let cancelWait: (() => void) | null = null;

  const again = () => {
    cancelWait = deps.later(() => void connect(), waitMs(failures, deps.random()));
    failures += 1;
  };
  const said = (data: unknown) => {
    const card = cardOf(data);
    if (!card || isClosed) return;
    failures = 0;
    deps.onCard(card);
  };
  const ended = (code: number) => {
    socket = null;
    if (isClosed) return;
    if (code === SIGNED_OUT) deps.onSignedOut();
    else if (code === TOKEN_EXPIRED && failures === 0) void connect();
    else again();
  };
  const connect = async () => {
    const token = await deps.token();
    if (isClosed) return;
    if (token === null) return again();
    socket = deps.open(PATH, ["bearer", token], { said, ended });
  };

  void connect();
  return {
    close: () => {
      isClosed = true;
      cancelWait?.();
      socket?.close();
    },
  };
}
