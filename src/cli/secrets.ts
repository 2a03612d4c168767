/** Makes every kind of secret a deployment needs, and keeps them in one private file. Shared by start, deploy and keys. */
import "reflect-metadata"; // oxlint-disable-line import/no-unassigned-import -- the certificate maker needs the global it sets
import { X509CertificateGenerator } from "@peculiar/x509";
import { createApiKey } from "../auth/api-keys.ts";
import { exists, readJson, writePrivate } from "./files.ts";
import { CliError } from "./tools.ts";

const KEY_BYTES = 32;
const KID_BYTES = 8;
const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
/** Verifiers look only at notAfter, and the key is rotated long before; see `npm run keys -- rotate signing`. */
const CERTIFICATE_DAYS = 5 * 365;

export const RINGS = { code: "CODE_KEY_", refresh: "REFRESH_KEY_", data: "DATA_KEY_" } as const;
export const SIGNING_PREFIX = "SIGNING_KEY_";
export const BOOTSTRAP_KEY = "ADMIN_API_KEY";

/** Values by Worker secret name, and when each was made. */
export type SecretsFile = {
  readonly secrets: Readonly<Record<string, string>>;
  readonly createdAt: Readonly<Record<string, string>>;
};

export const randomKey = (): string =>
  Buffer.from(crypto.getRandomValues(new Uint8Array(KEY_BYTES))).toString("base64url");

/** `SIGNING_KEY_<kid>`: a P-256 key, the self-signed certificate some SIP servers take it from, and its first day. */
export async function createSigningKey(nowMs: number, signFromMs: number): Promise<{ name: string; value: string }> {
  const kid = Buffer.from(crypto.getRandomValues(new Uint8Array(KID_BYTES))).toString("hex");
  const keys = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, ["sign", "verify"]);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: `CN=Ringfare signing key ${kid}`,
    notBefore: new Date(nowMs - DAY_MS),
    notAfter: new Date(nowMs + CERTIFICATE_DAYS * DAY_MS),
    signingAlgorithm: { name: "ECDSA", hash: "SHA-256" },
    keys,
  });
  const { kty, crv, x, y, d } = await crypto.subtle.exportKey("jwk", keys.privateKey);
  const value = JSON.stringify({
    jwk: { kty, crv, x, y, d },
    x5c: [certificate.toString("base64")],
    signFrom: new Date(signFromMs).toISOString(),
  });
  return { name: `${SIGNING_PREFIX}${kid}`, value };
}

/** A new deployment's secrets: one of each, signing at once because nobody can have cached an older key set. */
export async function createSecrets(nowMs: number): Promise<SecretsFile> {
  const signing = await createSigningKey(nowMs, nowMs - MINUTE_MS);
  const secrets: Record<string, string> = {
    [`${RINGS.code}1`]: randomKey(),
    [signing.name]: signing.value,
    [`${RINGS.refresh}1`]: randomKey(),
    [`${RINGS.data}1`]: randomKey(),
    [BOOTSTRAP_KEY]: (await createApiKey("bootstrap")).key,
  };
  return withSecrets({ secrets: {}, createdAt: {} }, secrets, nowMs);
}

/** The file with more secrets in it; never replaces one. */
export function withSecrets(file: SecretsFile, more: Readonly<Record<string, string>>, nowMs: number): SecretsFile {
  const createdAt = Object.fromEntries(Object.keys(more).map((name) => [name, new Date(nowMs).toISOString()]));
  return { secrets: { ...more, ...file.secrets }, createdAt: { ...createdAt, ...file.createdAt } };
}

/** With another bootstrap key: each makes one operator's key, so this is the way back to a lost one. */
export const withNewBootstrapKey = async (
  { secrets, createdAt }: SecretsFile,
  nowMs: number,
): Promise<SecretsFile> => ({
  secrets: { ...secrets, [BOOTSTRAP_KEY]: (await createApiKey("bootstrap")).key },
  createdAt: { ...createdAt, [BOOTSTRAP_KEY]: new Date(nowMs).toISOString() },
});

/** The kinds of secret without which the product refuses to serve, that a file lacks. */
export function missingKinds(names: readonly string[]): string[] {
  const needed = [...Object.values(RINGS), SIGNING_PREFIX, BOOTSTRAP_KEY];
  return needed.filter((prefix) => !names.some((name) => name.startsWith(prefix)));
}

/** undefined when there is no file; a file that cannot be understood is refused, never replaced: it may be all there is. */
export async function readSecrets(file: string): Promise<SecretsFile | undefined> {
  if (!(await exists(file))) return undefined;
  const parsed = await readJson(file);
  if (!isSecretsFile(parsed)) {
    throw new CliError(
      `${file} cannot be read: it is not the JSON that was written there.`,
      "Put a copy of it back. It holds the keys of every card issued so far, so it is not made anew; if none was, delete it.",
    );
  }
  const missing = missingKinds(Object.keys(parsed.secrets));
  if (missing.length > 0) {
    throw new CliError(`${file} holds no ${missing.join(", no ")}.`, "Put a complete copy of it back.");
  }
  return parsed;
}

export const writeSecrets = (file: string, secrets: SecretsFile): Promise<void> => writePrivate(file, secrets);

const isTextRecord = (record: unknown): boolean =>
  typeof record === "object" &&
  record !== null &&
  !Array.isArray(record) &&
  Object.values(record).every((text) => typeof text === "string");

function isSecretsFile(value: unknown): value is SecretsFile {
  const file = value as Partial<SecretsFile> | null | undefined;
  return typeof file === "object" && isTextRecord(file?.secrets) && isTextRecord(file?.createdAt);
}
