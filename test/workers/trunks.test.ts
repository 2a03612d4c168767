import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import { createSealer, trunkSecretPlace } from "../../src/auth/sealing.ts";
import { configOf } from "../../src/config.ts";
import { operatorKey, call, fresh } from "../support/api.ts";
import { BAD_BODIES, expectRefused } from "../support/bad-input.ts";
import {
  createKey,
  createPartner,
  createPartnerKey,
  createTrunk,
  DIGEST_SECRET,
  ICE_SECRET,
  trunkBody,
} from "../support/catalogue.ts";

const key = operatorKey();
const sealer = createSealer(configOf(env).dataKeys);

type Body = Record<string, unknown>;
const put = (id: string, body: object) => call("PUT", `/v1/trunks/${id}`, { key, body });
const get = (id: string) => call("GET", `/v1/trunks/${id}`, { key });

type Row = { digest_secret: string; ice_secret: string | null };
const row = async (id: string): Promise<Row> => {
  const found = await env.DB.prepare("SELECT digest_secret, ice_secret FROM trunks WHERE id = ?").bind(id).first<Row>();
  if (!found) throw new Error("no such trunk");
  return found;
};
const digestOf = async (id: string) => sealer.open(trunkSecretPlace(id, "digest"), (await row(id)).digest_secret);
const iceOf = async (id: string) => sealer.open(trunkSecretPlace(id, "ice"), (await row(id)).ice_secret ?? "");

let partner = "";
beforeAll(async () => {
  partner = await createPartner();
});

