import { cloudflareTest, readD1Migrations } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";
import { reporting } from "./reporters.ts";
import { testBindings } from "./support/bindings.ts";

/** How much the model tests run (`npm run test:soak`: fifty times as much), and from which seed. */
const provide = {
  modelScale: Number(process.env["MODEL_SCALE"] ?? 1),
  modelSeed: Number(process.env["MODEL_SEED"] ?? Date.now() % 2 ** 31),
};

/** A test says what happens, not how fast: on a busy machine everything takes longer and is still right. */
const PATIENCE_MS = 60_000;

/** `unit` runs pure code on Node; `workers` everything else inside workerd, on the real bindings; `e2e` whole commands; `kill` ends them all the time. */
export default defineConfig({
  test: {
    ...reporting,
    projects: [
      {
        test: {
          name: "unit",
          root: import.meta.dirname,
          include: ["unit/**/*.test.ts"],
          environment: "node",
          testTimeout: PATIENCE_MS,
          provide,
        },
      },
      {
        test: {
          name: "e2e",
          root: import.meta.dirname,
          include: ["e2e/**/*.test.ts"],
          exclude: ["e2e/kill.test.ts"],
          environment: "node",
          testTimeout: PATIENCE_MS,
          provide,
        },
      },
      {
        test: { name: "kill", root: import.meta.dirname, include: ["e2e/kill.test.ts"], environment: "node", provide },
      },
      {
        plugins: [
          cloudflareTest(async () => ({
            wrangler: { configPath: "../wrangler.toml" },
            miniflare: {
              bindings: {
                ...(await testBindings()),
                TEST_MIGRATIONS: await readD1Migrations(`${import.meta.dirname}/../migrations`),
              },
            },
          })),
        ],
        test: {
          name: "workers",
          root: import.meta.dirname,
          include: ["workers/**/*.test.ts"],
          setupFiles: ["support/setup-workers.ts"],
          testTimeout: PATIENCE_MS,
          provide,
        },
      },
    ],
  },
});
