/** What is no webhook: every field, the id, queries and bodies, refused before anything is stored. */
import { beforeAll, describe, expect, it } from "vitest";
import { call } from "../support/api.ts";
import { BAD_BODIES, expectRefused } from "../support/bad-input.ts";
import type { Problem } from "../support/cards.ts";
import { createPartner, createPartnerKey } from "../support/catalogue.ts";
import { expectInvalid } from "../support/problems.ts";

type Body = Record<string, unknown>;

let partner: string;
let key: string;
beforeAll(async () => {
  partner = await createPartner();
  key = await createPartnerKey(partner);
});

const pathOf = (id: string) => `/v1/partners/${partner}/webhooks/${id}`;
const valid = (changes: Body = {}): Body => ({ url: "https://hooks.acme.example/in", events: ["alert"], ...changes });
const put = <T = Body>(id: string, body: Body = valid()) => call<T>("PUT", pathOf(id), { key, body });

describe("bad input", () => {
  it.each(Object.keys(BAD_BODIES).filter((name) => !/name|lone surrogate|bidirectional|NaN/.test(name)))(
    "is refused: %s",
    async (name) => {
      await expectRefused(name, { method: "PUT", path: pathOf("bad"), key, body: valid() });
    },
  );

  it.each([
    [{ url: undefined }, "/url"],
    [{ url: null }, "/url"],
    [{ url: 1 }, "/url"],
    [{ url: ["https://hooks.acme.example/"] }, "/url"],
    [{ url: "" }, "/url"],
    [{ url: "http://hooks.acme.example/" }, "/url"],
    [{ url: "https://127.0.0.1/" }, "/url"],
    [{ url: "https://[::1]/" }, "/url"],
    [{ url: "https://localhost/" }, "/url"],
    [{ url: "https://user:pass@hooks.acme.example/" }, "/url"],
    [{ url: "https://hooks.acme.example:444/" }, "/url"],
    [{ url: "https://hooks.acme.example/#x" }, "/url"],
    [{ url: "https://api.ringfare.test/v1/redeem" }, "/url"],
    [{ url: "https://acme.portal.ringfare.test/" }, "/url"],
    [{ url: `https://hooks.acme.example/${"x".repeat(3000)}` }, "/url"],
    [{ url: "https://a\uD800.example/" }, "/url"],
    [{ events: undefined }, "/events"],
    [{ events: null }, "/events"],
    [{ events: [] }, "/events"],
    [{ events: "alert" }, "/events"],
    [{ events: ["alert", "alert"] }, "/events"],
    [{ events: ["webhook.test"] }, "/events/0"],
    [{ events: ["*"] }, "/events/0"],
    [{ events: ["alert", "Alert"] }, "/events/1"],
    [{ enabled: "true" }, "/enabled"],
    [{ enabled: null }, "/enabled"],
    [{ enabled: 1 }, "/enabled"],
    [{ secret: "whsec_mine" }, "/secret"],
    [{ partner: "other" }, "/partner"],
    [{ id: "other" }, "/id"],
  ])("in a field: %j", async (changes, pointer) => {
    expectInvalid(await put<Problem>("bad", valid(changes)), pointer);
    expect((await call("GET", pathOf("bad"), { key })).status).toBe(404);
  });

  it.each(["a", "A-b", "1a", "a_b", "a-", "a".repeat(33), "a%20b"])("in the id: %s", async (id) => {
    expectInvalid(await put<Problem>(id), "/id");
  });

  it("in a rotation and in the queries of lists", async () => {
    const id = "hook";
    await put(id);
    const rotate = (body: unknown) => call<Problem>("POST", `${pathOf(id)}/rotate-secret`, { key, body });
    for (const overlapSeconds of [-1, 604_801, 1.5, "60", null, true])
      expectInvalid(await rotate({ overlapSeconds }), "/overlapSeconds", String(overlapSeconds));
    expectInvalid(await rotate({ overlap: 1 }), "/overlap");
    for (const [query, pointer] of [
      ["status=done", "/status"],
      ["status=", "/status"],
      ["limit=0", "/limit"],
      ["limit=201", "/limit"],
      ["cursor=x", "/cursor"],
      ["card=1", "/card"],
    ] as const)
      expectInvalid(await call<Problem>("GET", `${pathOf(id)}/deliveries?${query}`, { key }), pointer, query);
  });
});
