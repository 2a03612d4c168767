/** Softphones that sit in the place of the device that linked them: the object's own promises. */
import { describe, expect, it } from "vitest";
import type { CardView, DeviceClaim, MoneyRequest, Redeemed } from "../../src/domain/card-calls.ts";
import type { Refusal } from "../../src/domain/errors.ts";
import type { Result } from "../../src/domain/result.ts";
import { call } from "../support/api.ts";
import { cardCallOf, objectOf } from "../support/card-of.ts";
import { freshCard, hold, phone, rowsWritten } from "../support/card-object.ts";
import { createDeck, redeem, redeemed } from "../support/cards.ts";

const link = (name: string) => ({ idHash: name.repeat(64), name: "Linphone", platform: "linphone" });
const claimOf = (answer: Result<Redeemed, Refusal>): DeviceClaim => {
  if (!answer.ok) throw new Error(answer.error.code);
  return { device: answer.value.refresh.device, family: answer.value.refresh.family };
};
const seats = (answer: Result<CardView, Refusal>) =>
  answer.ok
    ? answer.value.devices.map(({ number, status, sipSeat, linkedTo }) => [number, status, sipSeat, linkedTo])
    : answer.error.code;
const named = (request: MoneyRequest, subject: string): MoneyRequest => ({
  ...request,
  command: { ...request.command, subject } as MoneyRequest["command"],
});

describe("linking a softphone", () => {
  it("gives it the seat; the same link again is the same softphone, and writes nothing", async () => {
    const { call: card, name, stub, object } = freshCard();
    const owner = claimOf(await object().redeem(card, phone));
    const first = await object().link(card, owner, link("b"));
    expect(await object().link(card, owner, link("b"))).toEqual(first);
    expect(await rowsWritten(stub(), (instance) => instance.link(card, owner, link("b")))).toBe(0);
    expect(claimOf(first)).toEqual({ device: 2, family: 1 });
    expect(seats(await object().inspect(card))).toEqual([
      [1, "active", false, null],
      [2, "active", true, 1],
    ]);
    expect(await object().money(card, named(hold("h1"), `${name}.1`))).toMatchObject({
      error: { code: "credential_revoked" },
    });
    expect(await object().money(card, named(hold("h2"), `${name}.2`))).toMatchObject({ ok: true });
    expect(await object().redeem(card, { ...phone, idHash: "f".repeat(64) })).toMatchObject({
      error: { code: "card_in_use" },
    });
  });

  it("anew signs the one before out, whose link is over", async () => {
    const { call: card, object } = freshCard();
    const owner = claimOf(await object().redeem(card, phone));
    const first = claimOf(await object().link(card, owner, link("b")));
    const second = claimOf(await object().link(card, owner, link("c")));
    expect(await object().holder(card, first)).toMatchObject({ error: { code: "device_signed_out" } });
    expect(await object().holder(card, second)).toMatchObject({ ok: true });
    expect(await object().link(card, owner, link("b"))).toMatchObject({ error: { code: "link_expired" } });
    expect(await object().link(card, second, link("d"))).toMatchObject({ error: { code: "not_found" } });
  });

  it("is undone by releasing it, by it signing out, or by the operator: the seat comes back", async () => {
    const { call: card, object } = freshCard();
    const owner = claimOf(await object().redeem(card, phone));
    const released = claimOf(await object().link(card, owner, link("b")));
    expect(await object().unlink(card, owner, released.device)).toMatchObject({ ok: true });
    expect(await object().unlink(card, owner, released.device)).toMatchObject({ ok: true });
    expect(await object().unlink(card, owner, owner.device)).toMatchObject({ error: { code: "not_found" } });
    expect(await object().unlink(card, owner, 99)).toMatchObject({ error: { code: "not_found" } });
    const left = claimOf(await object().link(card, owner, link("c")));
    expect(await object().signOut(card, left)).toMatchObject({ ok: true });
    const lost = claimOf(await object().link(card, owner, link("d")));
    await object().act(card, { action: "release_device", device: lost.device }, { reason: "lost", actor: "op" });
    expect(seats(await object().inspect(card))).toEqual([
      [1, "active", true, null],
      [2, "signed_out", true, 1],
      [3, "signed_out", true, 1],
      [4, "signed_out", true, 1],
    ]);
  });

  it("ends with the device that linked it, and with a takeover", async () => {
    const { call: card, object } = freshCard();
    const owner = claimOf(await object().redeem(card, phone));
    const softphone = claimOf(await object().link(card, owner, link("b")));
    await object().signOut(card, owner);
    expect(await object().holder(card, softphone)).toMatchObject({ error: { code: "device_signed_out" } });
    const second = claimOf(await object().redeem(card, phone));
    const another = claimOf(await object().link(card, second, link("c")));
    const taken = await object().redeem(card, { ...phone, idHash: "e".repeat(64) }, { rule: "holder", pin: null });
    expect(taken).toMatchObject({ ok: true, value: { refresh: { device: 5 } } });
    for (const gone of [second, another])
      expect(await object().holder(card, gone)).toMatchObject({ error: { code: "device_signed_out" } });
  });

  it("is refused to whom it must be, and fifty times a day is enough", async () => {
    const { call: card, object } = freshCard();
    expect(await object().link(card, { device: 1, family: 1 }, link("b"))).toMatchObject({
      error: { code: "device_signed_out" },
    });
    const owner = claimOf(await object().redeem(card, phone));
    await object().act(card, { action: "block" }, { reason: "r", actor: "op" });
    expect(await object().link(card, owner, link("b"))).toMatchObject({ error: { code: "card_blocked" } });
    await object().act(card, { action: "unblock" }, { reason: "r", actor: "op" });
    for (let links = 1; links < 50; links += 1)
      expect(await object().link(card, owner, { ...link("x"), idHash: `${links}` })).toMatchObject({ ok: true });
    expect(await object().link(card, owner, link("y"))).toMatchObject({ error: { code: "too_many_attempts" } });
  });
});

describe("a companion", () => {
  it("keeps its balance and its place, and gets no SIP or TURN credentials", async () => {
    const deck = await createDeck({
      trunk: { ice: { urls: ["turn:turn.acme.example"], secret: "turn secret 0123456789" } },
    });
    const code = deck.codes[0] ?? "";
    const owner = await redeemed(code, "owner");
    expect(owner.provisioning.ice.servers).toHaveLength(1);
    const card = cardCallOf(deck, owner.card.serial);
    await objectOf(owner.card.serial).link(card, { device: 1, family: 1 }, link("b"));
    const key = owner.tokens.accessToken;
    const me = await call<{ balance: object; devices: object[] }>("GET", "/v1/me", { key });
    expect(me.body.balance).toMatchObject({ available: "10.00" });
    expect(me.body.devices).toMatchObject([
      { number: 1, current: true, sipSeat: false },
      { number: 2, name: "Linphone", current: false, sipSeat: true },
    ]);
    const fresh = await call("POST", "/v1/me/sip-credentials", { key });
    expect(fresh.body).toMatchObject({ sip: { credentials: [] }, ice: { servers: [] } });
    const again = await redeem(code, "owner");
    expect(again.body).toMatchObject({ card: { device: 1 }, provisioning: { sip: { credentials: [] } } });
  });
});
