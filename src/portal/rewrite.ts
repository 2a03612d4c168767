/**
 * HTML of the upstream on its way to the browser: its own absolute links become the portal's, and the brand's bar is put
 * on top. Streamed: nothing is held but the tag under the cursor. Bytes are read as windows-1252, which maps every byte
 * there and back, so that pages in any encoding that contains ASCII stay as they are; what is put in is ASCII.
 */

/** Answers what the link becomes; undefined = it stays. */
export type MapLink = (link: string) => string | undefined;

/** Element → attributes that hold one address. */
const LINKS: Readonly<Record<string, readonly string[]>> = {
  "a, area": ["href"],
  link: ["href"],
  script: ["src"],
  "img, source, video, audio, track, embed, iframe, frame, input": ["src"],
  video: ["poster"],
  object: ["data"],
  form: ["action"],
  "button, input": ["formaction"],
  base: ["href"],
  "blockquote, q, ins, del": ["cite"],
};
const SOURCE_SETS = "img[srcset], source[srcset], link[imagesrcset]";

type Options = {
  readonly mapLink: MapLink;
  /** Where a page may send itself; undefined = nowhere of that. */
  readonly mapRefresh: MapLink;
  /** Our bar, in ASCII; empty = none. */
  readonly bar: string;
};

export function rewriteHtml(body: ReadableStream, { mapLink, mapRefresh, bar }: Options): ReadableStream {
  const rewriter = new HTMLRewriter();
  for (const [selector, attributes] of Object.entries(LINKS)) {
    rewriter.on(selector, {
      element(element) {
        for (const name of attributes) rewriteAttribute(element, name, mapLink);
        // Tells a third address of every click.
        if (element.hasAttribute("ping")) element.removeAttribute("ping");
      },
    });
  }
  rewriter.on(SOURCE_SETS, {
    element(element) {
      for (const name of ["srcset", "imagesrcset"]) rewriteAttribute(element, name, (set) => sourceSet(set, mapLink));
    },
  });
  rewriter.on("meta[http-equiv]", {
    element(element) {
      if (element.getAttribute("http-equiv")?.trim().toLowerCase() === "refresh") rewriteRefresh(element, mapRefresh);
    },
  });
  if (bar !== "") putBar(rewriter, bar);
  const headers = { "Content-Type": "text/html; charset=windows-1252" };
  return rewriter.transform(new Response(body, { headers })).body ?? body;
}

/** On top of the page; a document that leaves `<body>` out gets it at its end, where parsers have opened one. */
function putBar(rewriter: HTMLRewriter, bar: string): void {
  let isPut = false;
  rewriter.on("body", {
    element(element) {
      if (!isPut) element.prepend(bar, { html: true });
      isPut = true;
    },
  });
  rewriter.onDocument({
    end(end) {
      if (!isPut) end.append(bar, { html: true });
    },
  });
}

function rewriteAttribute(element: Element, name: string, map: MapLink): void {
  const value = element.getAttribute(name);
  const mapped = value === null ? undefined : map(plainAttribute(value));
  if (mapped !== undefined) element.setAttribute(name, mapped.replaceAll("&", "&amp;").replaceAll('"', "&quot;"));
}

/** Addresses in markup are written with these references; others are none of ours to rewrite. */
const plainAttribute = (value: string): string =>
  value
    .replaceAll(/&(?:amp|#38|#x26);/gi, "&")
    .replaceAll(/&(?:#47|#x2f|sol);/gi, "/")
    .replaceAll(/&(?:#58|#x3a|colon);/gi, ":");

/** `undefined` when nothing in the set is the upstream's. */
function sourceSet(set: string, mapLink: MapLink): string | undefined {
  let isChanged = false;
  const mapped = set.replaceAll(/(^|,)(\s*)(\S+)/g, (whole, comma: string, space: string, link: string) => {
    const own = mapLink(link);
    if (own === undefined) return whole;
    isChanged = true;
    return `${comma}${space}${own}`;
  });
  return isChanged ? mapped : undefined;
}

/** The other way to redirect: held to the same list as the header. */
function rewriteRefresh(element: Element, mapRefresh: MapLink): void {
  const content = plainAttribute(element.getAttribute("content") ?? "");
  const [, wait = "", link = ""] =
    /^\s*([\d.]+)\s*(?:[;,]?\s*(?:url\s*=\s*)?["']?([^"'\s][^"']*)["']?\s*)?$/i.exec(content) ?? [];
  const mapped = link === "" ? undefined : mapRefresh(link);
  if (wait !== "" && link === "") return;
  if (mapped === undefined) element.remove();
  else element.setAttribute("content", `${wait}; url=${mapped.replaceAll("&", "&amp;").replaceAll('"', "%22")}`);
}
