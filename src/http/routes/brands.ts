/** Brand drafts: read, replaced and given a logo by their partner. What the public sees is in `brand-versions.ts`. */
import { createRoute, z } from "@hono/zod-openapi";
import {
  COLOUR_ROLES,
  completeTexts,
  DEFAULT_PALETTES,
  isLanguageTag,
  isSafeLink,
  LINK_KEYS,
  MAX_LANGUAGES,
  MAX_NAME_LENGTH,
  NO_LINKS,
  normaliseColour,
  TEXT_KEYS,
  TEXT_LIMITS,
  type BrandDocument,
} from "../../domain/branding.ts";
import { invalidField, refuse } from "../../domain/errors.ts";
import {
  createDraft,
  findDraft,
  listDrafts,
  replaceDraft,
  type BrandDraft,
  type BrandKey,
} from "../../storage/brands.ts";
import type { Config } from "../../config.ts";
import { audited } from "../audited.ts";
import { createRouter, type Caller } from "../context.ts";
import { listPage, listQuery, pageOf } from "../cursor.ts";
import { KEY_REFUSALS, keyed } from "../middleware/key.ts";
import { problem } from "../problem.ts";
import { answers, BODY_REFUSALS, dnsLabel, jsonBody, visibleText } from "../schemas.ts";
import { actingPartner } from "../tenancy.ts";
import { brandLookSchema, brandLookWire } from "../wire/branding.ts";
import { assetRoutes } from "./brand-assets.ts";
import { brandVersionRoutes } from "./brand-versions.ts";

const tags = ["Brands"];

const colour = z
  .string()
  .refine((text) => normaliseColour(text) !== undefined, "A colour such as #0B5FFF: # and six hexadecimal digits.")
  .transform((text) => normaliseColour(text) ?? "")
  .openapi({ type: "string", pattern: "^#[0-9A-Fa-f]{6}$", example: "#0B5FFF" });

const fromKeys = <K extends string, T extends z.ZodType>(
  keys: readonly K[],
  schemaOf: (key: K) => T,
): z.ZodObject<Record<K, T>, z.core.$strict> =>
  z.strictObject(Object.fromEntries(keys.map((key) => [key, schemaOf(key)])) as Record<K, T>);

const palette = fromKeys(COLOUR_ROLES, () => colour);
const link = z
  .string()
  .refine(isSafeLink, "An https address with a host name in ASCII, without user or password.")
  .nullable();

const brandInput = z
  .strictObject({
    name: visibleText(MAX_NAME_LENGTH, 1).regex(/\S/, "A name that can be seen."),
    colours: z
      .strictObject({ light: palette, dark: palette })
      .default(DEFAULT_PALETTES)
      .openapi({ description: "All colours of both palettes, or none for the default ones." }),
    texts: z
      .record(
        z.string().refine(isLanguageTag, "A language tag in its usual spelling, such as en or pt-BR."),
        fromKeys(TEXT_KEYS, (key) => visibleText(TEXT_LIMITS[key]).default("")),
      )
      .refine((texts) => Object.keys(texts).length <= MAX_LANGUAGES, `At most ${MAX_LANGUAGES} languages.`)
      .default({})
      .openapi({ description: "By language; `en` is added, and what is missing is empty." }),
    links: fromKeys(LINK_KEYS, () => link.default(null)).default(NO_LINKS),
  })
  .openapi("BrandInput");

const draftOutput = z
  .object({
    brand: z.string(),
    partner: z.string().optional().openapi({ description: "For operator keys." }),
    ...brandLookSchema.shape,
    publishedVersion: z.number().int().nullable().openapi({ description: "null until something is published." }),
  })
  .openapi("BrandDraft");

const params = z.object({ brand: z.string() });

const list = createRoute({
  method: "get",
  path: "/v1/brands",
  tags,
  summary: "List brands",
  description: "Drafts, by id. May be some seconds behind.",
  ...keyed("listBrands"),
  request: { query: z.strictObject(listQuery) },
  responses: answers(200, pageOf(draftOutput), [...KEY_REFUSALS, "invalid_input"]),
});

