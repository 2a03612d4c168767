/** A partner's look: the document, its default, and the manifest that is published. Pure. */
import type { BrandPortal } from "./portal.ts";

export const COLOUR_ROLES = ["primary", "onPrimary", "background", "surface", "text", "mutedText", "danger"] as const;
export type Palette = Readonly<Record<(typeof COLOUR_ROLES)[number], string>>;

export const TEXT_KEYS = ["tagline", "welcome", "topUp", "support"] as const;
export type BrandTexts = Readonly<Record<string, Readonly<Record<(typeof TEXT_KEYS)[number], string>>>>;

export const LINK_KEYS = ["terms", "privacy", "support", "website"] as const;
export type BrandLinks = Readonly<Record<(typeof LINK_KEYS)[number], string | null>>;

/** Content-addressed: `asset` is `<sha256 hex>.<ext>`, served at `/assets/<asset>`. */
export type BrandLogo = { readonly asset: string; readonly width: number; readonly height: number };

export type BrandDocument = {
  readonly name: string;
  readonly colours: { readonly light: Palette; readonly dark: Palette };
  readonly logo: BrandLogo | null;
  readonly texts: BrandTexts;
  readonly links: BrandLinks;
};

/** A published version; it names its owner so that a stored copy can never dress another partner's cards. */
export type Brand = BrandDocument & {
  readonly brand: string;
  readonly partner: string;
  readonly version: number;
  /** Of the brand as it is out now; null or absent = its cards use the built-in page. */
  readonly portal?: BrandPortal | null;
};

export const DEFAULT_PALETTES: { readonly light: Palette; readonly dark: Palette } = {
  light: {
    primary: "#0B5FFF",
    onPrimary: "#FFFFFF",
    background: "#FFFFFF",
    surface: "#F4F6FA",
    text: "#101828",
    mutedText: "#475467",
    danger: "#B42318",
  },
  dark: {
    primary: "#7CA6FF",
    onPrimary: "#0B1220",
    background: "#0B1220",
    surface: "#161F30",
    text: "#F2F4F7",
    mutedText: "#A9B4C4",
    danger: "#FF9B8F",
  },
};

/** Characters; what fits a phone's screen without scrolling. */
export const MAX_NAME_LENGTH = 80;
export const TEXT_LIMITS: Readonly<Record<(typeof TEXT_KEYS)[number], number>> = {
  tagline: 80,
  welcome: 200,
  topUp: 80,
  support: 200,
};
export const MAX_LANGUAGES = 50;
export const MAX_LINK_LENGTH = 2048;

const NO_TEXTS = { tagline: "", welcome: "", topUp: "", support: "" };
export const NO_LINKS: BrandLinks = { terms: null, privacy: null, support: null, website: null };

/** Every language has every text, and English is always there to fall back to. */
export function completeTexts(texts: Readonly<Record<string, Partial<typeof NO_TEXTS>>>): BrandTexts {
  const filled = Object.entries(texts).map(([language, given]) => [language, { ...NO_TEXTS, ...given }]);
  return { en: NO_TEXTS, ...(Object.fromEntries(filled) as BrandTexts) };
}

/** A colour written anew from its three numbers, so that no character of the input travels on; undefined when it is none. */
export function normaliseColour(text: string): string | undefined {
  if (!/^#[0-9a-fA-F]{6}$/.test(text)) return undefined;
  const channels = [1, 3, 5].map((at) => Number.parseInt(text.slice(at, at + 2), 16));
  return `#${channels.map((channel) => channel.toString(16).padStart(2, "0").toUpperCase()).join("")}`;
}

/** A BCP 47 language tag in its canonical spelling (RFC 5646 section 4.5), so that no language is there twice. */
export function isLanguageTag(text: string): boolean {
  try {
    return /^[a-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,3}$/.test(text) && Intl.getCanonicalLocales(text)[0] === text;
  } catch {
    return false;
  }
}

const LABEL = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?";
const LINK = new RegExp(
  `^https://((?:${LABEL}\\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?)(?::[0-9]{1,5})?(?:[/?#][A-Za-z0-9._~:/?#\\[\\]@!$&'()*+,;=%-]*)?$`,
  "i",
);

/**
 * A link people may be sent to: https and a host name in ASCII (other scripts as punycode, which looks like what it is).
 * No user info (`https://bank.example@evil.example`), no address literals, nothing that a parser reads differently.
 */
export function isSafeLink(text: string): boolean {
  const host = LINK.exec(text)?.[1]?.toLowerCase();
  if (host === undefined || text.length > MAX_LINK_LENGTH || !URL.canParse(text)) return false;
  const url = new URL(text);
  return url.protocol === "https:" && url.hostname === host && url.username === "" && url.password === "";
}

/** What a card shows while its brand has nothing published or cannot be read: nobody's look rather than another's. */
export const neutralBrand = (brand: string, partner: string): Brand => ({
  brand,
  partner,
  version: 0,
  name: "Calling card",
  colours: DEFAULT_PALETTES,
  logo: null,
  texts: { en: NO_TEXTS },
  links: NO_LINKS,
});
