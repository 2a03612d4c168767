/**
 * The service's answers, read into what the page shows. Pure.
 * Additions to the contract are ignored, and anything missing is absent: an old page survives a newer service.
 */
import { type BrandLinks, LINK_KEYS, TEXT_KEYS } from "../domain/branding.ts";
import { type Palettes, usablePalettes } from "../domain/palette.ts";

export type Fields = Readonly<Record<string, unknown>>;

export const fieldsOf = (value: unknown): Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : {};
export const textOf = (value: unknown, most = 512): string | null =>
  typeof value === "string" && value !== "" && value.length <= most ? value : null;
const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value.slice(0, 16) : []);
const textsOf = (value: unknown): string[] => listOf(value).flatMap((item) => textOf(item) ?? []);

export type Branding = {
  readonly brand: string;
  readonly version: number;
  readonly name: string;
  readonly colours: Palettes;
  readonly logo: { readonly path: string; readonly width: number; readonly height: number } | null;
  readonly texts: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly links: BrandLinks;
};

type Balance = { readonly available: string; readonly held: string; readonly currency: string };
export type CardFacts = {
  readonly serial: string;
  readonly status: string;
  readonly expiresAt: string | null;
  readonly isTest: boolean;
  readonly balance: Balance;
};

type SipLogin = { readonly username: string; readonly password: string; readonly expiresAt: string | null };
export type SipAccount = {
  readonly domain: string;
  readonly username: string;
  readonly proxies: readonly string[];
  readonly webSockets: readonly string[];
  readonly login: SipLogin | null;
};

export type Tokens = {
  readonly accessToken: string;
  readonly expiresInSeconds: number;
  readonly refreshToken: string;
};

/** Tokens are opaque printable text; anything else is not sent back to the service. */
export const isToken = (value: unknown): value is string =>
  typeof value === "string" && /^[\x21-\x7e]{16,4096}$/.test(value);

const isSize = (size: unknown): size is number => typeof size === "number" && size >= 1 && size <= 8192;

/** Logos are content-addressed files of this very origin; only the path is kept, so both local hosts work. */
function readLogo(value: unknown): Branding["logo"] {
  const { url, width, height } = fieldsOf(value);
  const path = /\/assets\/[0-9a-f]{64}\.[a-z]{3,4}$/.exec(textOf(url) ?? "")?.[0];
  return path !== undefined && isSize(width) && isSize(height) ? { path, width, height } : null;
}

/** Web addresses only: a `javascript:` link of a brand never becomes one of the page. */
function readLink(value: unknown): string | null {
  const text = textOf(value, 2048);
  return text !== null && URL.canParse(text) && /^(https|mailto|tel):$/.test(new URL(text).protocol) ? text : null;
}

export function readBranding(value: unknown): Branding | null {
  const { brand, version, name, colours, logo, texts, links } = fieldsOf(value);
  const [id, title] = [textOf(brand), textOf(name)];
  if (id === null || title === null) return null;
  const byLanguage = Object.entries(fieldsOf(texts)).slice(0, 64);
  return {
    brand: id,
    version: typeof version === "number" ? version : 0,
    name: title,
    colours: usablePalettes(colours),
    logo: readLogo(logo),
    texts: Object.fromEntries(
      byLanguage.map(([language, group]) => [
        language,
        Object.fromEntries(TEXT_KEYS.map((key) => [key, textOf(fieldsOf(group)[key], 2000) ?? ""])),
      ]),
    ),
    links: Object.fromEntries(LINK_KEYS.map((key) => [key, readLink(fieldsOf(links)[key])])) as BrandLinks,
  };
}

/** The brand's sentence in the reader's language, else in English, else in whatever there is. */
export function brandText(
  branding: Branding,
  key: (typeof TEXT_KEYS)[number],
  languages: readonly string[],
): { readonly language: string; readonly text: string } | null {
  const wanted = [...languages, ...languages.map((language) => language.split("-")[0] ?? ""), "en"];
  for (const language of [...wanted, ...Object.keys(branding.texts)]) {
    const text = Object.hasOwn(branding.texts, language) ? branding.texts[language]?.[key] : undefined;
    if (text) return { language, text };
  }
  return null;
}

export function readCard(answer: unknown): CardFacts | null {
  const card = fieldsOf(fieldsOf(answer)["card"]);
  const balance = fieldsOf(fieldsOf(answer)["balance"]);
  const [serial, status, available, currency] = [
    card["serial"],
    card["status"],
    balance["available"],
    balance["currency"],
  ].map((value) => textOf(value, 64));
  if (!serial || !status || !available || !currency) return null;
  const held = textOf(balance["held"], 64) ?? "0";
  return {
    serial,
    status,
    expiresAt: textOf(card["expiresAt"], 64),
    isTest: card["mode"] === "test",
    balance: { available, held, currency },
  };
}

/** Where the card is topped up; null = nowhere but by voucher. */
export function readPortal(answer: unknown): string | null {
  const url = textOf(fieldsOf(fieldsOf(answer)["portal"])["url"], 2048);
  return url !== null && URL.canParse(url) && /^https?:$/.test(new URL(url).protocol) ? url : null;
}

/** An expired card's provisioning carries no SIP part. */
export function readSip(provisioning: unknown): SipAccount | null {
  const sip = fieldsOf(fieldsOf(provisioning)["sip"]);
  const [domain, username] = [textOf(sip["domain"]), textOf(sip["username"])];
  if (domain === null || username === null) return null;
  const digest = listOf(sip["credentials"])
    .map(fieldsOf)
    .find(({ type }) => type === "digest");
  const [login, password] = [textOf(digest?.["username"]), textOf(digest?.["password"])];
  return {
    domain,
    username,
    proxies: textsOf(sip["proxies"]),
    webSockets: textsOf(sip["webSockets"]),
    login:
      login === null || password === null
        ? null
        : { username: login, password, expiresAt: textOf(digest?.["expiresAt"], 64) },
  };
}

/** Redeem speaks camelCase, the OAuth endpoint RFC 6749. */
export function readTokens(value: unknown): Tokens | null {
  const fields = fieldsOf(value);
  const accessToken = fields["accessToken"] ?? fields["access_token"];
  const refreshToken = fields["refreshToken"] ?? fields["refresh_token"];
  const expiresIn = fields["expiresIn"] ?? fields["expires_in"];
  if (!isToken(accessToken) || !isToken(refreshToken) || typeof expiresIn !== "number") return null;
  return { accessToken, refreshToken, expiresInSeconds: expiresIn };
}