describe("trunks", () => {
  it("creates, reads, replaces; defaults are filled in; secrets never come out", async () => {
    const id = fresh("trunk");
    const made = await put(id, trunkBody(`${id}.example`, { partners: [partner] }));
    expect(made.status).toBe(201);
    expect(made.body).toEqual({
      id,
      ...trunkBody(`${id}.example`),
      partners: [partner],
      realm: `${id}.example`,
      digest: { mac: "sha1", algorithm: "MD5" },
      ice: { urls: [`turn:turn.${id}.example:3478?transport=udp`] },
    });
    expect((await get(id)).body).toEqual(made.body);
    const replaced = await put(id, {
      name: "Bare",
      domain: `sip.${id}.example`,
      realm: "calls",
      digest: { mac: "sha256", algorithm: "SHA-256" },
    });
    expect(replaced.status).toBe(200);
    expect(replaced.body).toEqual({
      id,
      name: "Bare",
      partners: [],
      domain: `sip.${id}.example`,
      realm: "calls",
      proxies: [],
      webSockets: [],
      digest: { mac: "sha256", algorithm: "SHA-256" },
    });
    expect((await get(id)).body).toEqual(replaced.body);
    const listed = await call<{ items: Body[] }>("GET", "/v1/trunks?limit=200", { key });
    expect(listed.body.items).toContainEqual(replaced.body);
    for (const { text } of [made, replaced, listed]) {
      expect(text).not.toContain("secret");
      expect(text).not.toContain((await row(id)).digest_secret);
    }
  });

  it("asks a new trunk for its digest secret, and a new ice for its own", async () => {
    const id = fresh("trunk");
    const without = await put(id, trunkBody(`${id}.example`, { digest: {} }));
    expect(without).toMatchObject({ status: 422, body: { errors: [{ pointer: "/digest/secret" }] } });
    expect((await put(id, trunkBody(`${id}.example`, { digest: undefined }))).status).toBe(422);
    const noIce = await put(id, trunkBody(`${id}.example`, { ice: { urls: ["stun:stun.example"] } }));
    expect(noIce).toMatchObject({ status: 422, body: { errors: [{ pointer: "/ice/secret" }] } });
    expect((await get(id)).status).toBe(404);
  });

  it.each([
    [{ domain: "Sip.example" }, "/domain"],
    [{ domain: "sip..example" }, "/domain"],
    [{ domain: "-sip.example" }, "/domain"],
    [{ domain: "sip.example." }, "/domain"],
    [{ domain: "sip.example:5060" }, "/domain"],
    [{ domain: "ѕip.example" }, "/domain"],
    [{ domain: "" }, "/domain"],
    [{ domain: `${"a.".repeat(127)}a` }, "/domain"],
    [{ realm: 'a"b' }, "/realm"],
    [{ realm: "a\r\nb" }, "/realm"],
    [{ proxies: ["http://edge.example"] }, "/proxies/0"],
    [{ proxies: ["sip:edge.example", "sip:a b"] }, "/proxies/1"],
    [{ proxies: ["sip:edge.example\r\nVia: x"] }, "/proxies/0"],
    [{ proxies: ["sip:edge.example>"] }, "/proxies/0"],
    [{ proxies: ["sip:"] }, "/proxies/0"],
    [{ proxies: ["sip:a", "sip:a"] }, "/proxies"],
    [{ proxies: Array.from({ length: 11 }, (_, at) => `sip:edge${at}.example`) }, "/proxies"],
    [{ proxies: [`sip:${"a".repeat(300)}`] }, "/proxies/0"],
    [{ proxies: "sip:edge.example" }, "/proxies"],
    [{ webSockets: ["https://edge.example"] }, "/webSockets/0"],
    [{ webSockets: ["wss://user@edge.example/"] }, "/webSockets/0"],
    [{ webSockets: ["wss://edge.example/#x"] }, "/webSockets/0"],
    [{ routeGroup: "a b" }, "/routeGroup"],
    [{ techPrefix: "" }, "/techPrefix"],
    [{ techPrefix: null }, "/techPrefix"],
    [{ digest: { secret: "fifteen chars.." } }, "/digest/secret"],
    [{ digest: { secret: "x".repeat(257) } }, "/digest/secret"],
    [{ digest: { secret: "schlüssel mit umlaut" } }, "/digest/secret"],
    [{ digest: { secret: DIGEST_SECRET, mac: "md5" } }, "/digest/mac"],
    [{ digest: { secret: DIGEST_SECRET, algorithm: "md5" } }, "/digest/algorithm"],
    [{ ice: null }, "/ice"],
    [{ ice: { urls: [], secret: ICE_SECRET } }, "/ice/urls"],
    [{ ice: { urls: ["https://turn.example"], secret: ICE_SECRET } }, "/ice/urls/0"],
    [{ ice: { urls: ["turn:turn.example?transport=x"], secret: ICE_SECRET } }, "/ice/urls/0"],
    [{ ice: { urls: ["turn:turn.example"], secret: DIGEST_SECRET } }, "/ice/secret"],
    [{ partners: ["nobody-here"] }, "/partners/0"],
    [{ partners: ["Nobody"] }, "/partners/0"],
    [{ digestSecret: "x" }, "/digestSecret"],
  ])("refuses %j", async (overrides, pointer) => {
    const id = fresh("bad");
    const answer = await put(id, trunkBody(`${id}.example`, overrides));
    expect(answer.status).toBe(422);
    expect(answer.body.errors).toContainEqual(expect.objectContaining({ pointer }));
    expect(answer.text).not.toContain(DIGEST_SECRET);
    expect((await get(id)).status).toBe(404);
  });

  it("takes every kind of proxy and ICE address", async () => {
    const id = fresh("trunk");
    const made = await put(
      id,
      trunkBody(`${id}.example`, {
        proxies: ["sip:127.0.0.1:5060", "sips:edge.example", "sip:[2001:db8::1]:5060;transport=tcp;lr"],
        webSockets: ["ws://127.0.0.1:8088/ws", "wss://[2001:db8::1]/ws"],
        ice: {
          urls: ["stun:stun.example:3478", "turns:turn.example:5349?transport=tcp", "turn:[2001:db8::1]"],
          secret: ICE_SECRET,
        },
      }),
    );
    expect(made.status).toBe(201);
  });

  it.each(Object.keys(BAD_BODIES))("refuses a bad body: %s", async (name) => {
    await expectRefused(name, { method: "PUT", path: "/v1/trunks/bad-body", key, body: trunkBody("bad-body.example") });
    expect((await get("bad-body")).status).toBe(404);
  });

  it("refuses ids that are no DNS labels", async () => {
    expect((await put("Trunk", trunkBody("upper.example"))).status).toBe(422);
    expect((await get("nothing-here")).status).toBe(404);
  });
});

describe("a domain belongs to exactly one trunk", () => {
  it("refuses a second trunk with it, also when it moves there", async () => {
    const [one, two] = [await createTrunk([]), await createTrunk([])];
    const taken = await put(fresh("trunk"), trunkBody(`${one}.example`));
    expect(taken).toMatchObject({
      status: 409,
      body: { code: "id_taken", detail: expect.stringContaining("/domain") },
    });
    expect((await put(two, trunkBody(`${one}.example`))).status).toBe(409);
    expect((await get(two)).body.domain).toBe(`${two}.example`);
  });

  it("gives it to one of several at once", async () => {
    const answers = await Promise.all(Array.from({ length: 6 }, () => put(fresh("race"), trunkBody("race.example"))));
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([201, 409, 409, 409, 409, 409]);
  });
});

