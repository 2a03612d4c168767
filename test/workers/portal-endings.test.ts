/** Everything that ends a visit to the portal. */
import { evictDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { call, operatorKey } from "../support/api.ts";
import { createPortal, go, Jar, type Portal, setPortal, signIn, standIn } from "../support/portal.ts";

let portal: Portal;
beforeAll(async () => {
  portal = await createPortal();
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

const act = (serial: string, action: string) =>
  call("PATCH", `/v1/cards/${serial}`, { key: operatorKey(), body: { action, reason: "test" } });
const later = (ms: number) => vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + ms });
const MINUTE = 60_000;
const titleOf = async (answer: Response) => /<h1>([^<]*)<\/h1>/.exec(await answer.text())?.[1];

describe("the end of a session", () => {
  const signedIn = async () => {
    const card = await portal.nextCard();
    return { card, jar: await signIn(card), upstream: standIn() };
  };

  it("comes after half an hour without a visit", async () => {
    const { jar, upstream } = await signedIn();
    for (let visit = 0; visit < 3; visit++) {
      later(29 * MINUTE);
      expect((await go(portal.origin, "/", { jar })).status).toBe(200);
    }
    later(31 * MINUTE);
    const answer = await go(portal.origin, "/", { jar });
    expect([answer.status, await titleOf(answer)]).toEqual([401, "You are not signed in"]);
    expect(upstream.seen).toHaveLength(3);
  });

  it("comes after eight hours at most", async () => {
    const { jar } = await signedIn();
    for (let hour = 0; hour < 15; hour++) {
      later(29 * MINUTE);
      expect((await go(portal.origin, "/", { jar })).status).toBe(200);
    }
    for (let visit = 0; visit < 2; visit++) later(29 * MINUTE);
    expect((await go(portal.origin, "/", { jar })).status).toBe(401);
  });

  it("comes with signing out, for kept cookies too, and clears the browser", async () => {
    const { jar, upstream } = await signedIn();
    const kept = new Jar();
    kept.set("__Host-ringfare", jar.get("__Host-ringfare") ?? "");
    jar.set("theirs", "1");
    const out = await go(portal.origin, "/.ringfare/sign-out", { method: "POST", jar });
    expect([out.status, await titleOf(out)]).toEqual([200, "You are signed out"]);
    expect(out.headers.get("Clear-Site-Data")).toBe('"cache", "storage"');
    expect(jar.names).toEqual([]);
    for (const browser of [jar, kept]) expect((await go(portal.origin, "/", { jar: browser })).status).toBe(401);
    expect(upstream.seen).toEqual([]);
  });

  it("is not brought about by another site", async () => {
    const { jar } = await signedIn();
    const headers = { Origin: "https://evil.portal.ringfare.test" };
    expect((await go(portal.origin, "/.ringfare/sign-out", { method: "POST", jar, headers })).status).toBe(403);
    expect((await go(portal.origin, "/", { jar })).status).toBe(200);
  });

  it("comes with the card's block, at the next navigation", async () => {
    const { card, jar, upstream } = await signedIn();
    expect((await go(portal.origin, "/", { jar })).status).toBe(200);
    await act(card.card.serial, "block");
    const answer = await go(portal.origin, "/", { jar });
    expect([answer.status, await titleOf(answer)]).toEqual([403, "The card is blocked"]);
    expect(upstream.seen).toHaveLength(1);
    // Nor does a part of the page that is still open come through, nor a form of it.
    expect(
      (await go(portal.origin, "/x.js", { jar, headers: { "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "script" } }))
        .status,
    ).toBe(403);
    expect(
      (await go(portal.origin, "/", { jar, method: "POST", headers: { "Sec-Fetch-Mode": "cors" }, body: "a=1" }))
        .status,
    ).toBe(403);
    expect(upstream.seen).toHaveLength(1);
    await act(card.card.serial, "unblock");
    expect((await go(portal.origin, "/", { jar })).status).toBe(200);
  });

  it("comes with the device's sign-out and with its release", async () => {
    const one = await signedIn();
    await call("DELETE", "/v1/me/device", { key: one.card.tokens.accessToken });
    const answer = await go(portal.origin, "/", { jar: one.jar });
    expect([answer.status, await titleOf(answer)]).toEqual([403, "This device was signed out"]);
    vi.restoreAllMocks();
    const two = await signedIn();
    await call("PATCH", `/v1/cards/${two.card.card.serial}`, {
      key: operatorKey(),
      body: { action: "release_device", device: 1, reason: "test" },
    });
    expect((await go(portal.origin, "/", { jar: two.jar })).status).toBe(403);
    expect(two.upstream.seen).toEqual([]);
  });

  it("asks the card again after an eviction, and leaves parts of a page alone for seconds only", async () => {
    const { card, jar } = await signedIn();
    await evictDurableObject(env.CARDS.getByName(card.card.serial));
    expect((await go(portal.origin, "/", { jar })).status).toBe(200);
    const objects = vi.spyOn(env.CARDS, "getByName");
    const part = { jar, headers: { "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image" } };
    for (let turn = 0; turn < 5; turn++) expect((await go(portal.origin, "/x.png", part)).status).toBe(200);
    expect(objects).not.toHaveBeenCalled();
    later(11_000);
    await go(portal.origin, "/x.png", part);
    expect(objects).toHaveBeenCalledTimes(1);
  });

  it("is a page that says to try again while the card does not answer", async () => {
    const { jar, upstream } = await signedIn();
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    vi.spyOn(env.CARDS, "getByName").mockImplementation(() => {
      throw new Error("away");
    });
    const answer = await go(portal.origin, "/", { jar });
    expect([answer.status, answer.headers.get("Content-Type"), answer.headers.get("Retry-After")]).toEqual([
      503,
      "text/html; charset=utf-8",
      "2",
    ]);
    expect(upstream.seen).toEqual([]);
  });

  it("of a brand's portal is the end of every visit", async () => {
    const other = await createPortal();
    const jar = await signIn(await other.nextCard());
    const upstream = standIn();
    expect((await go(other.origin, "/", { jar })).status).toBe(200);
    await call("DELETE", `/v1/brands/${other.brand}/portal`, { key: operatorKey() });
    const answer = await go(other.origin, "/", { jar });
    expect([answer.status, await titleOf(answer)]).toEqual([404, "There is no portal at this address"]);
    await setPortal(other.brand);
    expect((await go(other.origin, "/", { jar })).status).toBe(200);
    expect(upstream.seen).toHaveLength(2);
  });
});
