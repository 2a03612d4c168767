/** The brand's look on the page: colours as custom properties, name or logo, its sentences and links. */
import { type Branding, brandText } from "../answers.ts";
import { h } from "../dom.ts";
import { paletteProperties, usablePalettes } from "../../domain/palette.ts";
import { TEXTS } from "../texts.ts";

export function applyBrand(branding: Branding | null, languages: readonly string[]): void {
  const { style } = document.documentElement;
  for (const [name, value] of paletteProperties(usablePalettes(branding?.colours))) {
    if (branding) style.setProperty(name, value);
    else style.removeProperty(name);
  }
  document.getElementById("brand")?.replaceChildren(...brandHeader(branding, languages));
  document.getElementById("links")?.replaceChildren(...brandLinks(branding));
}

function brandHeader(branding: Branding | null, languages: readonly string[]): HTMLElement[] {
  const name = branding?.name ?? TEXTS.plainName;
  const title = h("p", { class: "brand-name" });
  title.append(branding?.logo ? logo(branding.logo, name, title) : name);
  const tagline = branding && brandText(branding, "tagline", languages);
  return [title, ...(tagline ? [h("p", { class: "muted", lang: tagline.language }, h("bdi", {}, tagline.text))] : [])];
}

/** A logo that does not load leaves the name. */
function logo(given: NonNullable<Branding["logo"]>, name: string, title: HTMLElement): HTMLImageElement {
  const image = h("img", { class: "logo", src: given.path, alt: name, width: given.width, height: given.height });
  image.addEventListener("error", () => title.replaceChildren(name));
  return image;
}

function brandLinks(branding: Branding | null): HTMLElement[] {
  const order = ["website", "support", "terms", "privacy"] as const;
  return order.flatMap((key) => {
    const href = branding?.links[key] ?? null;
    return href === null ? [] : [h("a", { href, rel: "noopener noreferrer" }, TEXTS.card[key])];
  });
}
