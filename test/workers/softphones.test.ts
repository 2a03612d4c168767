/** Softphones on a card: links, lasting addresses, the login box, and what strangers get. */
import { evictDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { z } from "zod";
import { call, operatorKey } from "../support/api.ts";
import { createDeck, type Deck, redeem, redeemed } from "../support/cards.ts";

let deck: Deck;
let shortLived: Deck;
beforeAll(async () => {
  const credentials = { softphoneDigestSeconds: 43_200, longLivedDays: 30 };
  deck = await createDeck({ profile: { credentials } });
  shortLived = await createDeck();
});
afterEach(() => {
  vi.useRealTimers();
});

const AGENTS: Readonly<Record<string, Record<string, string>>> = {
  linphone: { "User-Agent": "LinphoneAndroid/5.2 (Pixel) LinphoneSDK/5.3" },
  acrobits: { "User-Agent": "Groundwire/6.9" },
  sessiontalk: { "User-Agent": "SessionTalk/7.1 iOS" },
  zoiper: { "User-Agent": "Zoiper v2.10" },
  bria: { "User-Agent": "Bria iOS release 6.1" },
  grandstream: { "User-Agent": "Grandstream Wave 1.0" },
  jssip: { Accept: "application/json" },
  sipjs: { Accept: "application/json" },
};
const FORMATS = Object.keys(AGENTS);
const CRAWLERS = ["WhatsApp/2.23", "facebookexternalhit/1.1", "Mozilla/5.0 (X11; Linux) Chrome/142", "curl/8", ""];

type Link = {
  format: string;
  device: number;
  link: string;
  appLink: string | null;
  qr: string;
  refetch: string;
  expiresAt: string;
  code?: string;
};

const makeLink = async (key: string, format: string) =>
  call<Link>("POST", "/v1/me/provisioning-links", { key, body: { format } });

async function linked(code: string | undefined, format: string): Promise<Link & { key: string; serial: string }> {
  const { tokens, card } = await redeemed(code);
  const answer = await makeLink(tokens.accessToken, format);
  expect(answer.status, answer.text).toBe(201);
  return { ...answer.body, key: tokens.accessToken, serial: card.serial };
}

const pathOf = (url: string): string => url.slice(env.PUBLIC_ORIGIN.length);
const fetchAs = (format: string, url: string) => call("GET", pathOf(url), { headers: AGENTS[format] ?? {} });
const deviceUrlIn = (text: string): string => new RegExp(`${env.PUBLIC_ORIGIN}/d/[A-Za-z0-9_-]+`).exec(text)?.[0] ?? "";

describe("a link", () => {
  it.each(FORMATS.map((format, at) => [format, at] as const))(
    "sets %s up as a device of its own",
    async (format, at) => {
      const made = await linked(deck.codes[at], format);
      expect(made).toMatchObject({ format, device: 2 });
      const answer = await fetchAs(format, made.link);
      expect(answer.status, answer.text).toBe(200);
      expect(answer.headers.get("Cache-Control")).toBe("no-store");
      expect(answer.text).toContain(`${made.serial}.2`);
      // The user that authenticates carries its expiry; the address does not.
      const expiry = Number(new RegExp(`(\\d{10}):${made.serial}\\.2@`).exec(answer.text)?.[1]) - Date.now() / 1000;
      const lifeSeconds = made.refetch === "never" ? 30 * 86_400 : 43_200;
      expect(Math.abs(expiry - lifeSeconds)).toBeLessThan(60);
    },
  );

  it("leaves its maker on the card, without calls, until the softphone is removed", async () => {
    const made = await linked(deck.codes[8], "linphone");
    const me = await call<{ devices: object[] }>("GET", "/v1/me", { key: made.key });
    expect(me.body.devices).toEqual([
      { number: 1, name: null, current: true, sipSeat: false },
      { number: 2, name: "Linphone", current: false, sipSeat: true },
    ]);
    const credentials = () =>
      call<{ sip: { credentials: object[] } }>("POST", "/v1/me/sip-credentials", { key: made.key });
    expect((await credentials()).body.sip.credentials).toEqual([]);
    const device = deviceUrlIn((await fetchAs("linphone", made.link)).text);
    const remove = (number: number | string) => call("DELETE", `/v1/me/softphones/${number}`, { key: made.key });
    expect((await remove(1)).status).toBe(404);
    expect((await remove("x")).status).toBe(404);
    expect((await remove(2)).status).toBe(204);
    expect((await remove(2)).status).toBe(204);
    expect((await credentials()).body.sip.credentials).toHaveLength(2);
    expect(await fetchAs("linphone", device)).toMatchObject({ status: 403, body: { code: "device_signed_out" } });
    expect((await fetchAs("linphone", made.link)).body).toMatchObject({ code: "device_signed_out" });
  });

  it("gives crawlers, previews and browsers a plain page, and loses nothing by it", async () => {
    const made = await linked(deck.codes[9], "linphone");
    for (let round = 0; round < 3; round += 1)
      for (const agent of CRAWLERS) {
        const answer = await call("GET", pathOf(made.link), { headers: { "User-Agent": agent } });
        expect([answer.status, answer.headers.get("Content-Type")]).toEqual([200, "text/html; charset=UTF-8"]);
        expect(answer.text).not.toMatch(/ha1|password|:\d{6}-/);
        expect(answer.headers.get("Content-Security-Policy")).toContain("default-src 'none'");
      }
    expect((await call("HEAD", pathOf(made.link), { headers: AGENTS["linphone"] ?? {} })).text).toBe("");
    const unknown = await call("GET", `/p/linphone/${"A".repeat(80)}`, { headers: { "User-Agent": "WhatsApp/2" } });
    const known = await call("GET", pathOf(made.link), { headers: { "User-Agent": "WhatsApp/2" } });
    expect([unknown.status, unknown.text]).toEqual([known.status, known.text]);
    for (let fetches = 0; fetches < 5; fetches += 1) expect((await fetchAs("linphone", made.link)).status).toBe(200);
  });

  it("is answered five times, through restarts, and not a sixth", async () => {
    const made = await linked(deck.codes[10], "jssip");
    for (let fetches = 0; fetches < 5; fetches += 1) {
      expect((await fetchAs("jssip", made.link)).status).toBe(200);
      await evictDurableObject(env.CARDS.getByName(made.serial));
    }
    expect(await fetchAs("jssip", made.link)).toMatchObject({ status: 410, body: { code: "link_expired" } });
  });

  it("ends after ten minutes; the device's own address goes on", async () => {
    const made = await linked(deck.codes[11], "linphone");
    const device = deviceUrlIn((await fetchAs("linphone", made.link)).text);
    expect(device).not.toBe("");
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 601_000 });
    expect(await fetchAs("linphone", made.link)).toMatchObject({ status: 410, body: { code: "link_expired" } });
    const again = await fetchAs("linphone", device);
    expect(again.status).toBe(200);
    expect(deviceUrlIn(again.text)).toBe(device);
  });

  it("replaces the softphone linked before it", async () => {
    const first = await linked(deck.codes[12], "linphone");
    const second = await makeLink(first.key, "sessiontalk");
    expect(second.body).toMatchObject({ device: 3 });
    expect((await fetchAs("linphone", first.link)).status).toBe(403);
    expect((await fetchAs("sessiontalk", second.body.link)).status).toBe(200);
  });

  it("is of one format, one kind, and not to be altered", async () => {
    const made = await linked(deck.codes[13], "linphone");
    const token = made.link.split("/").at(-1) ?? "";
    const flipped = `${token.slice(0, 20)}${token[20] === "A" ? "B" : "A"}${token.slice(21)}`;
    for (const path of [`/p/jssip/${token}`, `/d/${token}`, `/p/linphone/${flipped}`, `/p/nothing/${token}`]) {
      const headers = { ...AGENTS["linphone"], Accept: "application/json" };
      expect((await call("GET", path, { headers })).body, path).toMatchObject({ code: "not_found" });
    }
  });

  it("is refused for softphones that never ask again, unless the profile allows long-lived pairs", async () => {
    const { tokens } = await redeemed(shortLived.codes[0]);
    for (const format of ["zoiper", "grandstream"])
      expect(await makeLink(tokens.accessToken, format)).toMatchObject({
        status: 422,
        body: { code: "invalid_input", errors: [{ pointer: "/format" }] },
      });
    const me = await call<{ devices: object[] }>("GET", "/v1/me", { key: tokens.accessToken });
    expect(me.body.devices).toHaveLength(1);
    expect(await makeLink(tokens.accessToken, "nothing")).toMatchObject({ status: 422 });
    expect(await makeLink("x", "linphone")).toMatchObject({ status: 401 });
  });

  it("holds the account itself where the softphone reads only the picture", async () => {
    const { qr, appLink } = await linked(deck.codes[14], "grandstream");
    expect(qr).toMatch(/^<\?xml[^>]*\?>\n<AccountConfig version="1">/);
    expect(qr).toMatch(/<AuthID>\d{10}:\d{6}-\d{7}\.2@[^<]+<\/AuthID>/);
    expect(appLink).toBeNull();
  });

  it("opens Linphone by its own scheme", async () => {
    const { link, appLink, qr } = await linked(deck.codes[15], "linphone");
    expect([appLink, qr]).toEqual([`linphone-config:${link}`, link]);
  });
});

