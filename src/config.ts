/**
 * The environment, parsed once per isolate into typed, read-only configuration.
 * A bad setting stops the product and is named; its value never appears in a message.
 */
import { z } from "zod";
import type { CodeKey } from "./domain/code/seal.ts";
import type { SigningKey } from "./domain/signing-keys.ts";

/** One live key per secret; the number in the name is the id, the highest is the newest. */
const MAX_CODE_KEYS = 4;
const MAX_KEYS_PER_RING = 8;
const KEY_BYTES = 32;

/** Key bytes by id, newest first. */
export type SecretKey = { readonly id: string; readonly bytes: Uint8Array };
export type Config = {
  readonly publicOrigin: string;
  /** Hosts the API answers on; anything else is 404. */
  readonly hosts: ReadonlySet<string>;
  /** The local start: loopback origin, where `localhost` answers too and timings are shown to everybody. */
  readonly isLocal: boolean;
  /** Brands' portals are the hosts below it; null = there is no proxy. */
  readonly portalDomain: string | null;
  /** Of the local start only: portals may be fetched over http and from this machine. */
  readonly insecureUpstreams: boolean;
  readonly jurisdiction: DurableObjectJurisdiction | null;
  readonly codeKeys: readonly CodeKey[];
  readonly signingKeys: readonly SigningKey[];
  readonly refreshKeys: readonly SecretKey[];
  readonly dataKeys: readonly SecretKey[];
  readonly adminApiKey: string | null;
  /** Cloudflare Access in front of `/console` and of operators' keys; null = not used. */
  readonly access: AccessSettings | null;
};

/** The team's host (`<team>.cloudflareaccess.com`) and the application's audience tag. */
export type AccessSettings = { readonly teamDomain: string; readonly aud: string };

export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(`Configuration: ${problems.join("; ")}`);
    this.problems = problems;
  }
}

const cache = new WeakMap<object, Config>();

/** The isolate's configuration; throws ConfigError until the environment is right. */
export function configOf(env: object): Config {
  let config = cache.get(env);
  if (!config) {
    config = parseConfig(env as Readonly<Record<string, unknown>>);
    cache.set(env, config);
  }
  return config;
}

export function parseConfig(env: Readonly<Record<string, unknown>>): Config {
  const problems: string[] = [];
  const origin = readOrigin(env, problems);
  const isLocal = origin !== null && ["127.0.0.1", "localhost"].includes(origin.hostname);
  const config: Config = {
    publicOrigin: origin?.origin ?? "",
    hosts: new Set(
      origin ? [origin.host, ...(isLocal ? [`localhost${port(origin)}`, `127.0.0.1${port(origin)}`] : [])] : [],
    ),
    isLocal,
    portalDomain: readPortalDomain(env, origin, problems),
    insecureUpstreams: readInsecureUpstreams(env, isLocal, problems),
    jurisdiction: readJurisdiction(env, problems),
    codeKeys: readRing(env, "CODE_KEY_", MAX_CODE_KEYS, problems).map(({ id, bytes }) => ({ id, key: bytes })),
    signingKeys: readSigningKeys(env, problems),
    refreshKeys: readRing(env, "REFRESH_KEY_", MAX_KEYS_PER_RING, problems),
    dataKeys: readRing(env, "DATA_KEY_", MAX_KEYS_PER_RING, problems),
    adminApiKey: optionalText(env, "ADMIN_API_KEY"),
    access: readAccess(env, problems),
  };
  if (problems.length > 0) throw new ConfigError(problems);
  return config;
}

const port = (origin: URL) => (origin.port === "" ? "" : `:${origin.port}`);

function optionalText(env: Readonly<Record<string, unknown>>, name: string): string | null {
  const value = env[name];
  return typeof value === "string" && value !== "" ? value : null;
}

function readOrigin(env: Readonly<Record<string, unknown>>, problems: string[]): URL | null {
  const text = optionalText(env, "PUBLIC_ORIGIN");
  if (text === null) {
    problems.push("PUBLIC_ORIGIN is missing (the https origin this deployment answers on)");
    return null;
  }
  const url = URL.canParse(text) ? new URL(text) : null;
  const loopback = url !== null && ["127.0.0.1", "localhost"].includes(url.hostname);
  if (!url || url.origin !== text || (url.protocol !== "https:" && !(loopback && url.protocol === "http:"))) {
    problems.push("PUBLIC_ORIGIN must be an https origin without a path");
    return null;
  }
  return url;
}

const DOMAIN = /^(?=.{3,200}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]$/;

/** Never the API's own name or one above it: a portal's cookies and scripts must not share a site with the API. */
function readPortalDomain(
  env: Readonly<Record<string, unknown>>,
  origin: URL | null,
  problems: string[],
): string | null {
  const text = optionalText(env, "PORTAL_DOMAIN");
  const isInside = origin !== null && (origin.hostname === text || origin.hostname.endsWith(`.${text}`));
  if (text === null || (DOMAIN.test(text) && !isInside)) return text;
  problems.push("PORTAL_DOMAIN must be a domain name in lower case that does not hold PUBLIC_ORIGIN");
  return null;
}

