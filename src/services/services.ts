/** The isolate's services, made once per environment: what routes call, and nothing of HTTP. */
import { waitUntil } from "cloudflare:workers";
import { type AccessGate, createAccessGate } from "../auth/access.ts";
import { createAuditSeal } from "../auth/audit-seal.ts";
import { createKeyDirectory, type KeyDirectory } from "../auth/key-directory.ts";
import { SeenProofs } from "../auth/dpop.ts";
import { createPins, type Pins } from "../auth/pins.ts";
import { createSealer, type Sealer } from "../auth/sealing.ts";
import { createPortalTokens, type PortalTokens } from "../auth/portal-tokens.ts";
import { createRefreshTokens, type RefreshTokens } from "../auth/refresh-tokens.ts";
import { createSoftphoneAddresses, type SoftphoneAddresses } from "../auth/softphone-addresses.ts";
import { createSigning, type Signing } from "../auth/signing.ts";
import type { Config } from "../config.ts";
import type { AddressRules } from "../domain/webhook-address.ts";
import { createCardStubs, type CardStubs } from "../durable/stubs.ts";
import { createCatalogueKv } from "../storage/catalogue-kv.ts";
import { createDatabase, type Database } from "../storage/database.ts";
import { findKeyRecord, noteKeyUse } from "../storage/api-keys.ts";
import { brandOfHost } from "../storage/portals.ts";
import { readBrand, readTerms } from "../storage/terms.ts";
import { type AuditTrail, createAuditTrail } from "./audit.ts";
import { createCatalogue, type Catalogue } from "./catalogue.ts";
import { createCredentials, type Credentials } from "./credentials.ts";
import { createJobs, type Jobs } from "./jobs.ts";
import { createFailureBudget, type FailureBudget } from "./failure-budget.ts";
import type { WakeDeps } from "./webhook-wakes.ts";

export type Services = {
  readonly db: Database;
  readonly audit: AuditTrail;
  readonly keys: KeyDirectory;
  /** null = Cloudflare Access is not used. */
  readonly access: AccessGate | null;
  readonly sealer: Sealer;
  readonly pins: Pins;
  readonly seenProofs: SeenProofs;
  readonly catalogue: Catalogue;
  readonly cards: CardStubs;
  readonly signing: Signing;
  readonly refreshTokens: RefreshTokens;
  readonly portalTokens: PortalTokens;
  readonly credentials: Credentials;
  readonly softphoneAddresses: SoftphoneAddresses;
  readonly budget: FailureBudget;
  readonly jobs: Jobs;
  /** Work that may outlive the answer, and may fail: whoever hands it over must be right without it. */
  readonly later: (work: Promise<unknown>) => void;
  /** Where partners' webhooks may go. */
  readonly addressRules: AddressRules;
  readonly sendWakes: WakeDeps["sendWakes"];
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

const now = () => Date.now();
const later = (work: Promise<unknown>): void => waitUntil(work.catch(() => undefined));

function createServices(env: Env, config: Config): Services {
  const db = createDatabase(env.DB);
  const sealer = createSealer(config.dataKeys);
  const signing = createSigning(config);
  return {
    db,
    now,
    sealer,
    signing,
    pins: createPins(config.dataKeys),
    seenProofs: new SeenProofs(),
    audit: createAuditTrail({ db, seal: createAuditSeal(config.refreshKeys), now }),
    keys: createKeyDirectory({
      findKey: (id) => findKeyRecord(db, id),
      adminApiKey: config.adminApiKey,
      now,
      // What is lost here is noted by a later use.
      noteUse: (id, atMs) => later(noteKeyUse(db, id, atMs)),
    }),
    access: config.access && createAccessGate(config.access, { fetch: (url, init) => fetch(url, init), now }),
    catalogue: createCatalogue({
      kv: createCatalogueKv(env.BRANDING),
      readTerms: (batch) => readTerms(db, batch),
      readBrand: (id) => readBrand(db, id),
      readHost: (host) => brandOfHost(db, host),
      now,
      later: waitUntil,
    }),
    cards: createCardStubs(env.CARDS, config.jurisdiction),
    jobs: createJobs(env.CARD_EVENTS),
    later,
    refreshTokens: createRefreshTokens(config.refreshKeys),
    portalTokens: createPortalTokens(config.refreshKeys),
    softphoneAddresses: createSoftphoneAddresses(config.refreshKeys),
    credentials: createCredentials({ signing, sealer }),
    addressRules: {
      ownHosts: [...config.hosts, ...(config.portalDomain === null ? [] : [config.portalDomain])],
      allowsLoopback: config.isLocal,
    },
    sendWakes: (messages) => env.WEBHOOK_WAKES.sendBatch(messages),
    budget: createFailureBudget({ ask: async (key) => (await env.REDEEM_FAILURES.limit({ key })).success, now }),
  };
}
