/** A card that moves to another device, over HTTP: by PIN, by the code alone, or not at all. */
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { operatorKey, call } from "../support/api.ts";
import { createDeck, redeem, redeemed, refresh, type Deck, type Redeemed } from "../support/cards.ts";
import { createKey } from "../support/catalogue.ts";
import { listen } from "../support/sockets.ts";

let deck: Deck;
let switchKey: string;
let next = 0;
beforeAll(async () => {
  deck = await createDeck();
  switchKey = (await createKey(null, ["switch"], { trunks: [deck.trunk] })).key;
});
afterEach(() => {
  vi.useRealTimers();
});

type Owned = Redeemed & { readonly code: string };
async function owned(pin: string | null = "1234"): Promise<Owned> {
  const code = deck.codes[next++] ?? "";
  const card = await redeemed(code, "owner");
  if (pin !== null) expect((await setPin(card, { pin })).status).toBe(204);
  return { ...card, code };
}
const setPin = ({ tokens }: Redeemed, body: unknown) =>
  call<{ code: string }>("PUT", "/v1/me/pin", { key: tokens.accessToken, body });
const take = (code: string, pin?: string, device = "new-phone") =>
  redeem(code, device, { takeover: true, ...(pin !== undefined && { pin }) });
const placeHold = (serial: string, id: string, body: object = {}) =>
  call<{ code: string }>("PUT", `/v1/cards/${serial}/holds/${id}`, {
    key: switchKey,
    body: { amount: "1.00", currency: "EUR", ttlSeconds: 600, ...body },
  });

describe("with the PIN", () => {
  it("moves the card with its balance, and everything of the old device ends", async () => {
    const owner = await owned();
    const { serial } = owner.card;
    const spent = await call("PUT", `/v1/cards/${serial}/debits/d1`, {
      key: switchKey,
      body: { amount: "2.50", currency: "EUR" },
    });
    expect(spent.status).toBe(200);
    const live = await listen(owner.tokens.accessToken);
    await live.next();
    const taken = await take(owner.code, "1234");
    expect(taken).toMatchObject({
      status: 200,
      body: { card: { device: 2 }, balance: { available: "7.50", held: "0.00" } },
    });
    expect(await live.closed()).toBe(4401);
    expect((await call("GET", "/v1/me", { key: owner.tokens.accessToken })).body["code"]).toBe("device_signed_out");
    expect((await refresh(owner.tokens.refreshToken)).body.error).toBe("invalid_grant");
    expect((await placeHold(serial, "old", { subject: `${serial}.1` })).body.code).toBe("credential_revoked");
    expect((await placeHold(serial, "new", { subject: `${serial}.2` })).status).toBe(200);
    const me = await call<{ devices: object[] }>("GET", "/v1/me", { key: taken.body.tokens.accessToken });
    expect(me.body.devices).toMatchObject([{ number: 2, current: true, sipSeat: true }]);
    // The same app again is a repetition, not a takeover; the old one is a stranger.
    expect((await take(owner.code, "1234")).body.card.device).toBe(2);
    expect((await redeem(owner.code, "owner")).body.code).toBe("card_in_use");
  });

  it("is asked for only when the card is in use elsewhere and the app wants to take it", async () => {
    const owner = await owned();
    expect(await redeem(owner.code, "thief", { pin: "1234" })).toMatchObject({
      status: 409,
      body: { code: "card_in_use" },
    });
    expect(await take(owner.code)).toMatchObject({ status: 403, body: { code: "pin_required" } });
    expect(await take(owner.code, "4321")).toMatchObject({ status: 403, body: { code: "pin_wrong" } });
    expect((await take(owner.code, undefined, "owner")).status).toBe(200);
    for (const pin of ["123", "1234567", "12a4", "١٢٣٤"])
      expect((await take(owner.code, pin)).body.code).toBe("invalid_input");
  });

  it("cannot be guessed: five tries a day, counted by the card, and the owner is never locked out", async () => {
    const owner = await owned("4711");
    for (let tries = 0; tries < 5; tries += 1) expect((await take(owner.code, "0000")).body.code).toBe("pin_wrong");
    const locked = await take(owner.code, "4711", "another");
    expect([locked.status, locked.body.code]).toEqual([429, "too_many_attempts"]);
    expect(Number(locked.headers.get("Retry-After"))).toBeGreaterThan(86_000);
    expect((await setPin(owner, { pin: "1111", currentPin: "4711" })).body.code).toBe("too_many_attempts");
    expect((await call("GET", "/v1/me", { key: owner.tokens.accessToken })).status).toBe(200);
    expect((await redeem(owner.code, "owner")).status).toBe(200);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 25 * 3_600_000 });
    expect((await take(owner.code, "4711")).status).toBe(200);
  });

  it("waits for calls to end, and a day between two moves", async () => {
    const owner = await owned();
    const { serial } = owner.card;
    await placeHold(serial, "h");
    const busy = await take(owner.code, "1234");
    expect([busy.status, busy.body.code]).toEqual([403, "takeover_refused"]);
    await call("POST", `/v1/cards/${serial}/holds/h/release`, { key: switchKey });
    expect((await take(owner.code, "1234")).status).toBe(200);
    const back = await take(owner.code, "1234", "owner");
    expect([back.status, back.body.code]).toEqual([403, "takeover_refused"]);
    expect(Number(back.headers.get("Retry-After"))).toBeGreaterThan(86_000);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 24 * 3_600_000 + 1000 });
    expect(await take(owner.code, "1234", "owner")).toMatchObject({ status: 200, body: { card: { device: 3 } } });
  });

  it("happens once when two devices ask at the same time", async () => {
    const owner = await owned();
    const answers = await Promise.all(["b", "c", "d"].map((device) => take(owner.code, "1234", device)));
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 403, 403]);
  });

  it("is nothing without one: the card stays where it is", async () => {
    const owner = await owned(null);
    expect(await take(owner.code, "1234")).toMatchObject({ status: 403, body: { code: "takeover_refused" } });
    expect((await call("GET", "/v1/me", { key: owner.tokens.accessToken })).status).toBe(200);
  });
});

