/** Logos: uploaded by the partner, cleaned, stored under the hash of their content, and served to anybody for ever. */
import { createRoute, z } from "@hono/zod-openapi";
import type { Act } from "../../domain/audit.ts";
import { invalidField, refuse } from "../../domain/errors.ts";
import { cleanImage, IMAGE_TYPES, MAX_IMAGE_BYTES, type ImageExtension } from "../../domain/image.ts";
import { findAsset, putAsset } from "../../storage/assets.ts";
import { type BrandDraft, findDraft, setDraftLogo } from "../../storage/brands.ts";
import { audited } from "../audited.ts";
import { createRouter } from "../context.ts";
import { matchesEtag } from "../etag.ts";
import { readBytes } from "../middleware/body.ts";
import { KEY_REFUSALS, keyed } from "../middleware/key.ts";
import { problem } from "../problem.ts";
import { answers, refusals } from "../schemas.ts";
import { assetUrl } from "../wire/branding.ts";

const tags = ["Brands"];
const params = z.object({ brand: z.string() });
const image = { schema: { type: "string", format: "binary" } } as const;
const images = Object.fromEntries(Object.values(IMAGE_TYPES).map((type) => [type, image]));

/** Even opened as a page of its own, an asset may run, frame and load nothing. */
const ASSET_CSP = "default-src 'none'; sandbox";
const FOR_EVER = "public, max-age=31536000, immutable";
const ASSET_NAME = /^[0-9a-f]{64}\.(png|jpg|webp)$/;

const upload = createRoute({
  method: "put",
  path: "/v1/brands/{brand}/assets/logo",
  tags,
  summary: "Upload the draft's logo",
  description:
    "The raw bytes of a PNG, JPEG or WebP image: at most 512 KB, 2048 by 2048 and 4,000,000 pixels, not animated. The type is taken from the content, whatever the Content-Type says. Only the picture is kept: text, places (EXIF), colour profiles and thumbnails are dropped.",
  ...keyed("uploadBrandLogo"),
  request: { params, body: { required: true, content: images } },
  responses: answers(
    200,
    z
      .object({ asset: z.string(), url: z.string(), width: z.number().int(), height: z.number().int() })
      .openapi("Asset"),
    [...KEY_REFUSALS, "not_found", "payload_too_large", "invalid_input"],
  ),
});

const remove = createRoute({
  method: "delete",
  path: "/v1/brands/{brand}/assets/logo",
  tags,
  summary: "Remove the draft's logo",
  description: "Published versions keep theirs.",
  ...keyed("removeBrandLogo"),
  request: { params },
  responses: { 204: { description: "The draft has no logo." }, ...refusals([...KEY_REFUSALS, "not_found"]) },
});

const serve = createRoute({
  method: "get",
  path: "/assets/{file}",
  tags,
  operationId: "readAsset",
  summary: "Fetch an asset",
  description: "Named by the hash of its content, so it never changes.",
  request: { params: z.object({ file: z.string() }) },
  responses: {
    200: { description: "The image", content: images },
    304: { description: "Not modified" },
    ...refusals(["not_found", "try_again"]),
  },
});

export function assetRoutes() {
  const app = createRouter();

  app.openapi(upload, async (c) => {
    const { caller, config, services } = c.var;
    const key = { brand: c.req.valid("param").brand, scope: caller.partner };
    const found = await findDraft(services.db, key);
    if (!found) return problem(c, refuse("not_found"));
    const bytes = await readBytes(c, MAX_IMAGE_BYTES);
    if (!bytes.ok) return problem(c, bytes.error);
    const logo = cleanImage(bytes.value);
    if (!logo.ok) return problem(c, invalidField("", logo.error));
    const { width, height } = logo.value;
    const asset = await putAsset(c.env.BRANDING, logo.value);
    const draft = await audited(c)(logoAct(found, asset), (entry) =>
      setDraftLogo(services.db, key, { asset, width, height }, entry),
    );
    return draft
      ? c.json({ asset, url: assetUrl(config, asset), width, height }, 200)
      : problem(c, refuse("not_found"));
  });

  app.openapi(remove, async (c) => {
    const { caller, services } = c.var;
    const key = { brand: c.req.valid("param").brand, scope: caller.partner };
    const found = await findDraft(services.db, key);
    const draft =
      found && (await audited(c)(logoAct(found, null), (entry) => setDraftLogo(services.db, key, null, entry)));
    return draft ? c.body(null, 204) : problem(c, refuse("not_found"));
  });

  app.openapi(serve, async (c) => {
    const { file } = c.req.valid("param");
    const extension = ASSET_NAME.exec(file)?.[1] as ImageExtension | undefined;
    const etag = `"${file}"`;
    const headers = { "Cache-Control": FOR_EVER, ETag: etag, "Content-Security-Policy": ASSET_CSP };
    const bytes = extension && (await findAsset(c.env.BRANDING, file));
    if (!extension || !bytes) return problem(c, refuse("not_found"));
    if (matchesEtag(c.req.header("If-None-Match"), etag)) return c.body(null, 304, headers);
    return c.body(bytes, 200, {
      ...headers,
      "Content-Type": IMAGE_TYPES[extension],
      "Content-Length": String(bytes.byteLength),
      "Cross-Origin-Resource-Policy": "cross-origin",
    });
  });

  return app;
}

const logoAct = ({ id, partner }: BrandDraft, asset: string | null): Act => ({
  owner: partner,
  act: "brand.logo",
  object: `brand:${id}`,
  details: { asset },
});
