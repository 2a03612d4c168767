/**
 * The source that failed attempts are counted against: an IPv4 address, or an IPv6 /64 (one subscriber's network).
 * Pure. The source is what is slowed down, never the card: a stranger must not be able to lock somebody's card.
 */

const UNKNOWN = "unknown";
const IPV6_GROUPS = 8;
/** RFC 4291 section 2.5.5.2: five groups of zeros and one of ones before an IPv4 address. */
const IPV4_MAPPED = "0:0:0:0:0:ffff";

/** Canonical key of a client address; IPv4-mapped addresses count as IPv4. */
export function sourceOf(address: string | null): string {
  const text = (address ?? "").trim().toLowerCase();
  if (!text.includes(":")) return ipv4Octets(text)?.join(".") ?? UNKNOWN;
  const groups = ipv6Groups(text.split("%")[0] ?? "");
  if (!groups) return UNKNOWN;
  const hex = groups.map((group) => group.toString(16));
  if (hex.slice(0, 6).join(":") !== IPV4_MAPPED) return `${hex.slice(0, 4).join(":")}::/64`;
  return groups
    .slice(6)
    .flatMap((group) => [group >> 8, group & 0xff])
    .join(".");
}

function ipv4Octets(text: string): number[] | undefined {
  const octets = text.split(".");
  const isAddress =
    octets.length === 4 && octets.every((octet) => /^(?:0|[1-9]\d{0,2})$/.test(octet) && Number(octet) < 256);
  return isAddress ? octets.map(Number) : undefined;
}

/** The eight groups; undefined when the text is no IPv6 address. */
function ipv6Groups(text: string): number[] | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const [head = [], tail = []] = halves.map((half) => (half === "" ? [] : half.split(":").flatMap(groupsOf)));
  const missing = IPV6_GROUPS - head.length - tail.length;
  const zeros = halves.length === 2 ? Array.from({ length: Math.max(missing, 1) }, () => 0) : [];
  const groups = [...head, ...zeros, ...tail];
  return groups.length === IPV6_GROUPS && !groups.some(Number.isNaN) ? groups : undefined;
}

/** One group, or the two that a dotted quad stands for. */
function groupsOf(part: string): number[] {
  const [a, b, c, d] = ipv4Octets(part) ?? [];
  if (a !== undefined && b !== undefined && c !== undefined && d !== undefined) return [a * 256 + b, c * 256 + d];
  return [/^[0-9a-f]{1,4}$/.test(part) ? Number.parseInt(part, 16) : Number.NaN];
}