describe("the PIN", () => {
  it("is changed by who knows it", async () => {
    const owner = await owned("1234");
    expect(await setPin(owner, { pin: "5678" })).toMatchObject({ status: 403, body: { code: "pin_required" } });
    expect(await setPin(owner, { pin: "5678", currentPin: "0000" })).toMatchObject({ body: { code: "pin_wrong" } });
    expect((await setPin(owner, { pin: "5678", currentPin: "1234" })).status).toBe(204);
    expect((await take(owner.code, "1234")).body.code).toBe("pin_wrong");
    expect((await take(owner.code, "5678")).status).toBe(200);
  });

  it("is refused in any other form, and without a device", async () => {
    const owner = await owned(null);
    for (const body of [{ pin: "123" }, { pin: 1234 }, { pin: "1234", extra: 1 }, {}, { pin: "1234", currentPin: "x" }])
      expect(await setPin(owner, body)).toMatchObject({ status: 422, body: { code: "invalid_input" } });
    expect((await call("PUT", "/v1/me/pin", { body: { pin: "1234" } })).status).toBe(401);
    expect((await call("PUT", "/v1/me/pin", { key: operatorKey(), body: { pin: "1234" } })).status).toBe(401);
  });

  it("ends when nobody is signed in: the next holder sets one of their own", async () => {
    const owner = await owned("1234");
    await call("DELETE", "/v1/me/device", { key: owner.tokens.accessToken });
    const second = await redeemed(owner.code, "second");
    expect((await setPin(second, { pin: "9999" })).status).toBe(204);
    expect((await take(owner.code, "1234")).body.code).toBe("pin_wrong");
    expect((await take(owner.code, "9999")).status).toBe(200);
  });

  it("on a card for two devices is the first one's to set, and moves the one seen longest ago", async () => {
    const two = await createDeck({ batch: { maxDevices: 2 } });
    const code = two.codes[0] ?? "";
    const first = await redeemed(code, "first");
    const second = await redeemed(code, "second");
    expect((await setPin(second, { pin: "1234" })).body.code).toBe("pin_required");
    expect((await setPin(first, { pin: "1234" })).status).toBe(204);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 60_000 });
    const firstAgain = await refresh(first.tokens.refreshToken);
    expect((await take(code, "1234")).body.card.device).toBe(3);
    expect((await call("GET", "/v1/me", { key: second.tokens.accessToken })).status).toBe(403);
    expect((await call("GET", "/v1/me", { key: firstAgain.body.access_token })).status).toBe(200);
  });
});

describe("by the profile", () => {
  it("the code alone is enough, or nothing is", async () => {
    const holder = await createDeck({ profile: { takeover: "holder" } });
    const [code = "", other = ""] = holder.codes;
    const owner = await redeemed(code, "owner");
    expect((await setPin(owner, { pin: "1234" })).status).toBe(204);
    const taken = await take(code);
    expect(taken).toMatchObject({ status: 200, body: { card: { device: 2 } } });
    expect((await setPin(taken.body, { pin: "4321" })).status).toBe(204);
    await redeemed(other, "owner");
    expect((await redeem(other, "new-phone")).body.code).toBe("card_in_use");
    const never = await createDeck({ profile: { takeover: "never" } });
    const kept = await redeemed(never.codes[0], "owner");
    await setPin(kept, { pin: "1234" });
    expect(await take(never.codes[0] ?? "", "1234")).toMatchObject({ status: 403, body: { code: "takeover_refused" } });
  });
});