describe("a blocked card", () => {
  it("tells the softphone in its own form, and gives nothing", async () => {
    const made = await linked(deck.codes[16], "sessiontalk");
    const device = await makeLink(made.key, "acrobits");
    const text = (await fetchAs("acrobits", device.body.link)).text;
    await call("PATCH", `/v1/cards/${made.serial}`, { key: operatorKey(), body: { action: "block", reason: "lost" } });
    expect(await fetchAs("acrobits", deviceUrlIn(text))).toMatchObject({ status: 403 });
    const answer = await fetchAs("acrobits", device.body.link);
    expect(answer.status).toBe(403);
    expect(answer.text).toMatch(/<error>\s*<message>[^<]*blocked[^<]*<\/message>\s*<\/error>/i);
  });
});

describe("a code in an address", () => {
  it("is refused with the right way, and not used", async () => {
    const code = deck.codes[17] ?? "";
    for (const path of [
      `/p/linphone/${code}`,
      `/p/acrobits/${code.toLowerCase()}`,
      `/d/${code}`,
      `/p/sessiontalk/x?username=${code}`,
      `/d/x?password=${code.replaceAll("-", "")}`,
      `/v1/redeem?code=${code}`,
      `/p/acrobits?cloud_username=${code}`,
    ]) {
      const answer = await call("GET", path, { headers: AGENTS["linphone"] ?? {} });
      expect(answer, path).toMatchObject({ status: 405, body: { code: "method_not_allowed" } });
      expect(answer.headers.get("Allow"), path).toContain("POST");
    }
    expect((await redeemed(code)).card.device).toBe(1);
  });
});

