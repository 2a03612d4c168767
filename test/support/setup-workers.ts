/** Before every file of tests in workerd: the empty database gets its schema, and an operator. */
import { applyD1Migrations, type D1Migration } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll } from "vitest";
import { hashApiKey } from "../../src/auth/api-keys.ts";
import { SCOPES } from "../../src/domain/scopes.ts";

declare global {
  namespace Cloudflare {
    interface Env {
      TEST_MIGRATIONS: D1Migration[];
      ADMIN_API_KEY: string;
      TEST_OPERATOR_KEY: string;
      PUBLIC_ORIGIN: string;
    }
  }
}

beforeAll(async () => {
  await applyD1Migrations(env.DB, env.TEST_MIGRATIONS);
  // As a deployment's first key is: every scope, and `switch` bound to no trunk.
  await env.DB.prepare(
    "INSERT INTO api_keys (id, hash, name, scopes, trunks, created_at_ms) VALUES ('operator', ?, 'Operator', ?, '[]', ?)",
  )
    .bind(await hashApiKey(env.TEST_OPERATOR_KEY), JSON.stringify(SCOPES), Date.now())
    .run();
});
