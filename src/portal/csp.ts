/**
 * Content-Security-Policy of portal pages: ours, plus what the brand lists, and the upstream's own beside it. Pure.
 * Browsers enforce every policy they are given, so the upstream's can only make it stricter.
 */
import type { BrandPortal } from "../domain/portal.ts";

const MAX_POLICY_LENGTH = 8192;

/** What our bar on the page loads; a policy of the upstream may not know it. */
export type BarSources = { readonly style: string; readonly image: string; readonly form: string };

const list = (...sources: readonly string[]): string => sources.join(" ");

export function portalPolicy(
  { csp, exitHosts }: Pick<BrandPortal, "csp" | "exitHosts">,
  allowsLoopback: boolean,
): string {
  const exits = exitHosts.flatMap((host) => [`https://${host}`, ...(allowsLoopback ? [`http://${host}`] : [])]);
  return [
    "default-src 'self'",
    list("script-src 'self' 'unsafe-inline' 'unsafe-eval'", ...csp.script),
    list("style-src 'self' 'unsafe-inline'", ...csp.script),
    "img-src 'self' data: blob: https:",
    "font-src 'self' data: https:",
    "media-src 'self' blob:",
    list("connect-src 'self'", ...csp.connect),
    list("frame-src 'self'", ...csp.frame),
    list("form-action 'self'", ...csp.form, ...exits),
    "worker-src 'self' blob:",
    "manifest-src 'self'",
    "object-src 'none'",
    "base-uri 'self'",
    "frame-ancestors 'self'",
  ].join("; ");
}

/** Directives that report to others, or change the scheme of our own host. */
const DROPPED = /^(?:report-uri|report-to|upgrade-insecure-requests|block-all-mixed-content|plugin-types|referrer)$/;

/**
 * The upstream's policies for its pages on the portal's host: its own origin means that host there, and our bar may load.
 * One that is too long or unreadable becomes the strictest there is: its author wanted less to run, not more.
 */
export function policiesOfUpstream(
  header: string | null,
  { upstream, ownOrigin, bar }: { upstream: string; ownOrigin: string; bar: BarSources },
): string[] {
  if (header === null || header.trim() === "") return [];
  if (header.length > MAX_POLICY_LENGTH || /[^\x20-\x7e]/.test(header)) return ["default-src 'none'"];
  const host = new URL(upstream).host;
  const mapped = (source: string): string => {
    const [, origin = "", rest = ""] = /^((?:[a-z]+:\/\/)?[^/]+)(.*)$/i.exec(source) ?? [];
    const isSelf = [upstream, host, `http://${host}`].includes(origin.toLowerCase());
    return isSelf ? `${ownOrigin}${rest}` : source;
  };
  return header.split(",").flatMap((policy) => {
    const directives = new Map<string, string[]>();
    for (const directive of policy.split(";")) {
      const [name = "", ...sources] = directive.trim().split(/\s+/);
      const key = name.toLowerCase();
      if (/^[a-z-]+$/.test(key) && !DROPPED.test(key) && !directives.has(key)) directives.set(key, sources.map(mapped));
    }
    for (const [name, source] of [
      ["style-src", bar.style],
      ["style-src-elem", bar.style],
      ["img-src", bar.image],
      ["form-action", bar.form],
    ] as const)
      allow(directives, name, source);
    return directives.size === 0
      ? []
      : [Array.from(directives, ([name, sources]) => [name, ...sources].join(" ")).join("; ")];
  });
}

/** Adds one source where the directive, or the one it falls back to, would keep it out. */
function allow(directives: Map<string, string[]>, name: string, source: string): void {
  const fallback = name === "style-src" || name === "img-src" ? directives.get("default-src") : undefined;
  const sources = directives.get(name) ?? fallback;
  if (sources) directives.set(name, [...sources.filter((one) => one.toLowerCase() !== "'none'"), source]);
}
