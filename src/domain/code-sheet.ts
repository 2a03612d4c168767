/** One row of a code sheet in each of its formats. Pure; sealing is the caller's. */

export const SHEET_TYPES = {
  csv: "text/csv; charset=utf-8; header=present",
  ndjson: "application/x-ndjson",
  json: "application/json",
} as const;
export type SheetFormat = keyof typeof SHEET_TYPES;

export type SheetRow = { readonly serial: string; readonly code: string; readonly link: string };

export type SheetWriter = {
  readonly head: string;
  readonly row: (row: SheetRow, isFirst: boolean) => string;
  readonly tail: string;
};

/** A spreadsheet takes a cell that starts so for a formula; an apostrophe makes it text. */
const FORMULA = /^[=+\-@\t\r]/;

/** RFC 4180, and nothing that a spreadsheet would run. */
export function csvField(text: string): string {
  const harmless = FORMULA.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}

const csvLine = (fields: readonly string[]): string => `${fields.map((field) => csvField(field)).join(",")}\r\n`;

export const SHEET_WRITERS: Record<SheetFormat, SheetWriter> = {
  csv: {
    head: csvLine(["serial", "code", "link"]),
    row: ({ serial, code, link }) => csvLine([serial, code, link]),
    tail: "",
  },
  ndjson: { head: "", row: (row) => `${JSON.stringify(row)}\n`, tail: "" },
  json: { head: '{"items":[', row: (row, isFirst) => `${isFirst ? "" : ","}${JSON.stringify(row)}`, tail: "]}" },
};

/** The format an Accept header prefers (RFC 9110 section 12.5.1); CSV when it names none of them. */
export function sheetFormat(accept: string | undefined): SheetFormat {
  const ranked = (accept ?? "")
    .split(",")
    .map((part) => {
      const [type = "", ...parameters] = part.split(";").map((text) => text.trim().toLowerCase());
      const weight = parameters.find((text) => /^q=[01](?:\.\d{0,3})?$/.test(text));
      return { format: FORMATS_BY_TYPE.get(type), weight: weight ? Number(weight.slice(2)) : 1 };
    })
    .filter(({ weight }) => weight > 0)
    .toSorted((a, b) => b.weight - a.weight);
  return ranked.find(({ format }) => format)?.format ?? "csv";
}

const FORMATS_BY_TYPE: ReadonlyMap<string, SheetFormat> = new Map([
  ["text/csv", "csv"],
  ["text/*", "csv"],
  ["*/*", "csv"],
  ["application/x-ndjson", "ndjson"],
  ["application/json", "json"],
]);
