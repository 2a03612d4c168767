/**
 * Cards to print: one HTML document that needs nothing else, so that it can be saved, opened from a blob and printed
 * without asking anybody for anything. Everything of a brand is escaped as text or rewritten from its parts.
 */
import { encodeQR } from "qr";
import type { SheetRow, SheetWriter } from "../../domain/code-sheet.ts";
import { toBase64 } from "../../domain/encoding.ts";
import { normaliseColour, type Brand, type Palette } from "../../domain/branding.ts";

/** A logo as it is embedded. */
export type PrintedLogo = { readonly dataUrl: string; readonly width: number; readonly height: number };

export type PrintedSheet = {
  readonly title: string;
  readonly brand: Pick<Brand, "name" | "colours" | "texts">;
  readonly logo: PrintedLogo | null;
  /** Such as `10.00 EUR`, written for the sheet's language. */
  readonly value: (language: string) => string;
  /** Where a code is typed in by hand. */
  readonly address: string;
  readonly isTest: boolean;
};

const ESCAPES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};
const escapeHtml = (text: string): string => text.replaceAll(/[&<>"']/g, (character) => ESCAPES[character] ?? "");

const RIGHT_TO_LEFT =
  /^(?:ar|arc|ckb|dv|fa|he|ks|nqo|ps|sd|syr|ug|ur|yi)(?:-|$)|-(?:Adlm|Arab|Hebr|Nkoo|Syrc|Thaa)(?:-|$)/;

/** The language in which the brand has something to say on a card; English when it says nothing. */
export const sheetLanguage = ({ texts }: Pick<Brand, "texts">): string =>
  texts["en"]?.tagline ? "en" : (Object.keys(texts).find((language) => texts[language]?.tagline) ?? "en");

/** The dark modules of a QR code, row by row in runs. Always black on white: brand colours cost scans. */
function qrSvg(text: string): string {
  const modules = encodeQR(text, "raw", { ecc: "medium", border: 4 });
  const runs = modules.flatMap((row, y) =>
    row.flatMap((isDark, x) => {
      if (!isDark || row[x - 1]) return [];
      const light = row.indexOf(false, x);
      const width = (light === -1 ? row.length : light) - x;
      return [`M${x} ${y}h${width}v1h-${width}z`];
    }),
  );
  const size = modules.length;
  return `<svg class="qr" viewBox="0 0 ${size} ${size}" role="img" aria-label="QR" shape-rendering="crispEdges"><path fill="#fff" d="M0 0h${size}v${size}H0z"/><path d="${runs.join("")}"/></svg>`;
}

const LOGO = { mostWidthMm: 34, mostHeightMm: 8 };

function logoStyle({ dataUrl, width, height }: PrintedLogo, isRightToLeft: boolean): string {
  const scale = Math.min(LOGO.mostWidthMm / width, LOGO.mostHeightMm / height);
  const mm = (length: number) => `${(length * scale).toFixed(2)}mm`;
  return `.logo{width:${mm(width)};height:${mm(height)};background:url(${dataUrl}) ${isRightToLeft ? "right" : "left"}/contain no-repeat}`;
}

const colour = (palette: Palette, role: keyof Palette, otherwise: string): string =>
  normaliseColour(palette[role]) ?? otherwise;

/** Ten cards of 85 × 54 mm on A4, eight on Letter; none is cut by the end of a page. */
function sheetStyle({ brand, logo }: PrintedSheet, isRightToLeft: boolean): string {
  const { light } = brand.colours;
  const colours = [
    `--primary:${colour(light, "primary", "#000000")}`,
    `--text:${colour(light, "text", "#000000")}`,
    `--muted:${colour(light, "mutedText", "#444444")}`,
    `--back:${colour(light, "background", "#FFFFFF")}`,
    `--danger:${colour(light, "danger", "#B42318")}`,
  ].join(";");
  return [
    `:root{${colours}}`,
    "@page{margin:12mm}",
    "*{box-sizing:border-box;margin:0;print-color-adjust:exact;-webkit-print-color-adjust:exact}",
    "body{font:9pt/1.25 system-ui,sans-serif;color:var(--text);background:#fff}",
    ".note{padding:4mm;color:#444}.none{display:none}.cards:empty+.none{display:block;padding:4mm}",
    ".cards{display:grid;grid-template-columns:85mm 85mm;justify-content:center}",
    ".card{position:relative;width:85mm;height:54mm;padding:4mm 4mm 2.5mm;border:.1mm dashed #bbb;border-top:2mm solid var(--primary);background:var(--back);break-inside:avoid;overflow:hidden;display:grid;grid-template-columns:1fr 29mm;grid-template-rows:auto 1fr auto;column-gap:3mm}",
    ".name{font:700 11pt/13.2pt system-ui,sans-serif;max-height:26.4pt;overflow:hidden;overflow-wrap:anywhere}",
    ".tagline{font-size:8pt;line-height:10pt;color:var(--muted);max-height:20pt;overflow:hidden;overflow-wrap:anywhere}",
    ".value{font-size:12pt;font-weight:700}",
    ".brand{min-width:0;grid-row:1/3;align-self:start;display:grid;gap:.7mm}",
    ".qr{width:29mm;height:29mm;grid-row:1/3;grid-column:2}",
    ".code{grid-column:1/3;font:700 13.5pt/1.2 ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace;letter-spacing:.02em;text-align:center;direction:ltr;white-space:nowrap}",
    ".foot{grid-column:1/3;display:flex;justify-content:space-between;gap:3mm;font-size:7.5pt;color:var(--muted);direction:ltr}",
    ".test{position:absolute;top:0;inset-inline-end:3mm;padding:0 2mm;background:var(--danger);color:#fff;font-weight:700;font-size:8pt}",
    "@media print{.note{display:none}}",
    ...(logo ? [logoStyle(logo, isRightToLeft)] : []),
  ].join("");
}

const RESTRICTIONS = "default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'";

export type PrintDocument = { readonly writer: SheetWriter; readonly policy: string };

/** The document around and of each card; `policy` is its Content-Security-Policy, which names its one style by hash. */
export async function printSheet(sheet: PrintedSheet): Promise<PrintDocument> {
  const { brand, logo, isTest, address, title } = sheet;
  const language = sheetLanguage(brand);
  const isRightToLeft = RIGHT_TO_LEFT.test(language);
  const style = sheetStyle(sheet, isRightToLeft);
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(style));
  const policy = `${RESTRICTIONS}; style-src 'sha256-${toBase64(new Uint8Array(digest))}'`;
  const tagline = brand.texts[language]?.tagline ?? "";
  const look = [
    logo ? `<div class="logo"></div>` : "",
    `<div class="name" dir="auto">${escapeHtml(brand.name)}</div>`,
    tagline === "" ? "" : `<div class="tagline" dir="auto">${escapeHtml(tagline)}</div>`,
    `<div class="value" dir="auto">${escapeHtml(sheet.value(language))}</div>`,
  ].join("");
  const mark = isTest ? `<div class="test">TEST</div>` : "";
  const row = ({ serial, code, link }: SheetRow): string =>
    `<section class="card">${mark}<div class="brand">${look}</div>${qrSvg(link)}<div class="code">${escapeHtml(code)}</div><div class="foot"><span>${escapeHtml(address)}</span><span>${escapeHtml(serial)}</span></div></section>`;
  const head = `<!doctype html><html lang="${escapeHtml(language)}" dir="${isRightToLeft ? "rtl" : "ltr"}"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="${escapeHtml(policy)}"><meta name="viewport" content="width=device-width"><title>${escapeHtml(title)}</title><style>${style}</style></head><body><p class="note" dir="ltr">${escapeHtml(title)} · print at 100 %</p><main class="cards">`;
  const tail = `</main><p class="none" dir="ltr">No card of this range is untouched.</p></body></html>`;
  return { writer: { head, row, tail }, policy: `${policy}; frame-ancestors 'none'` };
}
