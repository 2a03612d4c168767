import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { operatorKey, call } from "../support/api.ts";
import { createDeck, redeem, redeemed, refresh, type Deck, type Redeemed } from "../support/cards.ts";

let deck: Deck;
let next = 0;
beforeAll(async () => {
  deck = await createDeck();
});
afterEach(() => {
  vi.useRealTimers();
});

/** A card no other test has touched. */
async function freshCard(): Promise<Redeemed & { code: string }> {
  const code = deck.codes[next++] ?? "";
  return { ...(await redeemed(code)), code };
}

const me = (token: string) => call("GET", "/v1/me", { key: token });

describe("/v1/me", () => {
  it("shows the card, and 304 while nothing changed", async () => {
    const { tokens, card } = await freshCard();
    const first = await me(tokens.accessToken);
    expect(first.body).toMatchObject({
      card: { serial: card.serial, status: "active", device: 1 },
      balance: { available: "10.00", held: "0.00", currency: "EUR" },
      brand: { brand: deck.brand, version: 1 },
      devices: [{ number: 1, name: null, current: true, sipSeat: true }],
    });
    const etag = first.headers.get("ETag") ?? "";
    for (const known of [etag, etag.replace("W/", ""), `"x", ${etag}`, "*"]) {
      const again = await call("GET", "/v1/me", { key: tokens.accessToken, headers: { "If-None-Match": known } });
      expect([again.status, again.text], known).toEqual([304, ""]);
    }
    await call("PUT", `/v1/cards/${card.serial}/credits/c1`, {
      key: operatorKey(),
      body: { amount: "1", currency: "EUR", source: "goodwill" },
    });
    const changed = await call("GET", "/v1/me", { key: tokens.accessToken, headers: { "If-None-Match": etag } });
    expect(changed.body).toMatchObject({ balance: { available: "11.00" } });
  });

  it("pages through the statement, newest first, with a cursor nobody else can use", async () => {
    const one = await freshCard();
    const two = await freshCard();
    for (let index = 1; index <= 5; index++) {
      await call("PUT", `/v1/cards/${one.card.serial}/credits/c${index}`, {
        key: operatorKey(),
        body: { amount: "0.10", currency: "EUR", source: "goodwill" },
      });
    }
    type Page = { items: { seq: number; id: string }[]; nextCursor: string | null };
    const read = (token: string, query: string) => call<Page>("GET", `/v1/me/postings${query}`, { key: token });
    const seen: number[] = [];
    let query = "?limit=4";
    for (;;) {
      const page = (await read(one.tokens.accessToken, query)).body;
      seen.push(...page.items.map(({ seq }) => seq));
      if (page.nextCursor === null) break;
      query = `?limit=4&cursor=${encodeURIComponent(page.nextCursor)}`;
    }
    expect(seen).toEqual([6, 5, 4, 3, 2, 1]);
    expect((await read(two.tokens.accessToken, query)).status).toBe(422);
    expect((await read(one.tokens.accessToken, "?limit=0")).status).toBe(422);
    expect((await read(one.tokens.accessToken, "?limit=1000000000")).status).toBe(422);
  });

  it("gives fresh SIP credentials without touching older ones", async () => {
    const { tokens, provisioning } = await freshCard();
    const answer = await call<Redeemed["provisioning"]>("POST", "/v1/me/sip-credentials", { key: tokens.accessToken });
    expect(answer.status).toBe(200);
    expect(Object.keys(answer.body)).toEqual(Object.keys(provisioning));
    expect(answer.body.sip?.credentials.map(({ type }) => type)).toEqual(["bearer", "digest"]);
  });

  it("is refused while the card is blocked, and works again after", async () => {
    const { tokens, card } = await freshCard();
    const act = (action: string) =>
      call("PATCH", `/v1/cards/${card.serial}`, { key: operatorKey(), body: { action, reason: "stolen" } });
    await act("block");
    expect((await me(tokens.accessToken)).body).toMatchObject({ code: "card_blocked", status: 403 });
    const blocked = await refresh(tokens.refreshToken);
    expect([blocked.status, blocked.body.code, blocked.body.error]).toEqual([403, "card_blocked", "access_denied"]);
    await act("unblock");
    expect((await me(tokens.accessToken)).status).toBe(200);
  });

  it("shows an expired card to its own device, without credentials", async () => {
    const { card, code } = await freshCard();
    vi.useFakeTimers({ toFake: ["Date"], now: Date.parse(card.expiresAt ?? "") + 2000 });
    const own = await redeemed(code);
    expect(own.card.status).toBe("expired");
    expect(own.provisioning.sip?.credentials).toEqual([]);
    expect(own.provisioning.ice.servers).toEqual([]);
    expect((await redeem(code, "other")).body.code).toBe("card_expired");
    expect((await me(own.tokens.accessToken)).status).toBe(200);
  });
});
