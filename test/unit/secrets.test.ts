import { createPublicKey, X509Certificate } from "node:crypto";
import { describe, expect, it } from "vitest";
import { claimedKeyId, isWellTyped } from "../../src/auth/api-keys.ts";
import {
  createSecrets,
  createSigningKey,
  missingKinds,
  withNewBootstrapKey,
  withSecrets,
} from "../../src/cli/secrets.ts";

const NOW_MS = Date.parse("2026-11-23T12:00:00Z");

describe("a signing key", () => {
  it("comes with a certificate of the very same key, valid for years and signed by itself", async () => {
    const { value } = await createSigningKey(NOW_MS, NOW_MS);
    const { jwk, x5c } = JSON.parse(value);
    const certificate = new X509Certificate(Buffer.from(x5c[0], "base64"));
    const publicKey = createPublicKey({ key: jwk, format: "jwk" });
    expect(certificate.publicKey.equals(publicKey)).toBe(true);
    expect(certificate.verify(publicKey)).toBe(true);
    expect(Date.parse(certificate.validFrom)).toBeLessThan(NOW_MS);
    expect(Date.parse(certificate.validTo)).toBeGreaterThan(NOW_MS + 4 * 365 * 86_400_000);
  });
});

describe("a new deployment's secrets", () => {
  it("are all the product needs, in the form it takes, and sign at once", async () => {
    const { secrets } = await createSecrets(NOW_MS);
    for (const name of ["CODE_KEY_1", "REFRESH_KEY_1", "DATA_KEY_1"]) expect(secrets[name]).toMatch(/^[\w-]{43}$/);
    const signing = Object.entries(secrets).find(([name]) => /^SIGNING_KEY_[A-Za-z0-9]{1,32}$/.test(name))?.[1] ?? "{}";
    expect(Date.parse(JSON.parse(signing).signFrom)).toBeLessThan(NOW_MS);
    const key = secrets["ADMIN_API_KEY"] ?? "";
    expect(claimedKeyId(key)).toBe("bootstrap");
    expect(await isWellTyped(key)).toBe(true);
    expect(missingKinds(Object.keys(secrets))).toEqual([]);
  });

  it("can be given another bootstrap key, and nothing else changes", async () => {
    const file = await createSecrets(NOW_MS);
    const renewed = await withNewBootstrapKey(file, NOW_MS + 1_000);
    const { ADMIN_API_KEY: before, ...others } = file.secrets;
    expect(renewed.secrets).toEqual({ ...others, ADMIN_API_KEY: expect.stringMatching(/^rf_bootstrap_/) });
    expect(renewed.secrets["ADMIN_API_KEY"]).not.toBe(before);
    expect(renewed.createdAt).toEqual({ ...file.createdAt, ADMIN_API_KEY: "2026-11-23T12:00:01.000Z" });
  });

  it("are never replaced by later ones", () => {
    const first = withSecrets({ secrets: {}, createdAt: {} }, { CODE_KEY_1: "old" }, NOW_MS);
    const second = withSecrets(first, { CODE_KEY_1: "new", CODE_KEY_2: "next" }, NOW_MS + 1_000);
    expect(second.secrets).toEqual({ CODE_KEY_1: "old", CODE_KEY_2: "next" });
    expect(second.createdAt["CODE_KEY_1"]).toBe("2026-11-23T12:00:00.000Z");
  });
});
