/**
 * Who a presented API key is. Records live at most 30 s in isolate memory, so revoking takes effect within 60 s everywhere.
 * Unknown, wrong, expired and revoked keys are all the same answer: undefined.
 */
import type { Scope } from "../domain/scopes.ts";
import { SCOPES } from "../domain/scopes.ts";
import { claimedKeyId, hashApiKey, isWellTyped } from "./api-keys.ts";

export type KeyRecord = {
  readonly id: string;
  readonly hash: string;
  readonly partner: string | null;
  readonly partnerSuspended: boolean;
  readonly scopes: readonly Scope[];
  readonly trunks: readonly string[];
  readonly expiresAtMs: number | null;
  readonly revokedAtMs: number | null;
  /** As noted; may be behind by `USE_NOTED_EVERY_MS`. */
  readonly lastUsedAtMs: number | null;
  /** The deployment's own `ADMIN_API_KEY`. */
  readonly isBootstrap: boolean;
};

const RECORD_TTL_MS = 30_000;
const MAX_RECORDS = 1000;
const BOOTSTRAP_KEY_ID = "bootstrap";
/** A key's last use is noted at most this often: it tells keys in use from forgotten ones. */
export const USE_NOTED_EVERY_MS = 600_000;

export type KeyDirectory = {
  identify(key: string): Promise<KeyRecord | undefined>;
  /** After a key was revoked here, so that this isolate knows at once. */
  forget(id: string): void;
  /** After a partner was suspended or resumed here. */
  forgetPartner(partner: string): void;
};

type Deps = {
  readonly findKey: (id: string) => Promise<KeyRecord | undefined>;
  readonly adminApiKey: string | null;
  readonly now: () => number;
  /** Writes down that a key was used. Nobody waits for it, and it must not fail. */
  readonly noteUse: (id: string, atMs: number) => void;
};

type Kept = { readonly record: KeyRecord; readonly readAtMs: number };

export function createKeyDirectory({ findKey, adminApiKey, now, noteUse }: Deps): KeyDirectory {
  const records = new Map<string, Kept>();

  const bootstrapRecord = async (): Promise<KeyRecord | undefined> =>
    adminApiKey === null
      ? undefined
      : {
          id: BOOTSTRAP_KEY_ID,
          hash: await hashApiKey(adminApiKey),
          partner: null,
          partnerSuspended: false,
          scopes: SCOPES,
          trunks: [],
          expiresAtMs: null,
          revokedAtMs: null,
          lastUsedAtMs: null,
          isBootstrap: true,
        };

  function known(id: string): KeyRecord | undefined {
    const kept = records.get(id);
    return kept && now() - kept.readAtMs < RECORD_TTL_MS ? kept.record : undefined;
  }

  async function read(id: string): Promise<KeyRecord | undefined> {
    const readAtMs = now();
    const found = id === BOOTSTRAP_KEY_ID ? await bootstrapRecord() : await findKey(id);
    if (records.size >= MAX_RECORDS) records.clear();
    if (found) records.set(id, { record: found, readAtMs });
    else records.delete(id);
    return found;
  }

  /** Once per interval over all isolates that read the note in time; the statement that writes looks again. */
  function noteSparsely(used: KeyRecord, atMs: number): void {
    if (used.isBootstrap || (used.lastUsedAtMs !== null && atMs - used.lastUsedAtMs < USE_NOTED_EVERY_MS)) return;
    const kept = records.get(used.id);
    if (kept) records.set(used.id, { ...kept, record: { ...kept.record, lastUsedAtMs: atMs } });
    noteUse(used.id, atMs);
  }

  return {
    forget: (id) => void records.delete(id),
    forgetPartner(partner) {
      for (const [id, kept] of records) if (kept.record.partner === partner) records.delete(id);
    },
    async identify(key) {
      const id = claimedKeyId(key);
      if (id === undefined) return undefined;
      // The checksum spares a look-up; where there is none to spare, the hash alone decides.
      const found = known(id) ?? ((await isWellTyped(key)) ? await read(id) : undefined);
      if (!found || !equalHashes(found.hash, await hashApiKey(key))) return undefined;
      const nowMs = now();
      const isLive = found.revokedAtMs === null && (found.expiresAtMs === null || nowMs < found.expiresAtMs);
      if (!isLive) return undefined;
      noteSparsely(found, nowMs);
      return found;
    },
  };
}

/** Both sides are SHA-256 in hex, so the lengths are equal and the comparison takes the same time for every difference. */
const equalHashes = (a: string, b: string): boolean =>
  a.length === b.length && crypto.subtle.timingSafeEqual(new TextEncoder().encode(a), new TextEncoder().encode(b));
