/**
 * What may pass between a portal host and its upstream, decided from plain facts. Pure: no I/O, no clock.
 * The upstream's origin is a constant of the brand. Nothing of a request or of an answer can name another host.
 */
import { assert } from "../domain/assert.ts";
import { isLoopbackHost, isPlainPath, isUnder, OWN_PREFIX, type BrandPortal } from "../domain/portal.ts";
import { err, ok, type Result } from "../domain/result.ts";

const MAX_TARGET_LENGTH = 8192;
/** What a query may not hold as it is: line ends and what a reader of logs or a second parser could be led by. */
const QUERY = /^(?:\?[\x21-\x7e]*)?$/;

type Place = Pick<BrandPortal, "origin" | "paths">;

/** The first path a visitor may see. */
export const startPath = ({ paths }: Pick<BrandPortal, "paths">): string =>
  paths.some((path) => path === "/") ? "/" : (paths[0] ?? "/");

export const isListed = (portal: Pick<BrandPortal, "paths">, path: string): boolean =>
  isPlainPath(path) && !isUnder(path, OWN_PREFIX) && portal.paths.some((prefix) => isUnder(path, prefix));

/**
 * The address to fetch for a request to `ownOrigin`. `requested` is the request's address or its bare target, read by
 * the URL parser exactly once; what is checked is what is fetched.
 */
export function targetOf(
  portal: Place,
  requested: string,
  ownOrigin: string,
): Result<URL, "bad_request" | "not_found"> {
  if (requested.length > MAX_TARGET_LENGTH || !URL.canParse(requested, ownOrigin)) return err("bad_request");
  const asked = new URL(requested, ownOrigin);
  if (asked.origin !== ownOrigin || asked.username !== "" || asked.password !== "") return err("bad_request");
  if (!isPlainPath(asked.pathname) || !QUERY.test(asked.search)) return err("bad_request");
  if (!isListed(portal, asked.pathname)) return err("not_found");
  const target = new URL(`${portal.origin}${asked.pathname}${asked.search}`);
  // Asserted last, on the very value that is fetched.
  assert(target.origin === portal.origin && target.pathname === asked.pathname, "the target is the upstream's");
  return ok(target);
}

export type Asked = {
  readonly method: string;
  readonly ownOrigin: string;
  readonly origin: string | null;
  readonly upgrade: string | null;
  /** `Sec-Fetch-Site`, `-Mode`, `-Dest`; absent in older browsers and in anything that is none. */
  readonly site: string | null;
  readonly mode: string | null;
  readonly dest: string | null;
  /** The `Service-Worker` header: a script that would stay and see everything after. */
  readonly worker: string | null;
};

export type Verdict = "pass" | "web_socket" | "method" | "worker" | "upgrade" | "foreign" | "posted_back";

/** Whether a request of this kind may be forwarded at all; who asks is another question. */
export function verdictOf(
  portal: Pick<BrandPortal, "methods" | "webSockets" | "exitHosts">,
  asked: Asked,
  allowsLoopback = false,
): Verdict {
  const { method, ownOrigin, origin, upgrade, site, mode } = asked;
  if (asked.worker !== null || asked.dest === "serviceworker") return "worker";
  if (upgrade !== null) {
    const isWanted = portal.webSockets && method === "GET" && upgrade.toLowerCase() === "websocket";
    return !isWanted ? "upgrade" : origin === ownOrigin ? "web_socket" : "foreign";
  }
  const isRead = method === "GET" || method === "HEAD";
  const isNavigation = mode === null || mode === "navigate";
  if (!isRead && !portal.methods.some((listed) => listed === method)) return "method";
  if (!isRead) {
    if (origin === ownOrigin) return "pass";
    const isReturn =
      method === "POST" && isNavigation && origin !== null && isReturnOrigin(portal, origin, allowsLoopback);
    return isReturn ? "posted_back" : "foreign";
  }
  const isElsewhere = site === "cross-site" || site === "same-site";
  return (isElsewhere && !isNavigation) || (origin !== null && origin !== ownOrigin) ? "foreign" : "pass";
}

/** A provider that was left to may come back; some do so from where the browser names no origin. */
const isReturnOrigin = (portal: Pick<BrandPortal, "exitHosts">, origin: string, allowsLoopback: boolean): boolean =>
  origin === "null" || (URL.canParse(origin) && isExit(portal, new URL(origin), allowsLoopback));

function isExit({ exitHosts }: Pick<BrandPortal, "exitHosts">, url: URL, allowsLoopback: boolean): boolean {
  const isHttps = url.protocol === "https:" || (allowsLoopback && url.protocol === "http:" && isLoopbackHost(url.host));
  return isHttps && url.username === "" && url.password === "" && exitHosts.includes(url.host);
}

/** The same site as the upstream, whichever scheme it believes it is served on (it may sit behind its own proxy). */
export function isUpstream({ origin }: Pick<BrandPortal, "origin">, url: URL): boolean {
  const home = new URL(origin);
  return (
    url.origin === origin ||
    (url.protocol === "http:" && url.port === "" && url.hostname === home.hostname && home.port === "")
  );
}

/**
 * Where a redirect of the upstream leads, as the browser is told: a path of the portal, or a listed exit in full.
 * undefined = nowhere it may lead. An exit is for navigations; a script has no business there.
 */
export function locationFor(
  portal: Pick<BrandPortal, "origin" | "exitHosts">,
  location: string,
  { target, isNavigation, allowsLoopback }: { target: URL; isNavigation: boolean; allowsLoopback: boolean },
): string | undefined {
  if (location.length > MAX_TARGET_LENGTH || !URL.canParse(location, target.href)) return undefined;
  const url = new URL(location, target.href);
  if (url.username !== "" || url.password !== "") return undefined;
  if (isUpstream(portal, url))
    return isPlainPath(url.pathname) && !isUnder(url.pathname, OWN_PREFIX)
      ? `${url.pathname}${url.search}${url.hash}`
      : undefined;
  return isNavigation && isExit(portal, url, allowsLoopback) ? url.href : undefined;
}

/**
 * What is left of one of the upstream's own absolute links without scheme and host, letter for letter: pages are in any
 * encoding. undefined for every other link, which stays as it is.
 */
export function ownLink(portal: Pick<BrandPortal, "origin">, link: string): string | undefined {
  const text = link.trim();
  const [, rest] = /^(?:https?:)?[\\/]{2}[^\\/?#]*(.*)$/is.exec(text) ?? [];
  if (rest === undefined || !URL.canParse(text, portal.origin)) return undefined;
  const url = new URL(text, portal.origin);
  // What begins with two slashes would name another host once its own is gone.
  if (!isUpstream(portal, url) || url.username !== "" || /^[\\/]\s*[\\/]/.test(rest)) return undefined;
  return rest.startsWith("/") ? rest : `/${rest.replace(/^\\/, "")}`;
}
