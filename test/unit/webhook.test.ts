import { describe, expect, it } from "vitest";
import { Webhook } from "standardwebhooks";
import { newWebhookSecret, signedHeaders } from "../../src/auth/webhook-signing.ts";
import { webhookAddress } from "../../src/domain/webhook-address.ts";
import {
  attemptOf,
  isWanted,
  liveSecrets,
  restMs,
  retryDelayMs,
  rotated,
  subscribe,
  type SealedSecret,
} from "../../src/domain/webhook.ts";

const NOW = Date.parse("2026-06-01T12:00:00.700Z");
const rules = { ownHosts: ["api.ringfare.example", "portal.example"], allowsLoopback: false };
const address = (text: string, changes: Partial<typeof rules> = {}) => webhookAddress(text, { ...rules, ...changes });
const error = (text: string) => {
  const result = address(text);
  return result.ok ? `accepted as ${result.value}` : result.error;
};

describe("an address", () => {
  it("is a public https URL, kept in its one spelling", () => {
    for (const [given, kept] of [
      ["https://hooks.acme.example/in?x=1", "https://hooks.acme.example/in?x=1"],
      ["HTTPS://Hooks.ACME.example:443", "https://hooks.acme.example/"],
      ["https://a.b/../c/./d", "https://a.b/c/d"],
      ["https://xn--bcher-kva.example/", "https://xn--bcher-kva.example/"],
      ["https://portal.example.net/@me", "https://portal.example.net/@me"],
    ] as const)
      expect(address(given), given).toEqual({ ok: true, value: kept });
  });

  it.each([
    "https://127.0.0.1/",
    "https://127.1/",
    "https://0x7f000001/",
    "https://2130706433/",
    "https://017700000001/",
    "https://10.0.0.1/",
    "https://169.254.169.254/latest/meta-data",
    "https://[::1]/",
    "https://[::ffff:10.0.0.1]/",
    "https://[fd00::1]/",
    "https://localhost/",
    "https://x.localhost/",
    "https://printer.local/",
    "https://metadata.google.internal/",
    "https://router.home.arpa/",
    "https://nas.lan/",
    "https://hidden.onion/",
    "https://intranet/",
    "https://hooks.acme.example./",
    "https://hooks..example/",
    "https://-hooks.example/",
  ])("refuses what is no public name: %s", (text) => {
    expect(error(text)).toMatch(/public host name|An https URL/);
  });

  it.each([
    ["http://hooks.acme.example/", "An https URL."],
    ["ftp://hooks.acme.example/", "An https URL."],
    ["wss://hooks.acme.example/", "An https URL."],
    ["javascript:alert(1)", "An https URL."],
    ["hooks.acme.example", "An https URL."],
    ["//hooks.acme.example/", "An https URL."],
    ["", "An https URL."],
    ["https://", "An https URL."],
    ["https:\\\\hooks.acme.example\\", "An https URL."],
    ["https://hooks.acme.example\t/", "An https URL."],
    ["https://hooks.acme.example/\n", "An https URL."],
    [" https://hooks.acme.example/", "An https URL."],
    ["https://bücher.example/", "An https URL."],
    ["https://hooks.аcme.example/", "An https URL."],
    ["https://user@hooks.acme.example/", "No user and no password."],
    ["https://:secret@hooks.acme.example/", "No user and no password."],
    ["https://@hooks.acme.example/", "No user and no password."],
    ["https://hooks.acme.example/#part", "No fragment."],
    ["https://hooks.acme.example/#", "No fragment."],
    ["https://hooks.acme.example:8443/", "The standard port of https only."],
    ["https://hooks.acme.example:22/", "The standard port of https only."],
    ["https://api.ringfare.example/v1/redeem", "Not an address of this service."],
    ["https://API.ringfare.example/", "Not an address of this service."],
    ["https://x.api.ringfare.example/", "Not an address of this service."],
    ["https://acme.portal.example/", "Not an address of this service."],
    [`https://hooks.acme.example/${"x".repeat(2048)}`, "At most 2048 characters."],
  ])("refuses %j", (text, why) => {
    expect(error(text)).toBe(why);
  });

  it("may be plain and on this machine in the local start only, and never this service", () => {
    const local = { ownHosts: ["127.0.0.1:8787", "localhost:8787"], allowsLoopback: true };
    for (const text of ["http://127.0.0.1:9000/in", "http://localhost:1/", "http://[::1]:9000/"]) {
      expect(address(text, local).ok, text).toBe(true);
      expect(address(text).ok, text).toBe(false);
    }
    for (const text of [
      "http://127.0.0.1:8787/",
      "http://localhost:8787/",
      "http://10.0.0.1/",
      "http://hooks.example/",
    ])
      expect(address(text, local).ok, text).toBe(false);
  });
});

