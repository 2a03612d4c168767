/**
 * A brand's portal: which site of the partner's is shown to its cards, and what of it may be reached. Pure.
 * Everything here is another party's data; the rules below are what keeps it from naming a host that is not its own.
 */

export const PORTAL_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] as const;
export type PortalMethod = (typeof PORTAL_METHODS)[number];
export const DEFAULT_METHODS: readonly PortalMethod[] = ["GET", "HEAD", "POST"];

export const CSP_KINDS = ["script", "frame", "connect", "form"] as const;
export type CspSources = Readonly<Record<(typeof CSP_KINDS)[number], readonly string[]>>;
export const NO_SOURCES: CspSources = { script: [], frame: [], connect: [], form: [] };

export const MAX_HOSTS = 5;
export const MAX_PATHS = 50;
export const MAX_EXIT_HOSTS = 20;
export const MAX_SOURCES = 20;

export type BrandPortal = {
  /** The only origin that is ever fetched for this brand. */
  readonly origin: string;
  /** The brand's own host names, routed and certified by the operator; the first one is what links lead to. */
  readonly hosts: readonly string[];
  /** Prefixes of whole path segments: `/shop` is `/shop` and what is below it, `/` everything. */
  readonly paths: readonly string[];
  readonly methods: readonly PortalMethod[];
  /** Hosts a redirect may leave to: payment providers, 3-D Secure. */
  readonly exitHosts: readonly string[];
  /** Sources beyond the portal's own host. */
  readonly csp: CspSources;
  /** `jwt`: the upstream gets a signed statement of which card this is; `none`: nothing. */
  readonly signOn: "jwt" | "none";
  readonly webSockets: boolean;
};

const LABEL = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?";
const HOST_NAME = new RegExp(`^(?=.{4,253}$)(?:${LABEL}\\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?$`);
/** Parsers read a last label of digits as an address; names below these never leave a machine or a network. */
const PRIVATE_SUFFIX = /(?:^|\.)(?:localhost|local|internal|intranet|home\.arpa|lan|corp|onion|invalid)$/;

/** A public DNS name in lower-case ASCII with at least two labels: no address, no port, no trailing dot. */
export const isHostName = (text: string): boolean => HOST_NAME.test(text) && !PRIVATE_SUFFIX.test(text);

export const isLoopbackName = (name: string): boolean =>
  name === "localhost" || name === "127.0.0.1" || (HOST_NAME.test(name) && name.endsWith(".localhost"));

/** Of the local start only: a loopback name with an optional port. */
export const isLoopbackHost = (host: string): boolean => {
  const [, name = "", port = "1"] = /^([a-z0-9.-]+?)(?::([1-9]\d{0,4}))?$/.exec(host) ?? [];
  return isLoopbackName(name) && Number(port) <= 65_535;
};

/** `https://` and a public name on the default port, spelled as browsers spell it; locally also http on loopback. */
export function isUpstreamOrigin(text: string, allowsLoopback: boolean): boolean {
  if (text.length > 300 || !URL.canParse(text)) return false;
  const url = new URL(text);
  if (url.origin !== text) return false;
  if (url.protocol === "https:" && url.port === "" && isHostName(url.hostname)) return true;
  return allowsLoopback && ["http:", "https:"].includes(url.protocol) && isLoopbackHost(url.host);
}

/** What no path may hold, on its way in or in a list: what servers, caches and filters read differently. */
const AMBIGUOUS = /[\\;]|\/\/|%(?:2f|5c|25|3b|[01][0-9a-f]|7f)|%(?![0-9a-f]{2})/i;
const PATH = /^\/[A-Za-z0-9._~!$&'()*+,=:@%/-]*$/;

/** A path that everybody takes for the same one. As the URL parser leaves it: dot segments are gone. */
export const isPlainPath = (path: string): boolean =>
  PATH.test(path) && !AMBIGUOUS.test(path) && !path.split("/").some((part) => /^(?:\.|%2e){1,2}$/i.test(part));

/** Our own pages on every portal host; no upstream has paths here. */
export const OWN_PREFIX = "/.ringfare";

export const isUnder = (path: string, prefix: string): boolean => {
  const stem = prefix.endsWith("/") ? prefix.slice(0, -1) : prefix;
  return path === prefix || path === stem || path.startsWith(`${stem}/`);
};

export const isPathPrefix = (text: string): boolean =>
  text.length <= 200 &&
  isPlainPath(text) &&
  !isUnder(text, OWN_PREFIX) &&
  new URL(text, "https://x.test").pathname === text;

/** `https://host`, `https://*.host` or, to connect to, `wss://…`: nothing that could end a directive or mean "all". */
export function isCspSource(text: string, kind: keyof CspSources, allowsLoopback: boolean): boolean {
  const [, scheme = "", wild = "", host = ""] = /^(https?|wss?):\/\/(\*\.)?([a-z0-9.:-]+)$/.exec(text) ?? [];
  if (scheme.startsWith("ws") && kind !== "connect") return false;
  if (["https", "wss"].includes(scheme) && isHostName(host)) return wild === "" || host.split(".").length >= 2;
  return allowsLoopback && wild === "" && isLoopbackHost(host);
}
