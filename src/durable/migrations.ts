/**
 * The schema of a card's own database. Append only: a released step never changes, a change is a new step.
 * No step runs before the first write, so probing a card stores nothing.
 */

export type Migration = { readonly version: number; readonly sql: string };

/** The equation and the signs are checked by the database too: a bug above cannot be committed. */
const FIRST = `
CREATE TABLE card (
  only INTEGER PRIMARY KEY CHECK (only = 1),
  version INTEGER NOT NULL,
  projected_version INTEGER NOT NULL DEFAULT 0,
  clock_ms INTEGER NOT NULL,
  batch INTEGER NOT NULL,
  card INTEGER NOT NULL,
  kind TEXT NOT NULL,
  mode TEXT NOT NULL,
  currency TEXT NOT NULL,
  face_value_micros INTEGER NOT NULL CHECK (face_value_micros > 0),
  max_devices INTEGER NOT NULL,
  first_used_at_ms INTEGER,
  expires_at_ms INTEGER,
  on_sale INTEGER NOT NULL,
  activated_at_ms INTEGER,
  blocked INTEGER NOT NULL,
  closed INTEGER NOT NULL,
  standing TEXT NOT NULL,
  credits INTEGER NOT NULL CHECK (credits >= 0),
  debt INTEGER NOT NULL CHECK (debt >= 0),
  available INTEGER NOT NULL CHECK (available >= 0),
  held INTEGER NOT NULL CHECK (held >= 0),
  spent INTEGER NOT NULL CHECK (spent >= 0),
  reversed INTEGER NOT NULL CHECK (reversed >= 0),
  expired INTEGER NOT NULL CHECK (expired >= 0),
  last_seq INTEGER NOT NULL,
  last_device INTEGER NOT NULL,
  CHECK (credits + debt = available + held + spent + reversed + expired)
) STRICT;

CREATE TABLE postings (
  seq INTEGER PRIMARY KEY,
  at_ms INTEGER NOT NULL,
  type TEXT NOT NULL,
  id TEXT NOT NULL,
  amount_micros INTEGER NOT NULL,
  available_micros INTEGER NOT NULL CHECK (available_micros >= 0),
  held_micros INTEGER NOT NULL CHECK (held_micros >= 0),
  reason TEXT
) STRICT;
CREATE TRIGGER postings_keep BEFORE UPDATE ON postings BEGIN SELECT RAISE(ABORT, 'postings are append-only'); END;
CREATE TRIGGER postings_stay BEFORE DELETE ON postings BEGIN SELECT RAISE(ABORT, 'postings are append-only'); END;

CREATE TABLE outcomes (
  kind TEXT NOT NULL,
  id TEXT NOT NULL,
  content TEXT NOT NULL,
  at_ms INTEGER NOT NULL,
  refusal TEXT,
  moved_micros INTEGER NOT NULL,
  rest_micros INTEGER NOT NULL,
  available_micros INTEGER NOT NULL,
  held_micros INTEGER NOT NULL,
  PRIMARY KEY (kind, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX outcomes_refused ON outcomes (at_ms) WHERE refusal IS NOT NULL;
CREATE TRIGGER outcomes_keep BEFORE UPDATE ON outcomes BEGIN SELECT RAISE(ABORT, 'outcomes are final'); END;
CREATE TRIGGER outcomes_stay BEFORE DELETE ON outcomes WHEN old.refusal IS NULL
  BEGIN SELECT RAISE(ABORT, 'applied outcomes are kept'); END;

CREATE TABLE devices (
  number INTEGER PRIMARY KEY,
  id_hash TEXT NOT NULL,
  name TEXT,
  platform TEXT,
  public_key TEXT,
  status TEXT NOT NULL,
  family INTEGER NOT NULL,
  family_revoked INTEGER NOT NULL,
  generation INTEGER NOT NULL,
  advanced_at_ms INTEGER NOT NULL,
  last_seen_at_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE acts (
  seq INTEGER PRIMARY KEY,
  at_ms INTEGER NOT NULL,
  action TEXT NOT NULL,
  reason TEXT NOT NULL,
  actor TEXT NOT NULL
) STRICT;
CREATE TRIGGER acts_keep BEFORE UPDATE ON acts BEGIN SELECT RAISE(ABORT, 'acts are append-only'); END;
CREATE TRIGGER acts_stay BEFORE DELETE ON acts BEGIN SELECT RAISE(ABORT, 'acts are append-only'); END;
`;

