import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { FORMAT_IDS, FORMATS } from "../../src/provisioning/registry.ts";
import { parseServer, type SoftphoneAccount } from "../../src/provisioning/softphone.ts";
import { escapeXml } from "../../src/provisioning/xml.ts";

/** What a brand may be called, at its worst. */
const NASTY = `A&B <"Talk"> 'x' \\ ]]> é`;

const account: SoftphoneAccount = {
  title: NASTY,
  displayName: NASTY,
  user: "000012-0000345.2",
  domain: "sip.acme.example",
  realm: "sip.acme.example",
  server: { host: "edge1.acme.example", port: 5061, transport: "tls" },
  webSockets: ["wss://edge1.acme.example/ws"],
  registerExpiresSeconds: 300,
  codecs: ["opus"],
  digest: {
    username: "1795420710:000012-0000345.2@sip.acme.example",
    password: "YS7+2Ku6xpH/rZW5gJAswvQRtcI=",
    ha1: "0123456789abcdef0123456789abcdef",
    algorithm: "MD5",
    expiresAt: "2026-11-23T23:59:59Z",
    expiresInSeconds: 86_400,
  },
  bearer: { token: "e.y.j", expiresInSeconds: 600 },
  iceServers: [{ urls: ["turn:turn.acme.example"], username: "u", credential: "c" }],
  deviceUrl: "https://cards.example/d/abc",
  deviceToken: "abc",
  balanceUrl: "https://cards.example/d/abc/balance",
};

const textOf = (id: (typeof FORMAT_IDS)[number]): string => FORMATS[id].render(account).text;

describe("escaping for XML", () => {
  it("keeps every text that XML can hold, and closes nothing", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        const escaped = escapeXml(text);
        expect(escaped).not.toMatch(/[<>"']/);
        expect(escaped.replaceAll(/&(?:amp|lt|gt|quot|apos);/g, "")).not.toContain("&");
        // oxlint-disable-next-line no-control-regex -- what XML 1.0 section 2.2 forbids
        expect(escaped).not.toMatch(/[\u0000-\u0008\u000B\u000C\u000E-\u001F\uFFFE\uFFFF]/);
      }),
    );
    expect(escapeXml(`a&<>"'é😀`)).toBe("a&amp;&lt;&gt;&quot;&apos;é😀");
    expect(escapeXml("a\u0000\uD800b")).toBe("a\uFFFD\uFFFDb");
  });
});

describe("the server of a trunk", () => {
  it.each([
    ["sip:edge1.acme.example:5061;transport=tls", { host: "edge1.acme.example", port: 5061, transport: "tls" }],
    ["sip:edge1.acme.example", { host: "edge1.acme.example", port: null, transport: "udp" }],
    ["sips:edge1.acme.example;lr", { host: "edge1.acme.example", port: null, transport: "tls" }],
    ["sip:[2001:db8::1]:5070;lr;transport=TCP?x=y", { host: "[2001:db8::1]", port: 5070, transport: "tcp" }],
    [undefined, { host: "d.example", port: null, transport: "udp" }],
  ] as const)("is read from %s", (uri, server) => {
    expect(parseServer(uri, "d.example")).toEqual(server);
  });
});

describe("every format", () => {
  it.each(FORMAT_IDS)(
    "%s carries the address, the authentication user and the credential, and says when it asks again",
    (id) => {
      const text = textOf(id);
      expect(text).toContain("000012-0000345.2");
      expect(text).toContain("1795420710:000012-0000345.2@sip.acme.example");
      expect(text).toContain(id === "linphone" ? account.digest.ha1 : account.digest.password);
      expect(["start", "interval", "foreground", "never"]).toContain(FORMATS[id].refetch);
    },
  );

  it.each(FORMAT_IDS)("%s answers no browser, crawler or preview", (id) => {
    for (const agent of ["Mozilla/5.0 Chrome/142", "WhatsApp/2", "facebookexternalhit/1.1", "Slackbot 1.0", ""]) {
      const headers = new Headers({ "User-Agent": agent, Accept: "text/html,application/xhtml+xml,*/*;q=0.8" });
      expect(FORMATS[id].isItself(headers), agent).toBe(false);
    }
  });
});

describe("Linphone", () => {
  it("gets ha1 and an empty passwd that overwrites, and the lasting address", () => {
    const text = textOf("linphone");
    expect(text).toContain('<entry name="passwd" overwrite="true"></entry>');
    expect(text).toContain('<entry name="config-uri" overwrite="true">https://cards.example/d/abc</entry>');
    expect(text).toContain("&lt;sip:edge1.acme.example:5061;transport=tls&gt;");
    expect(text).not.toContain(account.digest.password);
  });
});

describe("Acrobits", () => {
  it("asks again within half a pair's life, and at least every hour", () => {
    expect(textOf("acrobits")).toContain("<extProvInterval>3600</extProvInterval>");
    const digest = { ...account.digest, expiresInSeconds: 4000 };
    expect(FORMATS.acrobits.render({ ...account, digest }).text).toContain("<extProvInterval>2000</extProvInterval>");
    expect(textOf("acrobits")).toContain("<transport>tls+sip:</transport>");
  });
});

describe("Bria", () => {
  it("ends every line with CRLF, has its sections in order and no quote inside a value", () => {
    const text = textOf("bria");
    expect(text.endsWith("\r\n")).toBe(true);
    expect(text.replaceAll("\r\n", "")).not.toMatch(/[\r\n]/);
    expect(text.match(/^\[.*\]/gm)).toEqual(["[DATA]", "[SETTINGS]", "[##MEMORY##]"]);
    for (const line of text.split("\r\n").filter((one) => one.startsWith("proxies")))
      expect(line).toMatch(/^proxies:proxy0:[a-z_]+="[^"]*"$/);
    expect(text.slice(text.indexOf("[##MEMORY##]"))).toContain(account.digest.password);
    const refused = FORMATS.bria.failure?.('no "card"\r\nSuccess=1');
    expect(refused?.text).toBe('[DATA]\r\nSuccess=0\r\nFailure="no  card   Success=1"\r\n');
  });
});

describe("SessionTalk and SIP.js", () => {
  it("are JSON in their own names", () => {
    const sessionTalk = z.strictObject({
      update: z.literal(true),
      sipaccounts: z
        .array(
          z.strictObject({
            sipusername: z.string(),
            sippassword: z.base64(),
            authusername: z.string(),
            subdomain: z.string(),
            transport: z.enum(["UDP", "TCP", "TLS"]),
            srtp: z.enum(["enabled", "disabled"]),
            messaging: z.string(),
            video: z.string(),
            callrecording: z.string(),
          }),
        )
        .length(1),
      errmsg: z.literal(""),
    });
    expect(sessionTalk.safeParse(JSON.parse(textOf("sessiontalk"))).error).toBeUndefined();
    const sipJs = z.strictObject({
      webSockets: z.array(z.url()),
      userAgentOptions: z.strictObject({
        uri: z.string(),
        displayName: z.literal(NASTY),
        authorizationUsername: z.string(),
        authorizationPassword: z.base64(),
        sessionDescriptionHandlerFactoryOptions: z.object({}),
      }),
      registererOptions: z.strictObject({ expires: z.number().int() }),
      bearer: z.strictObject({ extraHeaders: z.array(z.string().startsWith("Authorization: Bearer ")).length(1) }),
      expiresAt: z.iso.datetime(),
      refresh: z.strictObject({ url: z.url(), inSeconds: z.number().int() }),
    });
    expect(sipJs.safeParse(JSON.parse(textOf("sipjs"))).error).toBeUndefined();
  });
});
