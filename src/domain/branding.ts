/** A partner's look: the document, its default, and the manifest that is published. Pure. */

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
export type Brand = BrandDocument & { readonly brand: string; readonly partner: string; readonly version: number };

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

/** What a card shows while its brand has nothing published or cannot be read: nobody's look rather than another's. */
export const neutralBrand = (brand: string, partner: string): Brand => ({
  brand,
  partner,
  version: 0,
  name: "Calling card",
  colours: DEFAULT_PALETTES,
  logo: null,
  texts: { en: { tagline: "", welcome: "", topUp: "", support: "" } },
  links: { terms: null, privacy: null, support: null, website: null },
});
