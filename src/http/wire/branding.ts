/** How a brand looks on the wire: the manifest, and the `branding` of a redeemed card. */
import { z } from "@hono/zod-openapi";
import type { Config } from "../../config.ts";
import { COLOUR_ROLES, LINK_KEYS, TEXT_KEYS, type Brand, type BrandDocument } from "../../domain/branding.ts";

const shapeOf = <K extends string, T extends z.ZodType>(keys: readonly K[], schema: T): z.ZodObject<Record<K, T>> =>
  z.object(Object.fromEntries(keys.map((key) => [key, schema])) as Record<K, T>);

const palette = shapeOf(COLOUR_ROLES, z.string());

export const brandLookSchema = z.object({
  name: z.string(),
  colours: z.object({ light: palette, dark: palette }),
  logo: z.object({ url: z.string(), width: z.number().int(), height: z.number().int() }).nullable(),
  texts: z.record(z.string(), shapeOf(TEXT_KEYS, z.string())),
  links: shapeOf(LINK_KEYS, z.string().nullable()),
});

export const brandingSchema = z
  .object({
    brand: z.string(),
    version: z.number().int().openapi({ description: "0 = the neutral look: nothing is published." }),
    ...brandLookSchema.shape,
  })
  .openapi("Branding");

export const assetUrl = ({ publicOrigin }: Pick<Config, "publicOrigin">, asset: string): string =>
  `${publicOrigin}/assets/${asset}`;

/** Drafts and published documents alike; what is not named here stays inside. */
export const brandLookWire = (
  config: Pick<Config, "publicOrigin">,
  { name, colours, logo, texts, links }: BrandDocument,
) => ({
  name,
  colours,
  logo: logo && { url: assetUrl(config, logo.asset), width: logo.width, height: logo.height },
  texts,
  links,
});

export const brandingWire = (config: Pick<Config, "publicOrigin">, brand: Brand) => ({
  brand: brand.brand,
  version: brand.version,
  ...brandLookWire(config, brand),
});
