import { beforeAll, describe, expect, it } from "vitest";
import { operatorKey, call, fresh } from "../support/api.ts";
import { BAD_BODIES, expectRefused } from "../support/bad-input.ts";
import {
  comparable,
  createKey,
  createPartner,
  createPartnerKey,
  createProfile,
  createTrunk,
  profileBody,
} from "../support/catalogue.ts";

const operator = operatorKey();

let partner = "";
let foreign = "";
let key = "";
let trunk = "";
let foreignTrunk = "";

beforeAll(async () => {
  partner = await createPartner();
  foreign = await createPartner();
  key = await createPartnerKey(partner);
  trunk = await createTrunk([partner]);
  foreignTrunk = await createTrunk([foreign]);
});

const put = (id: string, body: object, as = key, query = "") =>
  call("PUT", `/v1/profiles/${id}${query}`, { key: as, body });
const get = (id: string, as = key, query = "") => call("GET", `/v1/profiles/${id}${query}`, { key: as });

describe("profiles", () => {
  it("creates with defaults, reads, replaces", async () => {
    const id = fresh("profile");
    const made = await put(id, { name: "Least", trunk });
    expect(made.status).toBe(201);
    expect(made.body).toEqual({
      id,
      partner,
      name: "Least",
      trunk,
      codecs: ["opus", "PCMA", "PCMU"],
      registerExpiresSeconds: 300,
      concurrentCalls: 1,
      callerId: { mode: "anonymous" },
      destinations: { allow: ["+"], deny: [] },
      credentials: { bearerSeconds: 600, digestSeconds: 3600, softphoneDigestSeconds: 86_400, iceSeconds: 3600 },
      takeover: "pin",
    });
    expect((await get(id)).body).toEqual(made.body);
    const full = {
      name: "Most",
      trunk,
      codecs: ["G722", "iLBC"],
      registerExpiresSeconds: 3600,
      concurrentCalls: 4,
      callerId: { mode: "fixed", number: "+493012345" },
      destinations: { allow: ["+49", "*1", "0"], deny: ["+49900", "#"] },
      credentials: {
        bearerSeconds: 60,
        digestSeconds: 86_400,
        softphoneDigestSeconds: 3600,
        longLivedDays: 30,
        iceSeconds: 300,
      },
      takeover: "holder",
    };
    const replaced = await put(id, full);
    expect(replaced.status).toBe(200);
    expect(replaced.body).toEqual({ id, partner, ...full });
    expect((await get(id)).body).toEqual(replaced.body);
  });

  it.each([
    [{ name: "" }, "/name"],
    [{ trunk: undefined }, "/trunk"],
    [{ codecs: [] }, "/codecs"],
    [{ codecs: ["opus", "opus"] }, "/codecs"],
    [{ codecs: ["op us"] }, "/codecs/0"],
    [{ codecs: Array.from({ length: 17 }, (_, at) => `c${at}`) }, "/codecs"],
    [{ registerExpiresSeconds: 59 }, "/registerExpiresSeconds"],
    [{ registerExpiresSeconds: 3601 }, "/registerExpiresSeconds"],
    [{ registerExpiresSeconds: "300" }, "/registerExpiresSeconds"],
    [{ registerExpiresSeconds: 300.5 }, "/registerExpiresSeconds"],
    [{ concurrentCalls: 0 }, "/concurrentCalls"],
    [{ concurrentCalls: 101 }, "/concurrentCalls"],
    [{ callerId: { mode: "fixed" } }, "/callerId/number"],
    [{ callerId: { mode: "card", number: "+1" } }, "/callerId/number"],
    [{ callerId: { mode: "fixed", number: "+49 30" } }, "/callerId/number"],
    [{ callerId: { mode: "fixed", number: null } }, "/callerId/number"],
    [{ callerId: { mode: "spoof" } }, "/callerId/mode"],
    [{ destinations: { allow: ["+1234567890123456"] } }, "/destinations/allow/0"],
    [{ destinations: { allow: ["", "+"] } }, "/destinations/allow/0"],
    [{ destinations: { deny: ["12345678901234567"] } }, "/destinations/deny/0"],
    [{ destinations: { deny: ["+1*"] } }, "/destinations/deny/0"],
    [{ destinations: { deny: ["+٤٩"] } }, "/destinations/deny/0"],
    [{ destinations: { deny: ["+1", "+1"] } }, "/destinations/deny"],
    [{ destinations: null }, "/destinations"],
    [{ credentials: { bearerSeconds: 59 } }, "/credentials/bearerSeconds"],
    [{ credentials: { bearerSeconds: 3601 } }, "/credentials/bearerSeconds"],
    [{ credentials: { digestSeconds: 299 } }, "/credentials/digestSeconds"],
    [{ credentials: { digestSeconds: 86_401 } }, "/credentials/digestSeconds"],
    [{ credentials: { softphoneDigestSeconds: 3599 } }, "/credentials/softphoneDigestSeconds"],
    [{ credentials: { longLivedDays: 0 } }, "/credentials/longLivedDays"],
    [{ credentials: { longLivedDays: null } }, "/credentials/longLivedDays"],
    [{ credentials: { iceSeconds: 86_401 } }, "/credentials/iceSeconds"],
    [{ credentials: { bearer: 600 } }, "/credentials/bearer"],
    [{ takeover: "always" }, "/takeover"],
    [{ partner: "partner2" }, "/partner"],
  ])("refuses %j", async (overrides, pointer) => {
    const id = fresh("bad");
    const answer = await put(id, profileBody(trunk, overrides));
    expect(answer.status).toBe(422);
    expect(answer.body.errors).toContainEqual(expect.objectContaining({ pointer }));
    expect((await get(id)).status).toBe(404);
  });

  it.each(Object.keys(BAD_BODIES))("refuses a bad body: %s", async (name) => {
    await expectRefused(name, { method: "PUT", path: "/v1/profiles/bad-body", key, body: profileBody(trunk) });
    expect((await get("bad-body")).status).toBe(404);
  });

  it("refuses ids that are no DNS labels", async () => {
    expect((await put("Profile", profileBody(trunk))).body).toMatchObject({
      code: "invalid_input",
      errors: [{ pointer: "/profile" }],
    });
    expect((await get("Profile")).status).toBe(404);
  });
});