/** Holds, call details and uncollected use. Call details stand apart from the postings because they are erased in time. */
const HOLDS = `
ALTER TABLE card ADD COLUMN open_holds TEXT NOT NULL DEFAULT '[]';
ALTER TABLE card ADD COLUMN shortfall INTEGER NOT NULL DEFAULT 0 CHECK (shortfall >= 0);
ALTER TABLE postings ADD COLUMN shortfall_micros INTEGER NOT NULL DEFAULT 0 CHECK (shortfall_micros >= 0);
ALTER TABLE outcomes ADD COLUMN granted_micros INTEGER NOT NULL DEFAULT 0;
ALTER TABLE outcomes ADD COLUMN released_micros INTEGER NOT NULL DEFAULT 0;
ALTER TABLE outcomes ADD COLUMN sequence INTEGER NOT NULL DEFAULT 0;
ALTER TABLE outcomes ADD COLUMN ends_at_ms INTEGER;

CREATE TABLE holds (
  id TEXT PRIMARY KEY,
  state TEXT NOT NULL CHECK (state IN ('open', 'committed', 'released', 'expired', 'late')),
  amount INTEGER NOT NULL CHECK (amount >= 0),
  sequence INTEGER NOT NULL CHECK (sequence >= 0),
  charged INTEGER NOT NULL CHECK (charged >= 0),
  released INTEGER NOT NULL CHECK (released >= 0),
  shortfall INTEGER NOT NULL CHECK (shortfall >= 0),
  subject TEXT,
  destination TEXT,
  reference TEXT,
  created_at_ms INTEGER NOT NULL,
  expires_at_ms INTEGER NOT NULL,
  settled_at_ms INTEGER
) STRICT, WITHOUT ROWID;
CREATE TRIGGER holds_settle_once BEFORE UPDATE ON holds WHEN old.state IN ('committed', 'released', 'late')
  BEGIN SELECT RAISE(ABORT, 'a settled hold never changes'); END;
CREATE TRIGGER holds_stay BEFORE DELETE ON holds BEGIN SELECT RAISE(ABORT, 'holds are kept'); END;

CREATE TABLE calls (
  seq INTEGER PRIMARY KEY,
  at_ms INTEGER NOT NULL,
  details TEXT NOT NULL
) STRICT;
`;

/** Notices on their way to the queue, and what they were given of. */
const NOTICES = `
ALTER TABLE card ADD COLUMN low_balance_told INTEGER NOT NULL DEFAULT 0;
ALTER TABLE card ADD COLUMN expiring_told_ms INTEGER;

CREATE TABLE outbox (
  version INTEGER NOT NULL,
  event TEXT NOT NULL,
  at_ms INTEGER NOT NULL,
  data TEXT NOT NULL,
  PRIMARY KEY (version, event)
) STRICT, WITHOUT ROWID;
`;

/** Money between two cards: what this one has begun, and what another has claimed of it. */
const TRANSFERS = `
ALTER TABLE card ADD COLUMN claim TEXT;
ALTER TABLE card ADD COLUMN leaving INTEGER NOT NULL DEFAULT 0;

CREATE TABLE transfers (
  kind TEXT NOT NULL CHECK (kind IN ('top_up', 'replace')),
  id TEXT NOT NULL,
  step TEXT NOT NULL CHECK (step IN ('claim', 'fill', 'done')),
  other TEXT NOT NULL,
  amount INTEGER NOT NULL CHECK (amount >= 0),
  at_ms INTEGER NOT NULL,
  calls TEXT CHECK (step = 'done' OR calls IS NOT NULL),
  PRIMARY KEY (kind, id),
  UNIQUE (kind, other)
) STRICT, WITHOUT ROWID;
CREATE INDEX transfers_open ON transfers (kind, id, amount) WHERE step <> 'done';
CREATE TRIGGER transfers_end_once BEFORE UPDATE ON transfers WHEN old.step = 'done'
  BEGIN SELECT RAISE(ABORT, 'a transfer that has ended never changes'); END;
CREATE TRIGGER transfers_stay BEFORE DELETE ON transfers WHEN old.step <> 'claim'
  BEGIN SELECT RAISE(ABORT, 'money has moved'); END;

CREATE TABLE voucher_failures (
  only INTEGER PRIMARY KEY CHECK (only = 1),
  since_ms INTEGER NOT NULL,
  count INTEGER NOT NULL
) STRICT;
`;

