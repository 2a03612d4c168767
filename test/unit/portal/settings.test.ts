import { describe, expect, it } from "vitest";
import { isCspSource, isHostName, isPathPrefix, isUpstreamOrigin } from "../../../src/domain/portal.ts";
import { isOurs, isOwnHost, portalNameOf } from "../../../src/portal/hosts.ts";
import { startPath } from "../../../src/portal/policy.ts";

const UP = "https://shop.acme.example";

describe("settings", () => {
  it("starts at the first page that may be seen", () => {
    expect([
      startPath({ paths: ["/shop", "/pay"] }),
      startPath({ paths: ["/"] }),
      startPath({ paths: ["/a", "/"] }),
    ]).toEqual(["/shop", "/", "/"]);
  });

  it.each(["https://shop.acme.example", "https://xn--bcher-kva.example"])("%s may be an upstream", (origin) => {
    expect(isUpstreamOrigin(origin, false)).toBe(true);
  });

  it.each([
    "http://shop.acme.example",
    "https://shop.acme.example/",
    "https://shop.acme.example:8443",
    "https://Shop.acme.example",
    "https://shop.acme.example.",
    "https://user@shop.acme.example",
    "https://127.0.0.1",
    "https://127.1",
    "https://2130706433",
    "https://0x7f000001",
    "https://[::1]",
    "https://localhost",
    "https://printer.local",
    "https://vault.internal",
    "https://shop",
    "ftp://shop.acme.example",
    "shop.acme.example",
    "",
  ])("%j may not", (origin) => {
    expect(isUpstreamOrigin(origin, false)).toBe(false);
  });

  it("takes this machine for an upstream in the local start only", () => {
    for (const origin of ["http://127.0.0.1:3000", "http://shop.localhost:3000", "http://localhost"]) {
      expect(isUpstreamOrigin(origin, true), origin).toBe(true);
      expect(isUpstreamOrigin(origin, false), origin).toBe(false);
    }
    for (const origin of ["http://10.0.0.1", "http://shop.example", "http://127.0.0.2:80"])
      expect(isUpstreamOrigin(origin, true), origin).toBe(false);
  });

  it("knows hosts of its own from hosts of brands", () => {
    const setting = { portalDomain: "portal.test", publicOrigin: "https://api.test.example", isLocal: false };
    expect(portalNameOf(setting, "acme.portal.test")).toEqual({ brand: "acme" });
    expect(portalNameOf(setting, "topup.acme.example")).toEqual({ host: "topup.acme.example" });
    for (const host of [
      "portal.test",
      "a.b.portal.test",
      "-x.portal.test",
      "acme.portal.test:8443",
      "127.0.0.1",
      "api.test.example",
      ".portal.test",
      "ACME.portal.test",
    ])
      expect(portalNameOf(setting, host), host).toBeUndefined();
    for (const host of ["acme.portal.test", "portal.test", "api.test.example", "localhost", "1.2.3.4", "a b.example"])
      expect(isOwnHost(setting, host), host).toBe(false);
    for (const origin of ["https://api.test.example", "https://acme.portal.test", "https://portal.test"])
      expect(isOurs(setting, origin), origin).toBe(true);
    expect(isOurs(setting, UP)).toBe(false);
    const local = { portalDomain: "portal.localhost", publicOrigin: "http://127.0.0.1:8787", isLocal: true };
    expect(portalNameOf(local, "acme.portal.localhost:8787")).toEqual({ brand: "acme" });
    expect(portalNameOf(local, "acme.portal.localhost")).toBeUndefined();
    expect(isOurs(local, "http://localhost:8787")).toBe(true);
    expect(isOurs(local, "http://127.0.0.1:3000")).toBe(false);
  });

  it("reads host names, paths and sources strictly", () => {
    for (const host of ["a.example", "x-1.b.example"]) expect(isHostName(host), host).toBe(true);
    for (const host of [
      "example",
      "A.example",
      "a.example.",
      "a..example",
      "-a.example",
      "a.example:1",
      "1.2.3.4",
      "a.localhost",
      "a_b.example",
      "",
    ])
      expect(isHostName(host), host).toBe(false);
    for (const path of ["/", "/shop", "/shop/", "/a.b/c-d", "/%C3%A9"]) expect(isPathPrefix(path), path).toBe(true);
    for (const path of [
      "",
      "shop",
      "//",
      "/a//b",
      "/a/../b",
      "/%2e%2e",
      "/a;b",
      "/a%2fb",
      "/a\\b",
      "/a?b",
      "/a#b",
      "/.ringfare",
      "/.ringfare/x",
      "/é",
      "/a b",
    ])
      expect(isPathPrefix(path), path).toBe(false);
    for (const source of ["https://js.pay.example", "https://*.pay.example"])
      expect(isCspSource(source, "script", false), source).toBe(true);
    expect(isCspSource("wss://live.acme.example", "connect", false)).toBe(true);
    for (const source of [
      "*",
      "https:",
      "https://*",
      "http://a.example",
      "'unsafe-eval'",
      "https://a.example; script-src *",
      "https://a.example https://b.example",
      "https://a.example/x",
      "data:",
      "wss://a.example",
      "https://a.*",
    ])
      expect(isCspSource(source, "script", false), source).toBe(false);
  });
});
