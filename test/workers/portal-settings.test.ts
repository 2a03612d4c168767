/** A brand's portal as its partner sets it. */
import { beforeAll, describe, expect, it } from "vitest";
import { operatorKey, call, fresh } from "../support/api.ts";
import { comparable, createBrand, createKey, createPartner, createPartnerKey } from "../support/catalogue.ts";
import { expectInvalid, expectProblem } from "../support/problems.ts";
import type { Problem } from "../support/cards.ts";

let partner: string;
let key: string;
let brand: string;
beforeAll(async () => {
  partner = await createPartner();
  key = await createPartnerKey(partner);
  brand = await createBrand(partner);
});

const path = (id = brand) => `/v1/brands/${id}/portal`;
const put = (body: unknown, with_ = key) => call<Problem>("PUT", path(), { key: with_, body });
const ORIGIN = "https://shop.acme.example";
const DEFAULTS = {
  origin: ORIGIN,
  hosts: [],
  paths: ["/"],
  methods: ["GET", "HEAD", "POST"],
  exitHosts: [],
  csp: { script: [], frame: [], connect: [], form: [] },
  signOn: "jwt",
  webSockets: false,
};

describe("settings", () => {
  it("are there as they were put, with defaults, and where the portal is", async () => {
    expectProblem(await call<Problem>("GET", path(), { key }), 404, "not_found");
    const url = `https://${brand}.portal.ringfare.test/`;
    const first = await put({ origin: ORIGIN });
    expect([first.status, first.body]).toEqual([200, { ...DEFAULTS, url }]);
    const full = {
      ...DEFAULTS,
      hosts: [`topup.${brand}.example`],
      paths: ["/shop", "/pay/"],
      methods: ["GET", "POST", "DELETE"],
      exitHosts: ["pay.example"],
      csp: {
        script: ["https://js.pay.example"],
        frame: ["https://*.pay.example"],
        connect: ["wss://live.example"],
        form: ["https://pay.example"],
      },
      signOn: "none",
      webSockets: true,
    };
    const second = await put(full);
    expect(second.body).toEqual({ ...full, url: `https://topup.${brand}.example/` });
    expect((await call("GET", path(), { key })).body).toEqual(second.body);
    for (let turn = 0; turn < 2; turn++) expect((await call("DELETE", path(), { key })).status).toBe(204);
    expect((await call("GET", path(), { key })).status).toBe(404);
  });

  it("stay when the look is published and rolled back, and are no part of it", async () => {
    await put({ origin: ORIGIN, paths: ["/shop"] });
    await call("POST", `/v1/brands/${brand}/publish`, { key });
    await call("PUT", `/v1/brands/${brand}`, { key, body: { name: "Another" } });
    await call("POST", `/v1/brands/${brand}/publish`, { key });
    await call("POST", `/v1/brands/${brand}/rollback`, { key, body: { version: 1 } });
    expect((await call("GET", path(), { key })).body).toMatchObject({ origin: ORIGIN, paths: ["/shop"] });
    for (const open of [`/v1/brands/${brand}/manifest`, `/v1/brands/${brand}`])
      expect((await call("GET", open, { key })).text).not.toContain("acme.example");
  });

  it.each([
    ["/origin", { origin: "http://shop.acme.example" }],
    ["/origin", { origin: "https://127.0.0.1" }],
    ["/origin", { origin: "https://shop.acme.example/x" }],
    ["/origin", { origin: "https://api.ringfare.test" }],
    ["/origin", { origin: "https://other.portal.ringfare.test" }],
    ["/origin", { origin: 1 }],
    ["/hosts/0", { hosts: ["api.ringfare.test"] }],
    ["/hosts/1", { hosts: ["a.example", "x.portal.ringfare.test"] }],
    ["/hosts/0", { hosts: ["A.example"] }],
    ["/hosts/0", { hosts: ["localhost"] }],
    ["/hosts", { hosts: ["a.example", "a.example"] }],
    ["/hosts", { hosts: Array.from({ length: 6 }, (_, index) => `h${index}.example`) }],
    ["/paths/0", { paths: ["shop"] }],
    ["/paths/0", { paths: ["/a/../b"] }],
    ["/paths/0", { paths: ["/.ringfare/session"] }],
    ["/paths", { paths: [] }],
    ["/methods/0", { methods: ["TRACE"] }],
    ["/methods/0", { methods: ["CONNECT"] }],
    ["/methods", { methods: [] }],
    ["/exitHosts/0", { exitHosts: ["https://pay.example"] }],
    ["/exitHosts/0", { exitHosts: ["*.pay.example"] }],
    ["/csp/script/0", { csp: { script: ["*"] } }],
    ["/csp/script/0", { csp: { script: ["https://a.example; default-src *"] } }],
    ["/csp/form/0", { csp: { form: ["wss://a.example"] } }],
    ["/csp/image", { csp: { image: [] } }],
    ["/signOn", { signOn: "cookie" }],
    ["/webSockets", { webSockets: "yes" }],
    ["/upstream", { upstream: "x" }],
  ])("with a wrong %s are refused whole: %j", async (pointer, change) => {
    await put({ origin: ORIGIN, paths: ["/kept"] });
    expectInvalid(await put({ origin: ORIGIN, ...change }), pointer);
    expect((await call("GET", path(), { key })).body).toMatchObject({ paths: ["/kept"] });
  });

  it("name every fault at once", async () => {
    const answer = await put({
      origin: "http://x",
      hosts: ["x"],
      paths: ["x"],
      exitHosts: ["x"],
      csp: { form: ["x"] },
    });
    expect(answer.body.errors?.map(({ pointer }) => pointer)).toEqual([
      "/origin",
      "/hosts/0",
      "/paths/0",
      "/exitHosts/0",
      "/csp/form/0",
    ]);
  });

  it("are absent for another partner, as a brand that does not exist", async () => {
    const stranger = await createPartnerKey(await createPartner());
    await put({ origin: ORIGIN });
    for (const [method, body] of [
      ["GET", undefined],
      ["PUT", { origin: ORIGIN }],
      ["DELETE", undefined],
    ] as const) {
      const foreign = await call(method, path(), { key: stranger, body });
      const absent = await call(method, path("nothing-here"), { key: stranger, body });
      expect(comparable(foreign), method).toEqual(comparable(absent));
      expect(foreign.status).toBe(404);
    }
    expect((await call("GET", path(), { key: operatorKey() })).status).toBe(200);
  });

  it("need their scope", async () => {
    const reader = (await createKey(partner, ["catalogue:read"])).key;
    expect((await call("GET", path(), { key: reader })).status).toBe(200);
    expectProblem(await put({ origin: ORIGIN }, reader), 403, "insufficient_scope");
  });

  it("let one of two brands have a host, when both want it at once", async () => {
    const brands = [await createBrand(partner), await createBrand(partner)];
    const host = `${fresh("race")}.example`;
    const answers = await Promise.all(
      brands.map((id) => call("PUT", path(id), { key, body: { origin: ORIGIN, hosts: [host] } })),
    );
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 409]);
    const winner = brands[answers.findIndex(({ status }) => status === 200)] ?? "";
    expect((await call("PUT", path(winner), { key, body: { origin: ORIGIN, hosts: [host] } })).status).toBe(200);
  });
});