describe("secrets", () => {
  it("are sealed in D1, each for its own place", async () => {
    const id = await createTrunk([]);
    const stored = await row(id);
    expect(stored.digest_secret).toMatch(/^1\.[A-Za-z0-9_-]{16}\.[A-Za-z0-9_-]+$/);
    const everything = await env.DB.prepare("SELECT * FROM trunks").all();
    expect(JSON.stringify(everything.results)).not.toContain(DIGEST_SECRET);
    expect(JSON.stringify(everything.results)).not.toContain(ICE_SECRET);
    expect(await digestOf(id)).toBe(DIGEST_SECRET);
    expect(await iceOf(id)).toBe(ICE_SECRET);
    for (const place of [trunkSecretPlace(id, "ice"), trunkSecretPlace("other", "digest")])
      await expect(sealer.open(place, stored.digest_secret)).rejects.toThrow("another place");
  });

  it("stay when a replacement names none, and change when it does", async () => {
    const id = await createTrunk([]);
    const domain = `${id}.example`;
    const ice = { urls: ["turn:turn2.example"] };
    const before = await row(id);
    expect((await put(id, trunkBody(domain, { digest: {}, ice }))).status).toBe(200);
    expect(await row(id)).toEqual(before);
    expect((await put(id, trunkBody(domain, { digest: { secret: "rotated digest secret" }, ice }))).status).toBe(200);
    expect(await digestOf(id)).toBe("rotated digest secret");
    expect((await row(id)).ice_secret).toBe(before.ice_secret);
    expect((await put(id, trunkBody(domain, { digest: {}, ice: undefined }))).status).toBe(200);
    expect((await row(id)).ice_secret).toBeNull();
    expect((await put(id, trunkBody(domain, { digest: {}, ice }))).status).toBe(422);
    expect(await digestOf(id)).toBe("rotated digest secret");
  });

  it("must differ, also from one that is kept", async () => {
    const id = await createTrunk([]);
    const domain = `${id}.example`;
    const urls = ["turn:turn.example"];
    const sameAsKeptDigest = await put(id, trunkBody(domain, { digest: {}, ice: { urls, secret: DIGEST_SECRET } }));
    const sameAsKeptIce = await put(id, trunkBody(domain, { digest: { secret: ICE_SECRET }, ice: { urls } }));
    for (const answer of [sameAsKeptDigest, sameAsKeptIce])
      expect(answer).toMatchObject({ status: 422, body: { errors: [{ pointer: "/ice/secret" }] } });
    expect([await digestOf(id), await iceOf(id)]).toEqual([DIGEST_SECRET, ICE_SECRET]);
  });

  it("open under any live data key and seal under the newest", async () => {
    const [old, recent] = ["1", "2"].map((id) => ({ id, bytes: new Uint8Array(32).fill(Number(id)) }));
    if (!old || !recent) throw new Error("two keys");
    const place = { owner: "a", object: "b", field: "c" };
    const sealed = await createSealer([old]).seal(place, "geheim ✓");
    const both = createSealer([recent, old]);
    expect(await both.open(place, sealed)).toBe("geheim ✓");
    expect(await both.seal(place, "x")).toMatch(/^2\./);
    for (const broken of [`${sealed}A`, sealed.replace("1.", "2."), sealed.replace("1.", "3."), "", `${sealed}.x`])
      await expect(both.open(place, broken)).rejects.toThrow(/live seal|altered/);
    await expect(both.open({ owner: "ab", object: "", field: "c" }, sealed)).rejects.toThrow("altered");
  });
});

describe("who may", () => {
  it("is the operator only", async () => {
    const id = await createTrunk([partner]);
    const partnerKey = await createPartnerKey(partner);
    for (const method of ["GET", "PUT"])
      expect((await call(method, `/v1/trunks/${id}`, { key: partnerKey })).body.code).toBe("insufficient_scope");
    expect((await call("GET", "/v1/trunks", { key: partnerKey })).status).toBe(403);
    const reader = await createKey(null, ["catalogue:read"]);
    expect((await call("GET", `/v1/trunks/${id}`, { key: reader.key })).status).toBe(200);
    expect((await call("PUT", `/v1/trunks/${id}`, { key: reader.key, body: {} })).status).toBe(403);
  });
});