const get = createRoute({
  method: "get",
  path: "/v1/brands/{brand}",
  tags,
  summary: "Read a brand's draft",
  ...keyed("readBrand"),
  request: { params },
  responses: answers(200, draftOutput, [...KEY_REFUSALS, "not_found"]),
});

const put = createRoute({
  method: "put",
  path: "/v1/brands/{brand}",
  tags,
  summary: "Create a brand, or replace its draft",
  description:
    "Nothing is public until it is published. The logo has its own route and stays. Brand ids are global: one that another partner uses is 409 `id_taken`. An operator's key that creates a brand names its partner.",
  ...keyed("putBrand"),
  request: {
    params: z.object({ brand: dnsLabel }),
    query: z.strictObject({ partner: z.string().optional() }),
    ...jsonBody(brandInput),
  },
  responses: {
    ...answers(201, draftOutput),
    ...answers(200, draftOutput, [...KEY_REFUSALS, ...BODY_REFUSALS, "invalid_input", "id_taken", "not_found"]),
  },
});

export function brandRoutes() {
  const app = createRouter();
  for (const routes of [brandVersionRoutes, assetRoutes]) app.route("/", routes());

  app.openapi(list, async (c) => {
    const { caller, config, services } = c.var;
    const page = await listPage(c, {
      name: "brands",
      query: c.req.valid("query"),
      read: (window: { after: readonly [string] | null; take: number }) =>
        listDrafts(services.db, caller.partner, window),
      positionOf: (draft: BrandDraft) => [draft.id] as const,
      itemOf: (draft) => draftWire(config, caller, draft),
    });
    return page.ok ? c.json(page.value, 200) : problem(c, page.error);
  });

  app.openapi(get, async (c) => {
    const { caller, config, services } = c.var;
    const draft = await findDraft(services.db, brandKeyOf(caller, c.req.valid("param").brand));
    return draft ? c.json(draftWire(config, caller, draft), 200) : problem(c, refuse("not_found"));
  });

  app.openapi(put, async (c) => {
    const { caller, config, services } = c.var;
    const { brand } = c.req.valid("param");
    const { partner: named } = c.req.valid("query");
    const { name, colours, texts, links } = c.req.valid("json");
    const document = { name, colours, texts: completeTexts(texts), links } satisfies Omit<BrandDocument, "logo">;
    // Naming a partner narrows the scope, for an operator too.
    const acting = caller.partner === null && named === undefined ? null : actingPartner(caller, named);
    if (acting && !acting.ok) return problem(c, acting.error);
    const key: BrandKey = { brand, scope: acting ? acting.value : null };
    const owner = key.scope ?? (await findDraft(services.db, key))?.partner;
    if (owner === undefined)
      return problem(c, invalidField("/partner", "An operator's key names the partner of a new brand."));
    const act = { owner, act: "brand.put", object: `brand:${brand}`, details: document } as const;
    const replace = () => audited(c)(act, (entry) => replaceDraft(services.db, key, document, entry));
    const replaced = await replace();
    if (replaced) return c.json(draftWire(config, caller, replaced), 200);
    const draft = { ...document, logo: null };
    const created = await audited(c)(act, (entry) => createDraft(services.db, { brand, partner: owner, draft }, entry));
    if (created) return c.json(draftWire(config, caller, created), 201);
    // Lost to another request for the same id: this partner's own (then it is replaced now), or another partner's.
    const raced = await replace();
    if (raced) return c.json(draftWire(config, caller, raced), 200);
    const isTaken = (await findDraft(services.db, { brand, scope: null })) !== undefined;
    return problem(c, isTaken ? refuse("id_taken") : invalidField("/partner", "No such partner."));
  });

  return app;
}

/** Another partner's brand is absent. */
export const brandKeyOf = (caller: Caller, brand: string): BrandKey => ({ brand, scope: caller.partner });

export const draftWire = (
  config: Config,
  caller: Caller,
  { id, partner, draft, publishedVersion }: BrandDraft,
): z.infer<typeof draftOutput> => ({
  brand: id,
  ...(caller.partner === null && { partner }),
  ...brandLookWire(config, draft),
  publishedVersion: publishedVersion === 0 ? null : publishedVersion,
});