function readInsecureUpstreams(env: Readonly<Record<string, unknown>>, isLocal: boolean, problems: string[]): boolean {
  const text = optionalText(env, "PORTAL_INSECURE_UPSTREAMS");
  if (text === null || text === "false") return false;
  if (text === "true" && isLocal) return true;
  problems.push("PORTAL_INSECURE_UPSTREAMS may be true only where PUBLIC_ORIGIN is this machine");
  return false;
}

function readJurisdiction(
  env: Readonly<Record<string, unknown>>,
  problems: string[],
): DurableObjectJurisdiction | null {
  const text = optionalText(env, "JURISDICTION");
  if (text === null || text === "eu" || text === "fedramp") return text;
  problems.push("JURISDICTION must be eu or fedramp");
  return null;
}

/** Half a setting would leave the door open while looking shut, so it stops the product. */
function readAccess(env: Readonly<Record<string, unknown>>, problems: string[]): AccessSettings | null {
  const teamDomain = optionalText(env, "ACCESS_TEAM_DOMAIN");
  const aud = optionalText(env, "ACCESS_AUD");
  if (teamDomain === null && aud === null) return null;
  if (teamDomain === null) problems.push("ACCESS_TEAM_DOMAIN is missing (ACCESS_AUD is set; the two go together)");
  else if (!/^([a-z0-9-]+\.)+cloudflareaccess\.com$/.test(teamDomain))
    problems.push("ACCESS_TEAM_DOMAIN must be a host such as team.cloudflareaccess.com");
  if (aud === null) problems.push("ACCESS_AUD is missing (ACCESS_TEAM_DOMAIN is set; the two go together)");
  else if (!/^[\x21-\x7e]{16,256}$/.test(aud)) problems.push("ACCESS_AUD must be the application's audience tag");
  return teamDomain !== null && aud !== null ? { teamDomain, aud } : null;
}

/** Names with a prefix, newest (highest number) first. */
function namesWith(env: Readonly<Record<string, unknown>>, prefix: string): string[] {
  const suffix = (name: string) => name.slice(prefix.length);
  return Object.keys(env)
    .filter((name) => name.startsWith(prefix))
    .toSorted((a, b) => Number(suffix(b)) - Number(suffix(a)));
}

function readRing(
  env: Readonly<Record<string, unknown>>,
  prefix: string,
  most: number,
  problems: string[],
): SecretKey[] {
  const names = namesWith(env, prefix);
  if (names.length === 0) problems.push(`${prefix}<id> is missing (32 random bytes in base64url)`);
  if (names.length > most) problems.push(`${prefix}<id>: at most ${most} keys may be live`);
  return names.flatMap((name) => {
    const id = name.slice(prefix.length);
    const bytes = decodeKey(env[name]);
    if (/^[1-9]\d{0,8}$/.test(id) && bytes) return [{ id, bytes }];
    problems.push(`${name} must be numbered from 1 and hold 32 bytes in base64url`);
    return [];
  });
}

function decodeKey(value: unknown): Uint8Array | null {
  if (typeof value !== "string" || !/^[A-Za-z0-9_-]{43}$/.test(value)) return null;
  const binary = atob(value.replaceAll("-", "+").replaceAll("_", "/"));
  const bytes = Uint8Array.from(binary, (char) => char.charCodeAt(0));
  return bytes.length === KEY_BYTES ? bytes : null;
}

const signingKeySchema = z.strictObject({
  jwk: z.strictObject({ kty: z.literal("EC"), crv: z.literal("P-256"), x: z.string(), y: z.string(), d: z.string() }),
  x5c: z.array(z.string().min(1)).min(1),
  signFrom: z.iso.datetime(),
});

function readSigningKeys(env: Readonly<Record<string, unknown>>, problems: string[]): SigningKey[] {
  const prefix = "SIGNING_KEY_";
  const names = Object.keys(env).filter((name) => name.startsWith(prefix));
  if (names.length === 0) problems.push(`${prefix}<kid> is missing (JSON: jwk, x5c, signFrom)`);
  if (names.length > MAX_KEYS_PER_RING) problems.push(`${prefix}<kid>: at most ${MAX_KEYS_PER_RING} keys may be live`);
  return names
    .flatMap((name) => {
      const parsed = signingKeySchema.safeParse(parseJson(env[name]));
      const kid = name.slice(prefix.length);
      if (parsed.success && /^[A-Za-z0-9]{1,32}$/.test(kid)) {
        const { jwk, x5c, signFrom } = parsed.data;
        return [{ kid, jwk, x5c, signFromMs: Date.parse(signFrom) }];
      }
      problems.push(`${name} must be JSON with a P-256 private jwk, x5c and signFrom`);
      return [];
    })
    .toSorted((a, b) => b.signFromMs - a.signFromMs);
}

function parseJson(value: unknown): unknown {
  try {
    return typeof value === "string" ? JSON.parse(value) : value;
  } catch {
    return undefined;
  }
}
