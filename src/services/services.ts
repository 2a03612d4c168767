/** The isolate's services, made once per environment: what routes call, and nothing of HTTP. */
import { createKeyDirectory, type KeyDirectory } from "../auth/key-directory.ts";
import { createSealer, type Sealer } from "../auth/sealing.ts";
import type { Config } from "../config.ts";
import { createDatabase, type Database } from "../storage/database.ts";
import { findKeyRecord } from "../storage/api-keys.ts";

export type Services = {
  readonly db: Database;
  readonly keys: KeyDirectory;
  readonly sealer: Sealer;
  /** Wall clock in ms; money is timed by the card's own clock. */
  readonly now: () => number;
};

const cache = new WeakMap<object, Services>();

export function servicesOf(env: Env, config: Config): Services {
  let services = cache.get(env);
  if (!services) {
    services = createServices(env, config);
    cache.set(env, services);
  }
  return services;
}

function createServices(env: Env, config: Config): Services {
  const now = () => Date.now();
  const db = createDatabase(env.DB);
  return {
    db,
    now,
    keys: createKeyDirectory({ findKey: (id) => findKeyRecord(db, id), adminApiKey: config.adminApiKey, now }),
    sealer: createSealer(config.dataKeys),
  };
}
