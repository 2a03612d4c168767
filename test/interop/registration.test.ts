/** What a redeemed pair is worth at a Kamailio that runs the documented configuration. */
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { type Kamailio, startKamailio } from "./kamailio.ts";
import { forge, issueCodes, nowSeconds, type Pair, type Phone, redeem } from "./product.ts";
import { scratch } from "./programs.ts";
import { register } from "./sipp.ts";

const folder = await scratch();
let kamailio: Kamailio;
let phone: Phone;
let other: Phone;

beforeAll(async () => {
  const codes = await issueCodes(2);
  [phone, other] = [await redeem(codes[0]), await redeem(codes[1])];
  kamailio = await startKamailio(folder.dir);
});
afterAll(async () => {
  await kamailio?.stop();
  await folder.remove();
});

const as = (pair: Pick<Pair, "username" | "password">, from?: string): Promise<string> =>
  register({ port: kamailio.port, dir: folder.dir, user: phone.user, pair, ...(from !== undefined && { from }) });

describe("the digest pair of a redeemed card", () => {
  it("registers", async () => {
    expect(await as(phone.pair)).toBe("200 OK");
  });

  it("made by this test with the trunk's secret is the same", () => {
    const [expiry = ""] = phone.pair.username.split(":");
    const { username, password } = forge(inject("product").memory.trunkSecret, Number(expiry), phone.user);
    expect({ username, password }).toEqual({ username: phone.pair.username, password: phone.pair.password });
  });

  it("is refused with another password", async () => {
    expect(await as({ ...phone.pair, password: other.pair.password })).toBe("403 Forbidden");
  });

  it("is refused with a later expiry", async () => {
    const username = phone.pair.username.replace(/^\d+/, (expiry) => String(Number(expiry) + 86_400));
    expect(await as({ ...phone.pair, username })).toBe("403 Forbidden");
  });

  it("is refused for another user", async () => {
    const username = phone.pair.username.replace(phone.user, other.user);
    expect(await as({ ...phone.pair, username })).toBe("403 Forbidden");
  });

  it("is refused under another From", async () => {
    expect(await as(phone.pair, other.user)).toBe("403 From Does Not Match");
  });

  it("is refused once it has expired", async () => {
    const { trunkSecret } = inject("product").memory;
    expect(await as(forge(trunkSecret, nowSeconds() - 5, phone.user))).toBe("403 Credential Expired");
  });

  it("is refused under another secret, another domain, and unpadded", async () => {
    const later = nowSeconds() + 600;
    const { trunkSecret } = inject("product").memory;
    expect(await as(forge("another secret of 16", later, phone.user))).toBe("403 Forbidden");
    expect(await as(forge(trunkSecret, later, phone.user, "sip.other.example"))).toBe("403 From Does Not Match");
    expect(await as({ ...phone.pair, password: phone.pair.password.replace(/=+$/, "") })).toBe("403 Forbidden");
  });
});

describe("a rotated trunk secret", () => {
  it("lets pairs of the one before register until they expire", async () => {
    const rotated = await startKamailio(folder.dir, {
      SECRET: '"the secret that came after it"',
      SECRET_OLD: `"${inject("product").memory.trunkSecret}"`,
    });
    try {
      const { dir } = folder;
      expect(await register({ port: rotated.port, dir, user: phone.user, pair: phone.pair })).toBe("200 OK");
      const fresh = forge("the secret that came after it", nowSeconds() + 600, phone.user);
      expect(await register({ port: rotated.port, dir, user: phone.user, pair: fresh })).toBe("200 OK");
    } finally {
      await rotated.stop();
    }
  });
});
