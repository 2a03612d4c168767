/**
 * What sets a dialler up: SIP credentials of both kinds, TURN credentials, and where to use them.
 * Short-lived, derived, bound to one device, and never outliving the card. Stores nothing.
 */
import { hmac, hmacKey, type HmacHash } from "../auth/hmac.ts";
import { trunkSecretPlace, type Sealer } from "../auth/sealing.ts";
import type { Signing } from "../auth/signing.ts";
import { toBase64, toHex } from "../domain/encoding.ts";
import type { Profile, Trunk } from "../domain/profile.ts";
import { SECOND_MS } from "../domain/time.ts";

export type DigestCredential = {
  readonly type: "digest";
  /** `<unix expiry>:<SIP user>@<domain>`, the form TURN REST and Kamailio's auth_ephemeral read. */
  readonly username: string;
  readonly password: string;
  readonly realm: string;
  readonly ha1: string;
  readonly algorithm: "MD5" | "SHA-256";
  readonly expiresAtMs: number;
  readonly expiresInSeconds: number;
};

export type SipCredential =
  | { readonly type: "bearer"; readonly token: string; readonly expiresAtMs: number; readonly expiresInSeconds: number }
  | DigestCredential;

export type IceServer = { readonly urls: readonly string[]; readonly username: string; readonly credential: string };

export type Provisioning = {
  readonly trunk: Trunk | null;
  readonly profile: Profile | null;
  readonly sipUser: string;
  readonly credentials: readonly SipCredential[];
  readonly iceServers: readonly IceServer[];
  readonly refreshInSeconds: number;
};

export type ProvisioningInput = {
  readonly trunk: Trunk | null;
  readonly profile: Profile | null;
  readonly partner: string;
  readonly sipUser: string;
  /** false = the card shows its state but may not call. */
  readonly mayCall: boolean;
  readonly cardEndsAtMs: number | null;
  readonly nowMs: number;
};

export type Credentials = {
  provision(input: ProvisioningInput): Promise<Provisioning>;
  /** A pair for a user of the trunk, as auth_ephemeral and FreeSWITCH's directory check it. */
  digestPair(trunk: Trunk, sipUser: string, nowMs: number, lifetimeSeconds: number): Promise<DigestCredential>;
};

/** Asked again after half the shortest life; a card that may not call is asked about at this pace. */
const IDLE_REFRESH_SECONDS = 300;
const MAX_KEYS = 500;

export function createCredentials({ signing, sealer }: { signing: Signing; sealer: Sealer }): Credentials {
  const macOf = trunkMacs(sealer);

  async function digestPair(
    trunk: Trunk,
    sipUser: string,
    nowMs: number,
    lifetimeSeconds: number,
  ): Promise<DigestCredential> {
    const expiresAtSeconds = Math.floor(nowMs / SECOND_MS) + lifetimeSeconds;
    const username = `${expiresAtSeconds}:${sipUser}@${trunk.domain}`;
    const { mac, algorithm, sealedSecret } = trunk.digest;
    const secret: TrunkSecret = { trunk: trunk.id, field: "digest", sealed: sealedSecret };
    const password = await macOf(secret, mac === "sha1" ? "SHA-1" : "SHA-256", username);
    // H(A1) of RFC 8760 section 2.4 (RFC 2617 section 3.2.2.2 for MD5): username, realm and password.
    const ha1 = await crypto.subtle.digest(
      algorithm,
      new TextEncoder().encode(`${username}:${trunk.realm}:${password}`),
    );
    return {
      type: "digest",
      username,
      password,
      realm: trunk.realm,
      ha1: toHex(new Uint8Array(ha1)),
      algorithm,
      expiresAtMs: expiresAtSeconds * SECOND_MS,
      expiresInSeconds: lifetimeSeconds,
    };
  }

  async function bearer(input: ProvisioningInput, trunk: Trunk, lifetimeSeconds: number): Promise<SipCredential> {
    const claim = { user: input.sipUser, domain: trunk.domain, partner: input.partner, lifetimeSeconds };
    const token = await signing.sipToken(claim, input.nowMs);
    const expiresAtMs = (Math.floor(input.nowMs / SECOND_MS) + lifetimeSeconds) * SECOND_MS;
    return { type: "bearer", token, expiresAtMs, expiresInSeconds: lifetimeSeconds };
  }

  /** coturn's REST form: an expiry, the user, and HMAC-SHA-1 under a secret that is not the SIP one. */
  async function turn(trunk: Trunk, sipUser: string, nowMs: number, lifetimeSeconds: number): Promise<IceServer[]> {
    if (!trunk.ice) return [];
    const username = `${Math.floor(nowMs / SECOND_MS) + lifetimeSeconds}:${sipUser}`;
    const secret: TrunkSecret = { trunk: trunk.id, field: "ice", sealed: trunk.ice.sealedSecret };
    return [{ urls: trunk.ice.urls, username, credential: await macOf(secret, "SHA-1", username) }];
  }

  return {
    digestPair,
    async provision(input) {
      const { trunk, profile, sipUser, nowMs, cardEndsAtMs } = input;
      const leftSeconds =
        cardEndsAtMs === null ? Number.MAX_SAFE_INTEGER : Math.floor((cardEndsAtMs - nowMs) / SECOND_MS);
      const none = { trunk, profile, sipUser, credentials: [], iceServers: [], refreshInSeconds: IDLE_REFRESH_SECONDS };
      if (!trunk || !profile || !input.mayCall || leftSeconds < 1) return none;
      const { bearerSeconds, digestSeconds, iceSeconds } = profile.credentials;
      const [bearerCredential, digestCredential, iceServers] = await Promise.all([
        bearer(input, trunk, Math.min(bearerSeconds, leftSeconds)),
        digestPair(trunk, sipUser, nowMs, Math.min(digestSeconds, leftSeconds)),
        turn(trunk, sipUser, nowMs, Math.min(iceSeconds, leftSeconds)),
      ]);
      const shortest = Math.min(bearerSeconds, digestSeconds, trunk.ice ? iceSeconds : digestSeconds, leftSeconds);
      return {
        ...none,
        credentials: [bearerCredential, digestCredential],
        iceServers,
        refreshInSeconds: Math.max(1, Math.floor(shortest / 2)),
      };
    },
  };
}

type TrunkSecret = { readonly trunk: string; readonly field: "digest" | "ice"; readonly sealed: string };
type MacOf = (secret: TrunkSecret, hash: HmacHash, text: string) => Promise<string>;

/** HMACs in base64 under the secrets of trunks, which are opened and imported once. */
function trunkMacs(sealer: Sealer): MacOf {
  /** By ciphertext: a rotated secret is another ciphertext, so nothing goes stale. */
  const keys = new Map<string, CryptoKey>();

  async function keyOf({ trunk, field, sealed }: TrunkSecret, hash: HmacHash): Promise<CryptoKey> {
    const name = `${hash} ${sealed}`;
    const known = keys.get(name);
    if (known) return known;
    const key = await hmacKey(await sealer.open(trunkSecretPlace(trunk, field), sealed), hash);
    if (keys.size >= MAX_KEYS) keys.clear();
    keys.set(name, key);
    return key;
  }

  return async (secret, hash, text) => toBase64(await hmac(await keyOf(secret, hash), text));
}
