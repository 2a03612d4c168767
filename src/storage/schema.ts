/**
 * D1: the catalogue (strict) and the projection of cards (seconds behind, for search and reports only).
 * Nothing here answers a money question. JSON columns hold documents that are read whole.
 */
import { sql } from "drizzle-orm";
import { check, index, integer, primaryKey, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";
import type { BrandDocument } from "../domain/branding.ts";
import type { BrandPortal } from "../domain/portal.ts";
import type { Profile } from "../domain/profile.ts";
import type { Scope } from "../domain/scopes.ts";
import type { Bonus } from "../domain/terms.ts";

export * from "./schema-actions.ts";
export * from "./schema-webhooks.ts";
export * from "./schema-credit.ts";

export const partners = sqliteTable("partners", {
  id: text().primaryKey(),
  name: text().notNull(),
  status: text({ enum: ["active", "suspended"] }).notNull(),
  timeZone: text("time_zone").notNull(),
  createdAtMs: integer("created_at_ms").notNull(),
});

export const partnerLimits = sqliteTable(
  "partner_limits",
  {
    partner: text()
      .notNull()
      .references(() => partners.id),
    currency: text().notNull(),
    outstandingMicros: integer("outstanding_micros").notNull(),
    creditPerDayMicros: integer("credit_per_day_micros").notNull(),
    maxFaceValueMicros: integer("max_face_value_micros").notNull(),
  },
  (table) => [primaryKey({ columns: [table.partner, table.currency] })],
);

export const apiKeys = sqliteTable(
  "api_keys",
  {
    id: text().primaryKey(),
    /** SHA-256 of the whole key, hex. The secret has 160 bits, so a plain hash is enough. */
    hash: text().notNull(),
    name: text().notNull(),
    /** null = an operator's key. */
    partner: text().references(() => partners.id),
    scopes: text({ mode: "json" }).$type<Scope[]>().notNull(),
    trunks: text({ mode: "json" }).$type<string[]>().notNull(),
    expiresAtMs: integer("expires_at_ms"),
    revokedAtMs: integer("revoked_at_ms"),
    createdAtMs: integer("created_at_ms").notNull(),
    /** Noted sparsely: a key in use may be shown some minutes behind. */
    lastUsedAtMs: integer("last_used_at_ms"),
    /** Of a key that `ADMIN_API_KEY` made: that one's hash, so that each makes one. */
    bootstrapHash: text("bootstrap_hash").unique(),
  },
  (table) => [index("api_keys_partner").on(table.partner)],
);

export const trunks = sqliteTable("trunks", {
  id: text().primaryKey(),
  name: text().notNull(),
  domain: text().notNull().unique(),
  realm: text().notNull(),
  proxies: text({ mode: "json" }).$type<string[]>().notNull(),
  webSockets: text("web_sockets", { mode: "json" }).$type<string[]>().notNull(),
  routeGroup: text("route_group"),
  techPrefix: text("tech_prefix"),
  digestMac: text("digest_mac", { enum: ["sha1", "sha256"] }).notNull(),
  digestAlgorithm: text("digest_algorithm", { enum: ["MD5", "SHA-256"] }).notNull(),
  digestSecret: text("digest_secret").notNull(),
  iceUrls: text("ice_urls", { mode: "json" }).$type<string[]>(),
  iceSecret: text("ice_secret"),
});

export const trunkPartners = sqliteTable(
  "trunk_partners",
  {
    trunk: text()
      .notNull()
      .references(() => trunks.id),
    partner: text()
      .notNull()
      .references(() => partners.id),
  },
  (table) => [primaryKey({ columns: [table.trunk, table.partner] })],
);

export const profiles = sqliteTable(
  "profiles",
  {
    partner: text()
      .notNull()
      .references(() => partners.id),
    id: text().notNull(),
    trunk: text()
      .notNull()
      .references(() => trunks.id),
    document: text({ mode: "json" }).$type<Omit<Profile, "id" | "partner" | "trunk">>().notNull(),
  },
  (table) => [primaryKey({ columns: [table.partner, table.id] })],
);

export const brands = sqliteTable("brands", {
  id: text().primaryKey(),
  partner: text()
    .notNull()
    .references(() => partners.id),
  draft: text({ mode: "json" }).$type<BrandDocument>().notNull(),
  /** 0 = nothing published yet. */
  publishedVersion: integer("published_version").notNull().default(0),
  /** Not part of the look: in force as it is written, and no version brings an old one back. */
  portal: text({ mode: "json" }).$type<BrandPortal>(),
});

/** Which brand a host name of its own belongs to. */
export const portalHosts = sqliteTable(
  "portal_hosts",
  {
    host: text().primaryKey(),
    brand: text()
      .notNull()
      .references(() => brands.id),
  },
  (table) => [index("portal_hosts_brand").on(table.brand)],
);

export const brandVersions = sqliteTable(
  "brand_versions",
  {
    brand: text()
      .notNull()
      .references(() => brands.id),
    version: integer().notNull(),
    document: text({ mode: "json" }).$type<BrandDocument>().notNull(),
    publishedAtMs: integer("published_at_ms").notNull(),
    publishedBy: text("published_by").notNull(),
  },
  (table) => [primaryKey({ columns: [table.brand, table.version] })],
);

export const batches = sqliteTable(
  "batches",
  {
    number: integer().primaryKey({ autoIncrement: true }),
    /** Who asked (`operator` or `partner:<id>`): an Idempotency-Key is unique per owner for ever. */
    owner: text().notNull(),
    idempotencyKey: text("idempotency_key").notNull(),
    /** The request in canonical form: the same key with other content is refused. */
    fingerprint: text().notNull(),
    partner: text()
      .notNull()
      .references(() => partners.id),
    brand: text()
      .notNull()
      .references(() => brands.id),
    profile: text(),
    kind: text({ enum: ["card", "voucher"] }).notNull(),
    mode: text({ enum: ["live", "test"] }).notNull(),
    quantity: integer().notNull(),
    format: text({ enum: ["base32", "keypad18"] }).notNull(),
    keyId: text("key_id").notNull(),
    creditMicros: integer("credit_micros").notNull(),
    currency: text().notNull(),
    expiryAt: text("expiry_at"),
    expiryDaysAfterFirstUse: integer("expiry_days_after_first_use"),
    expiryDaysAfterIssue: integer("expiry_days_after_issue"),
    /** Copied from the partner: a later change of zone must not move the end of printed cards. */
    timeZone: text("time_zone").notNull(),
    maxDevices: integer("max_devices").notNull(),
    activation: text({ enum: ["issued", "on_sale"] }).notNull(),
    onExpiredTopUp: text("on_expired_top_up", { enum: ["refuse", "revive"] }).notNull(),
    graceDays: integer("grace_days").notNull(),
    bonus: text({ mode: "json" }).$type<Bonus>(),
    label: text(),
    createdAtMs: integer("created_at_ms").notNull(),
    /** Cards of this format that a guess could hit when this batch was issued, itself included: its odds stay repeatable. */
    liveCardsAtIssue: integer("live_cards_at_issue").notNull().default(0),
    standingVersion: integer("standing_version").notNull().default(1),
    status: text({ enum: ["active", "paused", "recalled"] })
      .notNull()
      .default("active"),
    untouchedRecalled: integer("untouched_recalled", { mode: "boolean" }).notNull().default(false),
    recalledRanges: text("recalled_ranges", { mode: "json" }).$type<[number, number][]>().notNull().default([]),
  },
  (table) => [
    uniqueIndex("batches_idempotency").on(table.owner, table.idempotencyKey),
    index("batches_partner").on(table.partner, table.number),
    check("batches_quantity", sql`${table.quantity} between 1 and 33554431`),
    check("batches_number", sql`${table.number} between 1 and 33554431`),
  ],
);

/** One row per recalled batch: how far the sweep over its touched cards has come. */
export const sweeps = sqliteTable(
  "sweeps",
  {
    batch: integer()
      .primaryKey()
      .references(() => batches.number),
    total: integer().notNull(),
    done: integer().notNull(),
    afterCard: integer("after_card").notNull(),
    missed: integer().notNull(),
    roundAtMs: integer("round_at_ms").notNull(),
    /** null = ended. */
    dueAtMs: integer("due_at_ms"),
    untilMs: integer("until_ms").notNull(),
    updatedAtMs: integer("updated_at_ms").notNull(),
  },
  (table) => [
    index("sweeps_due")
      .on(table.dueAtMs)
      .where(sql`${table.dueAtMs} is not null`),
  ],
);

/** One row per touched card, upserted by version from the queue. */
export const cards = sqliteTable(
  "cards",
  {
    batch: integer().notNull(),
    card: integer().notNull(),
    version: integer().notNull(),
    status: text().notNull(),
    availableMicros: integer("available_micros").notNull(),
    heldMicros: integer("held_micros").notNull(),
    spentMicros: integer("spent_micros").notNull(),
    reversedMicros: integer("reversed_micros").notNull(),
    expiredMicros: integer("expired_micros").notNull(),
    creditsMicros: integer("credits_micros").notNull(),
    debtMicros: integer("debt_micros").notNull(),
    /** Used but never collected, over the card's life. */
    shortfallMicros: integer("shortfall_micros").notNull().default(0),
    devices: integer().notNull(),
    openHolds: integer("open_holds").notNull(),
    firstUsedAtMs: integer("first_used_at_ms"),
    expiresAtMs: integer("expires_at_ms"),
    changedAtMs: integer("changed_at_ms").notNull(),
    projectedAtMs: integer("projected_at_ms").notNull(),
  },
  (table) => [primaryKey({ columns: [table.batch, table.card] })],
);

/** How far the projection has come with each partner's cards: what lists and reports say of their age. */
export const projectionProgress = sqliteTable("projection_progress", {
  partner: text()
    .primaryKey()
    .references(() => partners.id),
  /** When the newest event that arrived was sent by its card. */
  newestEventAtMs: integer("newest_event_at_ms").notNull(),
  /** When the last one arrived. */
  projectedAtMs: integer("projected_at_ms").notNull(),
});

/**
 * Who did what. Written in the batch of the act, in the chain of its owner (a partner, or `operator`), and chained
 * moments later: `previous_hash` and `hash` are null in between, and are written once.
 */
export const audit = sqliteTable(
  "audit",
  {
    owner: text().notNull(),
    seq: integer().notNull(),
    /** The same however often it arrives: an act of a card comes through a queue. */
    id: text().notNull().unique(),
    atMs: integer("at_ms").notNull(),
    actor: text().notNull(),
    actorOwner: text("actor_owner").notNull(),
    act: text().notNull(),
    object: text().notNull(),
    details: text().notNull(),
    reason: text(),
    requestId: text("request_id").notNull(),
    seal: text().notNull(),
    previousHash: text("previous_hash"),
    hash: text(),
  },
  (table) => [
    primaryKey({ columns: [table.owner, table.seq] }),
    index("audit_object").on(table.owner, table.object, table.seq),
    index("audit_time").on(table.atMs, table.owner, table.seq),
    index("audit_unchained")
      .on(table.owner, table.seq)
      .where(sql`${table.hash} is null`),
  ],
);

/** The end of each chain, so that a chain cut short is found. */
export const auditHeads = sqliteTable("audit_heads", {
  owner: text().primaryKey(),
  seq: integer().notNull(),
  hash: text().notNull(),
});
