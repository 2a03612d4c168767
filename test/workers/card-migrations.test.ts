/** The schema of a card's own database: released steps stay as they are, and a card in use is upgraded by its next call. */
import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect, it } from "vitest";
import { sha256Hex } from "../../src/auth/sha256.ts";
import type { CardObject, NewDevice } from "../../src/domain/card-calls.ts";
import { MIGRATIONS, migrate } from "../../src/durable/migrations.ts";
import { standing, terms } from "../support/card-states.ts";

const phone: NewDevice = { idHash: "a".repeat(64), name: null, platform: null, publicKey: null };

/** Once released, a line here is only ever joined by another. */
const RELEASED = [
  "1 d2c1dd821ec555c3",
  "2 3dccae60f4e9deb6",
  "3 4b8830042d1cad6e",
  "4 2d505f9487f60b65",
  "5 b95424336bdec51b",
  "6 df1589003bfdf2b9",
  "7 7ca5eac3a2ee93a2",
  "8 2a0761a0669fc5f6",
  "9 8d30ffb84a7700b7",
  "10 02e5f9e82286632c",
  "11 cbafd3d5d5284b64",
];

it("keeps every released step as it was", async () => {
  const sums = MIGRATIONS.map(async ({ version, sql }) => `${version} ${await sha256Hex(sql, 8)}`);
  expect(await Promise.all(sums)).toEqual(RELEASED);
});

it("upgrades a card in use on its next call, once, keeping its money", async () => {
  const call = { terms: terms(), card: 1, standing: standing(), firstUsePaused: false };
  const stub = () => env.CARDS.getByName("000012-0000001");
  const object = () => stub() as unknown as CardObject;
  await object().redeem(call, phone);
  const version = await runInDurableObject(stub(), (_, { storage }) =>
    storage.transactionSync(() =>
      migrate(storage.sql, MIGRATIONS.length, [
        ...MIGRATIONS,
        { version: 99, sql: "ALTER TABLE card ADD COLUMN extra TEXT" },
      ]),
    ),
  );
  expect(version).toBe(99);
  await evictDurableObject(stub());
  expect(await object().inspect(call)).toMatchObject({ ok: true, value: { balance: { available: 10_000_000 } } });
});
