/**
 * XML 1.0, written only: elements from a fixed list of names, text and attributes escaped. What XML cannot hold at all
 * (control characters, lone surrogates; section 2.2) becomes U+FFFD, so that a strict parser reads every answer.
 */

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&apos;",
};

// oxlint-disable-next-line no-control-regex -- these are what XML forbids
const FORBIDDEN = /[\u0000-\u0008\u000B\u000C\u000E-\u001F\uFFFE\uFFFF\p{Cs}]/gu;

export const escapeXml = (text: string): string =>
  text.replaceAll(FORBIDDEN, "\uFFFD").replaceAll(/[&<>"']/g, (character) => ENTITIES[character] ?? "");

export const XML_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n';

export type Attributes = Readonly<Record<string, string>>;

const attributesOf = (attributes: Attributes): string =>
  Object.entries(attributes)
    .map(([name, value]) => ` ${name}="${escapeXml(value)}"`)
    .join("");

/** An element with text. */
export const textElement = (name: string, text: string | number, attributes: Attributes = {}): string =>
  `<${name}${attributesOf(attributes)}>${escapeXml(String(text))}</${name}>`;

/** An element with elements, each made by these functions. */
export const element = (name: string, children: readonly string[], attributes: Attributes = {}): string =>
  `<${name}${attributesOf(attributes)}>\n${children.join("\n")}\n</${name}>`;
