import { defineConfig } from "vitest/config";
import { reporting } from "../reporters.ts";

/** Drives the whole product in a real browser; needs /usr/bin/chromium, so it is not part of `npm test`. */
export default defineConfig({
  test: {
    ...reporting,
    name: "browser",
    root: import.meta.dirname,
    include: ["**/*.test.ts"],
    environment: "node",
    testTimeout: 240_000,
    hookTimeout: 180_000,
    fileParallelism: false,
  },
});
