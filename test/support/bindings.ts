/** The secrets and vars of a deployment under test: fixed, so that a failing seed replays. Never used outside tests. */
import { createHash, generateKeyPairSync } from "node:crypto";

const fixedKey = (name: string): string => createHash("sha256").update(`ringfare test ${name}`).digest("base64url");

export const TEST_ORIGIN = "https://api.ringfare.test";

export async function testBindings(): Promise<Record<string, string>> {
  const { createApiKey } = await import("../../src/auth/api-keys.ts");
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const { kty, crv, x, y, d } = privateKey.export({ format: "jwk" });
  return {
    PUBLIC_ORIGIN: TEST_ORIGIN,
    PORTAL_DOMAIN: "portal.ringfare.test",
    CODE_KEY_1: fixedKey("code 1"),
    CODE_KEY_2: fixedKey("code 2"),
    REFRESH_KEY_1: fixedKey("refresh 1"),
    DATA_KEY_1: fixedKey("data 1"),
    // The certificate is only passed through by the code under test; interop tests use a real one.
    SIGNING_KEY_test1: JSON.stringify({
      jwk: { kty, crv, x, y, d },
      x5c: ["dGVzdA=="],
      signFrom: "2026-01-01T00:00:00Z",
    }),
    ADMIN_API_KEY: (await createApiKey("bootstrap")).key,
    TEST_OPERATOR_KEY: (await createApiKey("operator")).key,
  };
}