/** What was sent is kept for a while: it travels again before what comes later, so that nothing overtakes it. */
const NOTICES_IN_ORDER = `
ALTER TABLE outbox ADD COLUMN sent_at_ms INTEGER;
`;

/** Softphones: devices that sit in the place of the one that linked them. */
const SOFTPHONES = `
ALTER TABLE devices ADD COLUMN created_at_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE devices ADD COLUMN sip_seat INTEGER NOT NULL DEFAULT 1;
ALTER TABLE devices ADD COLUMN linked_to INTEGER;
`;

/** What guards the card's move to another device. */
const GUARD = `
CREATE TABLE guard (
  only INTEGER PRIMARY KEY CHECK (only = 1),
  pin_key TEXT,
  pin_mac TEXT CHECK ((pin_key IS NULL) = (pin_mac IS NULL)),
  pin_request TEXT,
  wrong_since_ms INTEGER NOT NULL,
  wrong_count INTEGER NOT NULL CHECK (wrong_count >= 0),
  taken_over_at_ms INTEGER
) STRICT;
`;

/** What the audit trail is told of acts, and how far it has been told. Acts of before stay in the journal alone. */
const AUDITED_ACTS = `
ALTER TABLE acts ADD COLUMN told TEXT;
ALTER TABLE card ADD COLUMN acts_told INTEGER NOT NULL DEFAULT 0;
`;

/** Sessions at the portal, each begun by a ticket that then is used. */
const PORTAL = `
CREATE TABLE portal_sessions (
  ticket TEXT PRIMARY KEY,
  session TEXT NOT NULL UNIQUE,
  opened_at_ms INTEGER NOT NULL,
  seen_at_ms INTEGER NOT NULL CHECK (seen_at_ms >= opened_at_ms),
  ended INTEGER NOT NULL CHECK (ended IN (0, 1))
) STRICT, WITHOUT ROWID;
CREATE TRIGGER portal_sessions_end_once BEFORE UPDATE ON portal_sessions WHEN old.ended = 1 AND new.ended = 0
  BEGIN SELECT RAISE(ABORT, 'a session that has ended stays so'); END;
`;

/** Proofs of possession that were used, while they could be again. */
const PROOFS = `
CREATE TABLE proofs (
  jti TEXT PRIMARY KEY,
  request TEXT NOT NULL,
  ends_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
`;

/** How often a softphone's link was answered; a link is its device's only one. */
const LINK_FETCHES = `
CREATE TABLE link_fetches (
  device INTEGER PRIMARY KEY,
  count INTEGER NOT NULL CHECK (count > 0)
) STRICT;
`;

export const MIGRATIONS: readonly Migration[] = [
  { version: 1, sql: FIRST },
  { version: 2, sql: HOLDS },
  { version: 3, sql: NOTICES },
  { version: 4, sql: TRANSFERS },
  { version: 5, sql: NOTICES_IN_ORDER },
  { version: 6, sql: SOFTPHONES },
  { version: 7, sql: GUARD },
  { version: 8, sql: AUDITED_ACTS },
  { version: 9, sql: PORTAL },
  { version: 10, sql: PROOFS },
  { version: 11, sql: LINK_FETCHES },
];

/** A storage of its own for the version: PRAGMA user_version is refused by the platform. */
const VERSION_TABLE = "CREATE TABLE IF NOT EXISTS schema_version (version INTEGER PRIMARY KEY) STRICT";

/** 0 = the card was never written. Reads only. */
export function schemaVersion(sql: SqlStorage): number {
  const table = sql.exec("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'schema_version'").toArray();
  if (table.length === 0) return 0;
  return sql.exec<{ version: number }>("SELECT coalesce(max(version), 0) AS version FROM schema_version").one().version;
}

/** Brings the schema up to date inside the caller's transaction. */
export function migrate(sql: SqlStorage, from: number, migrations: readonly Migration[] = MIGRATIONS): number {
  const pending = migrations.filter(({ version }) => version > from);
  if (pending.length > 0) sql.exec(VERSION_TABLE);
  for (const { version, sql: step } of pending) {
    sql.exec(step);
    sql.exec("INSERT INTO schema_version (version) VALUES (?)", version);
  }
  return pending.at(-1)?.version ?? from;
}