describe("the login box of Acrobits", () => {
  const login = (fields: Record<string, string>, address = "192.0.2.1") =>
    call("POST", "/p/acrobits", {
      raw: new URLSearchParams({ cloud_id: "ACME*", ...fields }).toString(),
      headers: { "Content-Type": "application/x-www-form-urlencoded", "CF-Connecting-IP": address },
    });
  const field = (text: string, name: string): string => new RegExp(`<${name}>([^<]*)</${name}>`).exec(text)?.[1] ?? "";

  it("binds the device with a code, and knows it by its secret from then on", async () => {
    const first = await login({ cloud_username: deck.codes[18] ?? "", cloud_password: "" });
    expect(first.status, first.text).toBe(200);
    expect(first.headers.get("Content-Type")).toBe("application/xml; charset=utf-8");
    const secret = field(first.text, "cloud_password");
    expect(field(first.text, "extProvUrl")).toBe(`${env.PUBLIC_ORIGIN}/d/${secret}`);
    expect(Number(field(first.text, "extProvInterval"))).toBeLessThanOrEqual(21_600);
    const lost = await login({ cloud_username: deck.codes[18] ?? "", cloud_password: "" });
    expect(field(lost.text, "cloud_password")).toBe(secret);
    const again = await login({ cloud_username: field(first.text, "cloud_username"), cloud_password: secret });
    expect([again.status, field(again.text, "username")]).toEqual([200, field(first.text, "username")]);
    const balance = await call("GET", pathOf(field(first.text, "genericBalanceCheckUrl")));
    expect(balance.body).toEqual({ balanceString: "10.00 EUR", balance: 10, currency: "EUR" });
  });

  it("refuses in its own form: used elsewhere, mistyped, unknown", async () => {
    const elsewhere = await login({ cloud_username: "", cloud_password: deck.codes[18] ?? "" }, "198.51.100.7");
    expect([elsewhere.status, elsewhere.headers.get("Content-Type")]).toEqual([409, "application/xml; charset=utf-8"]);
    expect(field(elsewhere.text, "message")).toContain("another device");
    expect((await login({ cloud_username: "7K3M" })).status).toBe(422);
    expect((await login({})).status).toBe(422);
    expect((await redeem(deck.codes[18], "other")).status).toBe(409);
  });
});

describe("JSON for pages", () => {
  const account = z.strictObject({
    webSockets: z.array(z.url()),
    configuration: z.strictObject({
      uri: z.string().startsWith("sip:"),
      display_name: z.string(),
      authorization_user: z.string(),
      password: z.base64(),
      realm: z.string(),
      register_expires: z.number().int(),
    }),
    bearer: z.strictObject({ authorization_jwt: z.string().startsWith("Bearer ey") }),
    pcConfig: z.strictObject({
      iceServers: z.array(z.strictObject({ urls: z.array(z.string()), username: z.string(), credential: z.string() })),
    }),
    expiresAt: z.iso.datetime(),
    refresh: z.strictObject({ url: z.url(), inSeconds: z.number().int().positive() }),
  });

  it("has JsSIP's own names, and is read from other origins", async () => {
    const made = await linked(deck.codes[19], "jssip");
    const answer = await fetchAs("jssip", made.link);
    expect(answer.headers.get("Access-Control-Allow-Origin")).toBe("*");
    const { refresh } = account.parse(answer.body);
    expect((await fetchAs("jssip", refresh.url)).status).toBe(200);
  });
});
