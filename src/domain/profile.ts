/** Calling configuration: the operator's trunk and the partner's profile that points at it. Pure types. */

export type TrunkDigest = { readonly mac: "sha1" | "sha256"; readonly algorithm: "MD5" | "SHA-256" };

/** Secrets are ciphertext here (`<data key id>.<iv>.<sealed>`); only the credential signer opens them. */
export type Trunk = {
  readonly id: string;
  readonly name: string;
  readonly domain: string;
  readonly realm: string;
  readonly proxies: readonly string[];
  readonly webSockets: readonly string[];
  readonly routeGroup: string | null;
  readonly techPrefix: string | null;
  readonly digest: TrunkDigest & { readonly sealedSecret: string };
  readonly ice: { readonly urls: readonly string[]; readonly sealedSecret: string } | null;
};

export type CredentialLifetimes = {
  readonly bearerSeconds: number;
  readonly digestSeconds: number;
  readonly softphoneDigestSeconds: number;
  readonly longLivedDays: number | null;
  readonly iceSeconds: number;
};

/** How another device may take a card: not at all, with the PIN of the device that has it, or with the code alone. */
export type TakeoverRule = "never" | "pin" | "holder";

export type Profile = {
  readonly id: string;
  readonly partner: string;
  readonly name: string;
  readonly trunk: string;
  readonly codecs: readonly string[];
  readonly registerExpiresSeconds: number;
  readonly concurrentCalls: number;
  readonly callerId: { readonly mode: "fixed" | "anonymous" | "card"; readonly number: string | null };
  readonly destinations: { readonly allow: readonly string[]; readonly deny: readonly string[] };
  readonly credentials: CredentialLifetimes;
  readonly takeover: TakeoverRule;
};
