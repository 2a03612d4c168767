import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { NO_SOURCES, type BrandPortal } from "../../../src/domain/portal.ts";
import { locationFor, ownLink } from "../../../src/portal/policy.ts";

const OWN = "https://acme.portal.test";
const UP = "https://shop.acme.example";
const portal: BrandPortal = {
  origin: UP,
  hosts: [],
  paths: ["/shop", "/pay/", "/index.html"],
  methods: ["GET", "HEAD", "POST"],
  exitHosts: ["pay.example", "acs.bank.example"],
  csp: NO_SOURCES,
  signOn: "jwt",
  webSockets: false,
};

describe("redirects", () => {
  const at = new URL(`${UP}/shop/cart`);
  const to = (location: string, isNavigation = true) =>
    locationFor(portal, location, { target: at, isNavigation, allowsLoopback: false });

  it.each([
    ["/shop/done?x=1#top", "/shop/done?x=1#top"],
    ["done", "/shop/done"],
    ["?page=2", "/shop/cart?page=2"],
    ["../admin", "/admin"],
    ["https:evil.example", "/shop/evil.example"],
    [`${UP}/shop/done`, "/shop/done"],
    ["http://shop.acme.example/shop/done", "/shop/done"],
    ["//shop.acme.example/shop", "/shop"],
    ["https://pay.example/start?order=1", "https://pay.example/start?order=1"],
    ["https://ACS.bank.example/x", "https://acs.bank.example/x"],
  ])("%s leads to %s", (location, expected) => {
    expect(to(location)).toBe(expected);
  });

  it.each([
    "https://evil.example/",
    "//evil.example/",
    "/\\evil.example/",
    "\\\\evil.example",
    "https://pay.example@evil.example/",
    "https://user@pay.example/",
    "https://pay.example:8443/",
    "http://pay.example/",
    "https://pay.example./",
    "https://x.pay.example/",
    "https://api.ringfare.test/v1/me",
    "https://shop.acme.example:8443/",
    "http://shop.acme.example:8080/",
    "https://user:secret@shop.acme.example/shop",
    "javascript:alert(1)",
    "data:text/html,x",
    "/.ringfare/sign-out",
    "/shop/..%2fadmin",
    "https://",
  ])("%j leads nowhere", (location) => {
    expect(to(location)).toBeUndefined();
  });

  it("is bounded in length", () => {
    expect(to(`/${"a".repeat(9000)}`)).toBeUndefined();
  });

  it("leaves to a provider by navigation only", () => {
    expect(to("https://pay.example/", false)).toBeUndefined();
  });

  it("over any location is a path of ours or a listed exit", () => {
    const piece = fc.constantFrom(
      "/",
      "\\",
      "//",
      "evil.example",
      "pay.example",
      "shop.acme.example",
      "https:",
      "http:",
      "@",
      ":443",
      ":8443",
      "..",
      "%2f",
      "?",
      "#",
      "\t",
      "\n",
      ".",
      "javascript:",
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 7 }), (pieces) => {
        const location = to(pieces.join(""));
        if (location === undefined) return;
        const url = new URL(location, OWN);
        expect([OWN, "https://pay.example", "https://acs.bank.example"]).toContain(url.origin);
        if (!location.startsWith("https://")) expect(location).toMatch(/^\/(?![/\\])/);
      }),
      { numRuns: 20_000 },
    );
  });
});

describe("the upstream's own links", () => {
  it.each([
    [`${UP}/shop/a?b=1#c`, "/shop/a?b=1#c"],
    ["//shop.acme.example/x", "/x"],
    ["http://shop.acme.example/x", "/x"],
    [" https://SHOP.acme.example ", "/"],
    ["/shop", undefined],
    ["shop", undefined],
    ["https://other.example/x", undefined],
    [`${UP}.evil.example/x`, undefined],
    ["https://shop.acme.example:8443/", undefined],
    [`${UP}//evil.example/`, undefined],
    ["mailto:a@shop.acme.example", undefined],
    ["javascript:alert(1)", undefined],
  ])("%s becomes %s", (link, expected) => {
    expect(ownLink(portal, link)).toBe(expected);
  });
});