describe("the trunk of a profile", () => {
  it("must be granted; not granted is the same as unknown", async () => {
    const id = fresh("profile");
    const notGranted = await put(id, profileBody(foreignTrunk));
    expect(notGranted).toMatchObject({ status: 422, body: { errors: [{ pointer: "/trunk" }] } });
    expect(comparable(notGranted)).toEqual(comparable(await put(id, profileBody("nothing-here"))));
    expect((await get(id)).status).toBe(404);
    const asOperator = await put(id, profileBody(foreignTrunk), operator, `?partner=${partner}`);
    expect(asOperator.status).toBe(422);
  });

  it("leaves the stored profile alone when a replacement is refused", async () => {
    const id = await createProfile(partner, trunk);
    const before = (await get(id)).body;
    expect((await put(id, profileBody(foreignTrunk, { name: "Other" }))).status).toBe(422);
    expect((await get(id)).body).toEqual(before);
  });
});

describe("tenancy", () => {
  it("shows a partner its own only; the same id may exist twice", async () => {
    const id = await createProfile(foreign, foreignTrunk, { name: "Theirs" });
    const theirs = await get(id);
    expect(theirs.body.code).toBe("not_found");
    expect(comparable(theirs)).toEqual(comparable(await get("nothing-here")));
    expect((await put(id, profileBody(trunk, { name: "Ours" }))).status).toBe(201);
    expect((await get(id)).body.name).toBe("Ours");
    expect((await get(id, operator, `?partner=${foreign}`)).body.name).toBe("Theirs");
    const { body } = await call<{ items: { partner: string }[] }>("GET", "/v1/profiles?limit=200", { key });
    expect(body.items.length).toBeGreaterThan(0);
    expect(body.items.every((item) => item.partner === partner)).toBe(true);
  });

  it("treats a foreign ?partner= as absent, on every method", async () => {
    const id = await createProfile(foreign, foreignTrunk);
    for (const [method, path] of [
      ["GET", `/v1/profiles/${id}`],
      ["PUT", `/v1/profiles/${id}`],
      ["GET", "/v1/profiles"],
    ] as const) {
      const body = method === "PUT" ? { body: profileBody(foreignTrunk) } : {};
      const named = await call(method, `${path}?partner=${foreign}`, { key, ...body });
      const absent = await call(method, `${path}?partner=nobody-here`, { key, ...body });
      expect(named.status, method).toBe(404);
      expect(comparable(named)).toEqual(comparable(absent));
      expect((await call(method, `${path}?partner=nobody-here`, { key: operator, ...body })).status).toBe(404);
      const missing = await call(method, path, { key: operator, ...body });
      expect(missing).toMatchObject({ status: 422, body: { errors: [{ pointer: "/partner" }] } });
      const twice = await call(method, `${path}?partner=${partner}&partner=${foreign}`, { key, ...body });
      expect(twice.status).toBe(422);
    }
    expect((await call("GET", `/v1/profiles?partner=${partner}`, { key })).status).toBe(200);
  });

  it("asks for the scope of each method", async () => {
    const id = await createProfile(partner, trunk);
    const reader = await createKey(partner, ["catalogue:read"]);
    const writer = await createKey(partner, ["profiles:write"]);
    expect((await get(id, reader.key)).status).toBe(200);
    expect((await put(id, profileBody(trunk), reader.key)).status).toBe(403);
    expect((await put(id, profileBody(trunk), writer.key)).status).toBe(200);
    expect((await get(id, writer.key)).status).toBe(403);
  });

  it("pages, with a cursor that is bound to the partner named", async () => {
    for (let made = 0; made < 3; made += 1) await createProfile(foreign, foreignTrunk);
    type Listed = { items: { id: string }[]; nextCursor: string | null };
    const page = (query: string) => call<Listed>("GET", `/v1/profiles?limit=2&partner=${query}`, { key: operator });
    const first = await page(foreign);
    const second = await page(`${foreign}&cursor=${first.body.nextCursor}`);
    expect(second.status).toBe(200);
    expect((second.body.items[0]?.id ?? "") > (first.body.items[1]?.id ?? "")).toBe(true);
    expect((await page(`${partner}&cursor=${first.body.nextCursor}`)).status).toBe(422);
  });
});
