/**
 * The upstream's cookies in the visitor's browser. Names, values, paths and flags stay as the upstream set them, so that
 * its scripts find them; what is sent back is only what it set itself, through us, for this very card.
 * Each cookie has a seal beside it (a `__Host-` cookie, which no other host can plant) over card, name and value. So a
 * sibling host that plants a cookie for the whole domain, or the card that was signed in before, reaches nobody's upstream.
 */

export const SESSION_COOKIE = "__Host-ringfare";
/** Which card this browser's storage belongs to. */
export const CARD_COOKIE = "__Host-ringfare-card";
const SEAL_PREFIX = "__Host-ringfare-seal-";
/** Browsers compare the prefixes of names without case. */
const OURS = /^__host-ringfare/i;

const MAX_COOKIES = 50;
const MAX_COOKIE_LENGTH = 4096;
const MAX_HEADER_LENGTH = 16_384;
const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const VALUE = /^[\x21-\x3a\x3c-\x7e](?:[\x20-\x3a\x3c-\x7e]*[\x21-\x3a\x3c-\x7e])?$|^$/;

export type Cookie = { readonly name: string; readonly value: string };

/** Answers the seals that count for this cookie, the one to write first. */
export type SealOf = (cookie: Cookie) => Promise<readonly string[]>;

export function readCookies(header: string | null): Cookie[] {
  if (header === null || header.length > MAX_HEADER_LENGTH) return [];
  return header.split(";").flatMap((pair) => {
    const at = pair.indexOf("=");
    const [name, value] = [pair.slice(0, at).trim(), pair.slice(at + 1).trim()];
    return at > 0 && NAME.test(name) && VALUE.test(value) ? [{ name, value }] : [];
  });
}

/** A cookie of ours that is there twice was not set by us alone. */
export function ownCookie(cookies: readonly Cookie[], name: string): string | undefined {
  const found = cookies.filter((cookie) => cookie.name === name);
  return found.length === 1 ? found[0]?.value : undefined;
}

/** The Cookie header for the upstream. */
export async function cookiesForUpstream(cookies: readonly Cookie[], sealOf: SealOf): Promise<string> {
  const seals = new Set(cookies.filter(({ name }) => name.startsWith(SEAL_PREFIX)).map(({ value }) => value));
  const theirs = cookies.filter(({ name }) => !OURS.test(name)).slice(0, MAX_COOKIES);
  const passed = await Promise.all(
    theirs.map(async (cookie) => ((await sealOf(cookie)).some((seal) => seals.has(seal)) ? cookie : undefined)),
  );
  return passed.flatMap((cookie) => (cookie ? `${cookie.name}=${cookie.value}` : [])).join("; ");
}

/** The Set-Cookie headers for the browser: each cookie without its domain, and its seal. */
export async function cookiesForBrowser(
  setCookies: readonly string[],
  sealOf: SealOf,
  placeOf: (text: string) => Promise<string>,
): Promise<string[]> {
  const lists = await Promise.all(
    setCookies.slice(0, MAX_COOKIES).map(async (text) => {
      const cookie = readSetCookie(text);
      if (!cookie) return [];
      const [seal] = await sealOf(cookie);
      const place = await placeOf(`${cookie.name}\0${cookie.path ?? ""}`);
      const life = cookie.life.map((attribute) => `; ${attribute}`).join("");
      return seal === undefined
        ? []
        : [cookie.text, `${SEAL_PREFIX}${place}=${seal}; Path=/; Secure; HttpOnly; SameSite=${cookie.sameSite}${life}`];
    }),
  );
  return lists.flat();
}

type SetCookie = Cookie & {
  readonly path: string | undefined;
  readonly life: readonly string[];
  readonly sameSite: string;
  readonly text: string;
};

/** RFC 6265 section 5.2, with an allow-list of attributes: a domain would hand the cookie to other brands' hosts. */
function readSetCookie(text: string): SetCookie | undefined {
  if (text.length > MAX_COOKIE_LENGTH) return undefined;
  const [pair = "", ...attributes] = text.split(";");
  const at = pair.indexOf("=");
  const [name, value] = [pair.slice(0, at).trim(), pair.slice(at + 1).trim()];
  if (at < 1 || !NAME.test(name) || !VALUE.test(value) || OURS.test(name)) return undefined;
  const given = new Map(
    attributes.map((attribute) => {
      const split = attribute.indexOf("=");
      const key = (split < 0 ? attribute : attribute.slice(0, split)).trim().toLowerCase();
      return [key, split < 0 ? "" : attribute.slice(split + 1).trim()] as const;
    }),
  );
  const path = given.get("path");
  const isPath = path !== undefined && /^\/[\x21-\x3a\x3c-\x7e]*$/.test(path);
  const maxAge = given.get("max-age");
  const expires = given.get("expires");
  const life = [
    ...(maxAge !== undefined && /^-?\d{1,10}$/.test(maxAge) ? [`Max-Age=${maxAge}`] : []),
    ...(expires !== undefined && /^[A-Za-z0-9 ,:+-]{1,40}$/.test(expires) ? [`Expires=${expires}`] : []),
  ];
  const sameSite = /^(?:strict|lax|none)$/i.exec(given.get("samesite") ?? "")?.[0] ?? "Lax";
  const parts = [
    `${name}=${value}`,
    ...(isPath ? [`Path=${path}`] : []),
    ...life,
    "Secure",
    ...(given.has("httponly") ? ["HttpOnly"] : []),
    `SameSite=${sameSite}`,
    ...(given.has("partitioned") ? ["Partitioned"] : []),
  ];
  return { name, value, path: isPath ? path : undefined, life, sameSite, text: parts.join("; ") };
}

/** Ends every cookie the browser sent, where it can be seen from here. */
export const endedCookies = (cookies: readonly Cookie[]): string[] =>
  [...new Set(cookies.map(({ name }) => name))].map((name) => `${name}=; Path=/; Max-Age=0; Secure`);

export const ownSetCookie = (name: string, value: string, maxAgeSeconds: number): string =>
  `${name}=${value}; Path=/; Max-Age=${maxAgeSeconds}; Secure; HttpOnly; SameSite=Lax`;
