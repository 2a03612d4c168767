import { defineConfig } from "vitest/config";
import { reporting } from "../reporters.ts";

/**
 * Real SIP servers and telephones against the product. Needs kamailio, coturn, sipp, baresip, linphonec and Chromium,
 * so it is not part of `npm test`; a program that is missing fails its tests.
 */
export default defineConfig({
  test: {
    ...reporting,
    name: "interop",
    root: import.meta.dirname,
    include: ["**/*.test.ts"],
    environment: "node",
    testTimeout: 60_000,
    hookTimeout: 90_000,
    fileParallelism: false,
    globalSetup: "./global-setup.ts",
  },
});
