/**
 * Where webhooks may go: a public https address by name. A partner must not make this service call itself, machines of
 * the operator, or anything else that an address on the internet does not name. Pure.
 */
import { err, ok, type Result } from "./result.ts";

export type AddressRules = {
  /** Hosts of this deployment; they and what is below them are refused. */
  readonly ownHosts: readonly string[];
  /** The local start: a receiver on the same machine may be plain http, on any port. */
  readonly allowsLoopback: boolean;
};

const MAX_LENGTH = 2048;
/** Printable ASCII: the parser would drop tabs and turn backslashes into slashes. */
const PLAIN = /^[\x21-\x5b\x5d-\x7e]+$/;
/** A name with at least two labels, the last of which is no number: the parser has made dotted quads of all IPv4 forms. */
const PUBLIC_NAME = /^(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
/** Names that no public resolver answers, or only for the machine itself (RFC 6761, 6762, 7686, 8375, ICANN's .internal). */
const PRIVATE_SUFFIXES = [
  "localhost",
  "local",
  "internal",
  "home.arpa",
  "lan",
  "onion",
  "localdomain",
  "intranet",
  "corp",
];
const LOOPBACK = new Set(["127.0.0.1", "localhost", "[::1]"]);

const isWithin = (host: string, domain: string): boolean => host === domain || host.endsWith(`.${domain}`);

/** The address in its one spelling, or a sentence about what is wrong with it. */
export function webhookAddress(text: string, { ownHosts, allowsLoopback }: AddressRules): Result<string, string> {
  if (text.length > MAX_LENGTH) return err(`At most ${MAX_LENGTH} characters.`);
  if (!PLAIN.test(text) || !URL.canParse(text)) return err("An https URL.");
  const url = new URL(text);
  if (url.username !== "" || url.password !== "" || /^[a-z]+:\/\/[^/?#]*@/i.test(text))
    return err("No user and no password.");
  if (text.includes("#")) return err("No fragment.");
  if (allowsLoopback && LOOPBACK.has(url.hostname) && ["http:", "https:"].includes(url.protocol)) {
    return ownHosts.includes(url.host) ? err("Not an address of this service.") : ok(url.href);
  }
  if (url.protocol !== "https:") return err("An https URL.");
  if (url.port !== "") return err("The standard port of https only.");
  const host = url.hostname;
  if (!PUBLIC_NAME.test(host) || PRIVATE_SUFFIXES.some((suffix) => isWithin(host, suffix)))
    return err("A public host name; no address in digits and no private name.");
  return ownHosts.some((own) => isWithin(host, own)) ? err("Not an address of this service.") : ok(url.href);
}
