/** The cards of a batch to print, with their brand's look. Reprinted whenever it is asked for: nothing of it is stored. */
import { createRoute, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import type { Batch } from "../../domain/batch.ts";
import { neutralBrand, type Brand } from "../../domain/branding.ts";
import { toBase64 } from "../../domain/encoding.ts";
import { IMAGE_TYPES, type ImageExtension } from "../../domain/image.ts";
import { formatAmount } from "../../domain/money.ts";
import { streamSheet } from "../../services/export-codes.ts";
import { findAsset } from "../../storage/assets.ts";
import { recordAct } from "../audited.ts";
import { createRouter, type AppEnv } from "../context.ts";
import { exportQuery, linkBase, readyToExport } from "../export-range.ts";
import { KEY_REFUSALS, keyed } from "../middleware/key.ts";
import { printSheet, type PrintedLogo } from "../pages/print-sheet.ts";
import { problem } from "../problem.ts";
import { refusals } from "../schemas.ts";

/** A hundred pages; a browser lays them out in seconds. */
const MAX_PRINTED_CARDS = 1000;

const get = createRoute({
  method: "get",
  path: "/v1/batches/{batch}/sheet",
  tags: ["Batches"],
  summary: "Print cards",
  description: `HTML to print: each card with its brand's logo, name and colours, a QR code of its link, the printed code and the serial. At most ${MAX_PRINTED_CARDS} cards; one card is \`from\` = \`to\`. The document needs nothing from anywhere else. Cards that somebody has touched are left out, as in the export, and an operator's key gets them the same way.`,
  ...keyed("printCards"),
  request: { params: z.object({ batch: z.string().openapi({ example: "12" }) }), query: exportQuery },
  responses: {
    200: { description: "The cards", content: { "text/html": { schema: z.string() } } },
    ...refusals([...KEY_REFUSALS, "not_found", "invalid_input"]),
  },
});

export function printSheetRoutes() {
  const app = createRouter();

  app.openapi(get, async (c) => {
    const asked = c.req.valid("query");
    const ready = await readyToExport(c, c.req.valid("param").batch, asked, MAX_PRINTED_CARDS);
    if (!ready.ok) return problem(c, ready.error);
    const { batch, key, from, to, omitted, includeTouched } = ready.value;
    const { config } = c.var;
    const brand = await brandOf(c, batch);
    const { writer, policy } = await printSheet({
      title: `Batch ${batch.number}, cards ${from} to ${to}`,
      brand,
      logo: await logoOf(c, brand),
      value: (language) => amountIn(language, batch),
      address: `${new URL(config.publicOrigin).host}/r`,
      isTest: batch.mode === "test",
    });
    const sheet = { batch: batch.number, format: batch.format, key, from, to, linkBase: linkBase(config), writer };
    const stream = await streamSheet({ omitted }, sheet);
    await recordAct(c, {
      owner: batch.partner,
      act: "batch.print",
      object: `batch:${batch.number}`,
      details: { from, to, includeTouched },
      reason: asked.reason ?? null,
    });
    return c.body(stream, 200, {
      "Content-Type": "text/html; charset=utf-8",
      "Content-Security-Policy": policy,
      "Cross-Origin-Resource-Policy": "same-origin",
    });
  });

  return app;
}

/** What is published; a card must not be printed with another look because a copy was late, so a failure refuses. */
async function brandOf(c: Context<AppEnv>, { brand: id, partner }: Batch): Promise<Brand> {
  const brand = await c.var.services.catalogue.brand(id);
  return brand?.partner === partner ? brand : neutralBrand(id, partner);
}

async function logoOf(c: Context<AppEnv>, { logo }: Brand): Promise<PrintedLogo | null> {
  const bytes = logo && (await findAsset(c.env.BRANDING, logo.asset));
  const type = IMAGE_TYPES[logo?.asset.split(".").at(-1) as ImageExtension];
  if (!bytes || !logo || !type) return null;
  return { dataUrl: `data:${type};base64,${toBase64(new Uint8Array(bytes))}`, width: logo.width, height: logo.height };
}

/** Written as the language writes money. A language the runtime does not know is no reason to print nothing. */
function amountIn(language: string, { creditMicros, currency }: Batch): string {
  const text = formatAmount(creditMicros, currency);
  const most = { style: "currency", currency, maximumFractionDigits: 6 } as const;
  try {
    return new Intl.NumberFormat(language, most).format(text as unknown as number);
  } catch {
    return `${text} ${currency}`;
  }
}
