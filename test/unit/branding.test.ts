import { describe, expect, it } from "vitest";
import { completeTexts, isLanguageTag, isSafeLink, normaliseColour } from "../../src/domain/branding.ts";

describe("colours", () => {
  it("are written anew in capitals", () => {
    expect(normaliseColour("#0b5fff")).toBe("#0B5FFF");
    expect(normaliseColour("#00000a")).toBe("#00000A");
  });
  it.each([
    "red",
    "#fff",
    "#12345g",
    "#000;}",
    "url(//x)",
    "\\75rl(",
    "#0b5fff ",
    "#0b5fff\n",
    "",
    "#0b5fff00",
    "#００００００",
  ])("are nothing else: %j", (text) => expect(normaliseColour(text)).toBeUndefined());
});

describe("links", () => {
  it.each([
    "https://acme.example",
    "https://acme.example/",
    "https://www.acme.example:8443/terms?lang=en&x=%20#top",
    "https://xn--80ak6aa92e.example/",
    "https://ACME.example/",
  ])("may be %s", (text) => expect(isSafeLink(text)).toBe(true));

  it.each([
    "http://acme.example/",
    "javascript:alert(1)",
    "https:javascript:alert(1)",
    "//acme.example/",
    "https://",
    "https:///acme.example",
    "https://user@acme.example/",
    "https://bank.example:pw@evil.example/",
    "https://bank.example\\@evil.example/",
    "https://аcme.example/",
    "https://acme。example/",
    "https://localhost/",
    "https://127.0.0.1/",
    "https://0x7f000001/",
    "https://[::1]/",
    "https://acme.example./",
    "https://acme%2eexample/",
    "https://acme.example/a b",
    "https://acme.example/\u202E",
    "https://acme.example/\n",
    'https://acme.example/"onclick=',
    "https://acme.example/<script>",
    "https://acme.example:99999/",
    "data:text/html,x",
    `https://acme.example/${"a".repeat(2048)}`,
  ])("may not be %j", (text) => expect(isSafeLink(text)).toBe(false));
});

describe("texts", () => {
  it("always have English and every key", () => {
    expect(completeTexts({ de: { tagline: "Günstig" } })).toEqual({
      en: { tagline: "", welcome: "", topUp: "", support: "" },
      de: { tagline: "Günstig", welcome: "", topUp: "", support: "" },
    });
    expect(completeTexts({ en: { welcome: "Hi" } })["en"]?.welcome).toBe("Hi");
  });
  it.each(["en", "de", "pt-BR", "zh-Hant-TW", "fil"])("language %s", (tag) => expect(isLanguageTag(tag)).toBe(true));
  it.each(["EN", "en-us", "english-language", "e", "", "__proto__", "constructor", "en_US", "iw"])(
    "no language %s",
    (tag) => expect(isLanguageTag(tag)).toBe(false),
  );
});