describe("subscriptions", () => {
  const before = { events: { "card.redeemed": NOW - 9000, "card.blocked": NOW - 9000 }, enabled: true };

  it("keep the start of what stays and start what is new now", () => {
    expect(subscribe(["card.redeemed", "alert"], before, NOW)).toEqual({ "card.redeemed": NOW - 9000, alert: NOW });
    expect(subscribe(["card.redeemed"], { ...before, enabled: false }, NOW)).toEqual({ "card.redeemed": NOW });
    expect(subscribe(["card.redeemed"], undefined, NOW)).toEqual({ "card.redeemed": NOW });
  });

  it("count by whole seconds, as events say their time", () => {
    const events = subscribe(["card.redeemed"], undefined, NOW);
    expect(isWanted(events, "card.redeemed", NOW - 700)).toBe(true);
    expect(isWanted(events, "card.redeemed", NOW - 1700)).toBe(false);
    expect(isWanted(events, "card.blocked", NOW + 1)).toBe(false);
  });
});

describe("secrets", () => {
  const first: SealedSecret = { sealed: "1", untilMs: null };
  const rotate = (secrets: readonly SealedSecret[], sealed: string, overlapMs: number, nowMs = NOW) =>
    rotated(secrets, sealed, { nowMs, overlapMs });

  it("overlap for as long as was asked, never longer than before, at most four", () => {
    const two = rotate([first], "2", 1000);
    expect(two).toEqual([
      { sealed: "2", untilMs: null },
      { sealed: "1", untilMs: NOW + 1000 },
    ]);
    const three = rotate(two, "3", 5000);
    expect(three.map(({ untilMs }) => untilMs)).toEqual([null, NOW + 5000, NOW + 1000]);
    expect(rotate(two, "3", 0)).toEqual([{ sealed: "3", untilMs: null }]);
    expect(rotate(two, "3", 5000, NOW + 1000).map(({ sealed }) => sealed)).toEqual(["3", "2"]);
    let many: readonly SealedSecret[] = [first];
    for (let index = 2; index < 9; index += 1) many = rotate(many, String(index), 1000);
    expect(many.map(({ sealed }) => sealed)).toEqual(["8", "7", "6", "5"]);
    expect(liveSecrets(two, NOW + 999)).toHaveLength(2);
    expect(liveSecrets(two, NOW + 1000)).toHaveLength(1);
  });

  it("are long enough for the standard, and each signs for itself", () => {
    const [one, two] = [newWebhookSecret(), newWebhookSecret()];
    expect(one).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    expect(one).not.toBe(two);
    const body = '{"type":"webhook.test"}';
    const headers = signedHeaders([one, two], { id: "evt_1", atMs: Date.now(), body });
    for (const secret of [one, two])
      expect(new Webhook(secret).verify(body, headers)).toEqual({ type: "webhook.test" });
    expect(() => new Webhook(newWebhookSecret()).verify(body, headers)).toThrow("No matching signature");
    expect(() => new Webhook(one).verify(`${body} `, headers)).toThrow("No matching signature");
    expect(() => new Webhook(one).verify(body, { ...headers, "webhook-id": "evt_2" })).toThrow("No matching signature");
  });

  it("sign what other implementations sign: the example of the standard's libraries", () => {
    const headers = signedHeaders(["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"], {
      id: "msg_p5jXN8AQM9LWM0D4loKWxJek",
      atMs: 1_614_265_330_000,
      body: '{"test": 2432232314}',
    });
    expect(headers["webhook-signature"]).toBe("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    expect(headers["webhook-timestamp"]).toBe("1614265330");
  });
});

describe("attempts", () => {
  it("succeed with 2xx alone", () => {
    for (const status of [200, 201, 204, 299]) expect(attemptOf(status).error, String(status)).toBeNull();
    for (const [status, why] of [
      [199, "status"],
      [300, "redirect"],
      [304, "redirect"],
      [308, "redirect"],
      [400, "status"],
      [409, "status"],
      [410, "gone"],
      [500, "status"],
    ] as const)
      expect(attemptOf(status), String(status)).toEqual({ error: why, responseStatus: status });
  });

  it("come at growing intervals, from ten seconds to eight hours; a webhook rests a quarter of an hour at most", () => {
    const delays = Array.from({ length: 12 }, (_, index) => retryDelayMs(index + 1));
    expect(delays).toEqual(delays.toSorted((a, b) => a - b));
    expect([delays[0], delays.at(-1)]).toEqual([10_000, 28_800_000]);
    expect([restMs(1), restMs(4), restMs(100)]).toEqual([10_000, 900_000, 900_000]);
  });
});
