/** Style sheets made of a brand's colours. Only checked `#RRGGBB` values travel, so no text of a brand can leave its place. */
import type { Brand } from "../../domain/branding.ts";
import { paletteProperties, usablePalettes } from "../../domain/palette.ts";

const colours = (brand: Brand, selector: string): string =>
  `${selector}{${paletteProperties(usablePalettes(brand.colours))
    .map(([name, value]) => `${name}:${value}`)
    .join(";")}}`;

export const brandStyle = (brand: Brand): string => `${colours(brand, ":root")}\n`;

/** Nothing is inherited from the page around it. */
const BAR = `:host{all:initial;display:block;contain:content}
.bar{--bg:var(--light-surface);--ink:var(--light-text);--soft:var(--light-muted-text);display:flex;flex-wrap:wrap;align-items:center;gap:.25rem .75rem;padding:.375rem .75rem;background:var(--bg);color:var(--ink);border-block-end:1px solid var(--soft);font:14px/1.4 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","DejaVu Sans",sans-serif}
@media (prefers-color-scheme:dark){.bar{--bg:var(--dark-surface);--ink:var(--dark-text);--soft:var(--dark-muted-text)}}
@media print{.bar{display:none}}
b{overflow-wrap:anywhere}
span{color:var(--soft);font-variant-numeric:tabular-nums}
form{margin:0;margin-inline-start:auto}
button{min-block-size:2.75rem;padding:.25rem .875rem;border:1px solid var(--soft);border-radius:.5rem;background:transparent;color:var(--ink);font:inherit;font-weight:600;cursor:pointer}
button:hover{border-color:var(--ink)}
button:focus-visible{outline:3px solid var(--ink);outline-offset:2px}
`;

export const barStyle = (brand: Brand): string => `${colours(brand, ":host")}\n${BAR}`;
