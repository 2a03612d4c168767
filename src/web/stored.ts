/**
 * What the browser keeps: who this device is, and the session of its card.
 * Storage may be blocked, full, edited or written by another version: everything read is checked, nothing read throws.
 */
import { type Branding, fieldsOf, isToken, readBranding } from "./answers.ts";

export const DEVICE_KEY = "ringfare.device";
export const SESSION_KEY = "ringfare.session";
const SESSION_VERSION = 1;
const DEVICE_ID_BYTES = 32;

export type KeyValue = Pick<Storage, "getItem" | "setItem" | "removeItem">;
/** `branding` only paints the page before the service answers. */
export type StoredSession = { readonly refreshToken: string; readonly branding: Branding | null };

export const parseDeviceId = (text: string | null): string | null =>
  text !== null && /^[A-Za-z0-9_-]{43}$/.test(text) ? text : null;

export function parseSession(text: string | null): StoredSession | null {
  if (text === null) return null;
  try {
    const { v, refreshToken, branding } = fieldsOf(JSON.parse(text));
    if (v !== SESSION_VERSION || !isToken(refreshToken)) return null;
    return { refreshToken, branding: readBranding(storedBranding(branding)) };
  } catch {
    return null;
  }
}

/** A stored brand is read like a fresh one, so an edited copy cannot do more than a published brand could. */
const storedBranding = (value: unknown): unknown => {
  const fields = fieldsOf(value);
  const logo = fieldsOf(fields["logo"]);
  return { ...fields, logo: { ...logo, url: logo["path"] } };
};

export const serialiseSession = (session: StoredSession): string => JSON.stringify({ v: SESSION_VERSION, ...session });

function base64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
}

/** Private windows may refuse storage; what it did not take stays in memory until the page is closed. */
export function reliableStore(open: () => KeyValue): KeyValue {
  const memory = new Map<string, string>();
  const read = (key: string) => {
    try {
      return open().getItem(key);
    } catch {
      return null;
    }
  };
  const wasDone = (use: (store: KeyValue) => void): boolean => {
    try {
      use(open());
      return true;
    } catch {
      return false;
    }
  };
  return {
    getItem: (key) => memory.get(key) ?? read(key),
    setItem: (key, value) => {
      if (wasDone((store) => store.setItem(key, value))) memory.delete(key);
      else memory.set(key, value);
    },
    removeItem: (key) => {
      memory.delete(key);
      wasDone((store) => store.removeItem(key));
    },
  };
}

export function deviceIdOf(store: KeyValue): string {
  const kept = parseDeviceId(store.getItem(DEVICE_KEY));
  if (kept !== null) return kept;
  const id = base64url(crypto.getRandomValues(new Uint8Array(DEVICE_ID_BYTES)));
  store.setItem(DEVICE_KEY, id);
  return id;
}
