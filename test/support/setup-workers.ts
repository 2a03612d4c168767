import { applyD1Migrations, type D1Migration } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll } from "vitest";
import type worker from "../../src/index.ts";

declare global {
  namespace Cloudflare {
    interface GlobalProps {
      mainModule: { default: typeof worker };
    }
    interface Env {
      TEST_MIGRATIONS: D1Migration[];
      ADMIN_API_KEY: string;
      PUBLIC_ORIGIN: string;
    }
  }
}

beforeAll(async () => {
  await applyD1Migrations(env.DB, env.TEST_MIGRATIONS);
});
