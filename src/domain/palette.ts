/**
 * A brand's colours on their way into CSS. Pure.
 * Brands are other people's data: only `#RRGGBB` passes, and no brand may make text unreadable (WCAG 1.4.3).
 */
import { COLOUR_ROLES, DEFAULT_PALETTES, type Palette } from "./branding.ts";

const COLOUR = /^#[0-9A-Fa-f]{6}$/;
const LEAST_CONTRAST = 4.5;

export const isColour = (value: unknown): value is string => typeof value === "string" && COLOUR.test(value);

/** Relative luminance, WCAG 2.2. */
function luminance(colour: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5]
    .map((at) => Number.parseInt(colour.slice(at, at + 2), 16) / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

export function contrast(one: string, other: string): number {
  const [light = 0, dark = 0] = [luminance(one), luminance(other)].toSorted((a, b) => b - a);
  return (light + 0.05) / (dark + 0.05);
}

const isReadable = (text: string, ...grounds: string[]) =>
  grounds.every((ground) => contrast(text, ground) >= LEAST_CONTRAST);

/** The brand's palette where it can be read; the grounds and texts fall back together, or they would not fit. */
function usablePalette(value: unknown, fallback: Palette): Palette {
  const given = typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  const colour = (role: keyof Palette): string => (isColour(given[role]) ? given[role] : fallback[role]);
  const { primary, onPrimary, background, surface, text, mutedText, danger } = Object.fromEntries(
    COLOUR_ROLES.map((role) => [role, colour(role)]),
  ) as Palette;
  const fits = [text, mutedText, danger].every((ink) => isReadable(ink, background, surface));
  return {
    ...(fits ? { background, surface, text, mutedText, danger } : fallback),
    primary,
    onPrimary: isReadable(onPrimary, primary) ? onPrimary : blackOrWhite(primary),
  };
}

/** One of the two always has a contrast of 4.58 or more. */
const blackOrWhite = (ground: string) =>
  contrast("#000000", ground) >= contrast("#FFFFFF", ground) ? "#000000" : "#FFFFFF";

export type Palettes = { readonly light: Palette; readonly dark: Palette };

export function usablePalettes(value: unknown): Palettes {
  const given = typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  return {
    light: usablePalette(given["light"], DEFAULT_PALETTES.light),
    dark: usablePalette(given["dark"], DEFAULT_PALETTES.dark),
  };
}

/** Custom properties as `base.css` names them: `--light-on-primary` and so on. */
export const paletteProperties = (palettes: Palettes): [name: string, value: string][] =>
  (["light", "dark"] as const).flatMap((scheme) =>
    COLOUR_ROLES.map((role): [string, string] => [
      `--${scheme}-${role.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`,
      palettes[scheme][role],
    ]),
  );
