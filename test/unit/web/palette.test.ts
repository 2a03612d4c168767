import * as fc from "fast-check";
import { expect, it } from "vitest";
import { DEFAULT_PALETTES } from "../../../src/domain/branding.ts";
import { contrast, isColour, paletteProperties, usablePalettes } from "../../../src/domain/palette.ts";

const colour = fc.integer({ min: 0, max: 0xffffff }).map((value) => `#${value.toString(16).padStart(6, "0")}`);

it.each([
  "red",
  "#fff",
  "#12345g",
  "#1234567",
  "url(https://elsewhere.example)",
  "#123456;color:red",
  "",
  null,
  7,
  ["#123456"],
])("does not take %j for a colour", (value) => expect(isColour(value)).toBe(false));

it("knows the extremes of contrast", () => {
  expect(contrast("#000000", "#FFFFFF")).toBeCloseTo(21, 5);
  expect(contrast("#ABCDEF", "#abcdef")).toBe(1);
});

it("keeps a readable palette as it is", () => expect(usablePalettes(DEFAULT_PALETTES)).toEqual(DEFAULT_PALETTES));

it.each([null, 7, "x", [], {}, { light: 1 }, { light: { text: "javascript:" } }])(
  "answers %j with the default",
  (value) => expect(usablePalettes(value)).toEqual(DEFAULT_PALETTES),
);

it("never gives text that cannot be read, whatever the brand", () => {
  const palette = fc.record({
    primary: colour,
    onPrimary: colour,
    background: colour,
    surface: colour,
    text: colour,
    mutedText: colour,
    danger: colour,
  });
  fc.assert(
    fc.property(palette, palette, (light, dark) => {
      for (const { primary, onPrimary, background, surface, text, mutedText, danger } of Object.values(
        usablePalettes({ light, dark }),
      )) {
        expect(contrast(onPrimary, primary)).toBeGreaterThanOrEqual(4.5);
        for (const ink of [text, mutedText, danger])
          for (const ground of [background, surface]) expect(contrast(ink, ground)).toBeGreaterThanOrEqual(4.5);
      }
    }),
  );
});

it("names the properties as the style sheet does", () => {
  const names = paletteProperties(DEFAULT_PALETTES).map(([name]) => name);
  expect(names).toHaveLength(14);
  expect(names).toContain("--light-on-primary");
  expect(names).toContain("--dark-muted-text");
});
