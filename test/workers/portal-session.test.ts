/** From the app into the portal: the ticket, the session it begins, and two cards in one browser. */
import { evictDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { operatorKey, call } from "../support/api.ts";
import { createPortal, go, handOver, Jar, type Portal, signIn, standIn, ticketFor } from "../support/portal.ts";

let portal: Portal;
beforeAll(async () => {
  portal = await createPortal();
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

const later = (ms: number) => vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + ms });

describe("the ticket", () => {
  it("is in the fragment, for a minute, on the brand's own host", async () => {
    const card = await portal.nextCard();
    const answer = await call<{ url: string; expiresAt: string }>("POST", "/v1/me/portal-session", {
      key: card.tokens.accessToken,
    });
    const url = new URL(answer.body.url);
    expect([url.origin, url.pathname, url.search]).toEqual([portal.origin, "/.ringfare/open", ""]);
    expect(url.hash.length).toBeGreaterThan(40);
    const leftMs = Date.parse(answer.body.expiresAt) - Date.now();
    expect(leftMs).toBeGreaterThan(50_000);
    expect(leftMs).toBeLessThanOrEqual(60_000);
    expect(card.portal.url).toBe(`${portal.origin}/`);
  });

  it("leads to the built-in page where the brand has no portal", async () => {
    const other = await createPortal();
    const card = await other.nextCard();
    expect((await call("DELETE", `/v1/brands/${other.brand}/portal`, { key: operatorKey() })).status).toBe(204);
    expect((await ticketFor(card)).url).toBe(`${env.PUBLIC_ORIGIN}/`);
  });

  it("opens once, and says so the second time", async () => {
    const upstream = standIn();
    const { ticket, origin } = await ticketFor(await portal.nextCard());
    const [one, two] = [new Jar(), new Jar()];
    const opened = await handOver(origin, one, ticket);
    expect([opened.status, await opened.json()]).toMatchObject([200, { status: "open", next: "/" }]);
    expect(opened.headers.getSetCookie()[0]).toMatch(
      /^__Host-ringfare=[\w-]+; Path=\/; Max-Age=28800; Secure; HttpOnly; SameSite=Lax$/,
    );
    const again = await handOver(origin, two, ticket);
    expect([again.status, await again.json()]).toMatchObject([410, { code: "link_expired" }]);
    expect(two.names).toEqual([]);
    expect((await go(origin, "/", { jar: two })).status).toBe(401);
    expect(upstream.seen).toEqual([]);
    expect((await go(origin, "/", { jar: one })).status).toBe(200);
  });

  it("opens once when it is handed over many times at once", async () => {
    const { ticket, origin } = await ticketFor(await portal.nextCard());
    const answers = await Promise.all(Array.from({ length: 20 }, () => handOver(origin, new Jar(), ticket)));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    await Promise.all(answers.map((answer) => answer.text()));
  });

  it("is too old after a minute, even for a card whose object was away", async () => {
    const card = await portal.nextCard();
    const { ticket, origin } = await ticketFor(card);
    await evictDurableObject(env.CARDS.getByName(card.card.serial));
    later(61_000);
    expect((await handOver(origin, new Jar(), ticket)).status).toBe(410);
  });

  it("touches no card when it is forged, changed or of another kind", async () => {
    const card = await portal.nextCard();
    const { ticket, origin } = await ticketFor(card);
    const jar = await signIn(await portal.nextCard());
    const objects = vi.spyOn(env.CARDS, "getByName");
    const flipped = `${ticket.slice(0, 10)}${ticket[10] === "A" ? "B" : "A"}${ticket.slice(11)}`;
    for (const forged of [
      "",
      "x",
      flipped,
      ticket.slice(1),
      `${ticket}A`,
      card.tokens.refreshToken,
      jar.get("__Host-ringfare") ?? "",
      "A".repeat(96),
    ])
      expect([410, 400]).toContain((await handOver(origin, new Jar(), forged)).status);
    // And the other way round: a ticket is no session.
    const cookie = new Jar();
    for (const value of [ticket, card.tokens.refreshToken, flipped]) {
      cookie.set("__Host-ringfare", value);
      expect((await go(origin, "/", { jar: cookie })).status).toBe(401);
    }
    expect(objects).not.toHaveBeenCalled();
  });

  it("is another brand's nothing", async () => {
    const other = await createPortal();
    const { ticket } = await ticketFor(await portal.nextCard());
    expect((await handOver(other.origin, new Jar(), ticket)).status).toBe(410);
  });

  it("is taken from the portal's own page only", async () => {
    const { ticket, origin } = await ticketFor(await portal.nextCard());
    const body = JSON.stringify({ ticket });
    for (const from of ["", "null", "https://evil.portal.ringfare.test", env.PUBLIC_ORIGIN])
      expect(
        (await go(origin, "/.ringfare/session", { method: "POST", headers: { Origin: from }, body })).status,
        from,
      ).toBe(403);
    expect((await go(origin, "/.ringfare/session")).status).toBe(405);
    expect((await go(origin, "/.ringfare/session", { method: "POST", body: "x".repeat(5000) })).status).toBe(400);
    expect((await handOver(origin, new Jar(), ticket)).status).toBe(200);
  });

  it("is limited in number", async () => {
    const card = await portal.nextCard();
    const statuses: number[] = [];
    for (let turn = 0; turn < 22; turn++) {
      const { ticket, origin } = await ticketFor(card);
      statuses.push((await handOver(origin, new Jar(), ticket)).status);
    }
    expect(statuses.slice(0, 20)).toEqual(Array.from({ length: 20 }, () => 200));
    expect(statuses.slice(20)).toEqual([429, 429]);
  });
});

describe("one browser, two cards", () => {
  it("asks before it replaces another card's visit, and only then ends it", async () => {
    standIn();
    const [first, second] = [await portal.nextCard(), await portal.nextCard()];
    const jar = await signIn(first);
    const before = jar.get("__Host-ringfare") ?? "";
    const { ticket, origin } = await ticketFor(second);
    const asked = await handOver(origin, jar, ticket);
    expect([asked.status, await asked.json()]).toEqual([
      200,
      {
        status: "ask",
        brand: `Brand of ${portal.partner}`,
        card: `••• ${second.card.serial.slice(-4)}`,
        other: `••• ${first.card.serial.slice(-4)}`,
      },
    ]);
    expect(jar.get("__Host-ringfare")).toBe(before);
    expect((await go(origin, "/", { jar })).status).toBe(200);
    const replaced = await handOver(origin, jar, ticket, true);
    expect(await replaced.json()).toMatchObject({ status: "open", card: `••• ${second.card.serial.slice(-4)}` });
    expect(replaced.headers.get("Clear-Site-Data")).toBe('"cache", "storage"');
    const kept = new Jar();
    kept.set("__Host-ringfare", before);
    expect((await go(origin, "/", { jar: kept })).status).toBe(401);
    expect((await go(origin, "/", { jar })).status).toBe(200);
  });

  it("does not ask for the same card again, and keeps its storage", async () => {
    const card = await portal.nextCard();
    const jar = await signIn(card);
    const { ticket, origin } = await ticketFor(card);
    const answer = await handOver(origin, jar, ticket);
    expect(await answer.json()).toMatchObject({ status: "open" });
    expect(answer.headers.has("Clear-Site-Data")).toBe(false);
  });

  it("gives no card the cookies of another, nor any that were planted", async () => {
    const upstream = standIn(() => {
      const headers = new Headers({ "Content-Type": "text/plain" });
      headers.append("Set-Cookie", "session=first; HttpOnly; Path=/");
      headers.append("Set-Cookie", "csrftoken=abc; Path=/");
      return new Response("x", { headers });
    });
    const jar = await signIn(await portal.nextCard());
    await go(portal.origin, "/", { jar });
    jar.set("planted", "by a sibling's script");
    await go(portal.origin, "/", { jar });
    expect(upstream.seen.at(-1)?.headers.get("Cookie")).toBe("session=first; csrftoken=abc");
    // A sibling host plants another value under the same name, for the whole domain.
    const tossed = `session=evil; ${jar.header}; csrftoken=evil`;
    await go(portal.origin, "/", { headers: { Cookie: tossed } });
    expect(upstream.seen.at(-1)?.headers.get("Cookie")).toBe("session=first; csrftoken=abc");
    await signIn(await portal.nextCard(), jar);
    expect(jar.names).toContain("session");
    await go(portal.origin, "/", { jar });
    expect(upstream.seen.at(-1)?.headers.get("Cookie")).toBeNull();
  });
});
