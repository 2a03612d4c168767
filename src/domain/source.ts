/**
 * The source that failed attempts are counted against: an IPv4 address, or an IPv6 /64 (one subscriber's network).
 * Pure. The source is what is slowed down, never the card: a stranger must not be able to lock somebody's card.
 */

const UNKNOWN = "unknown";

/** Canonical key of a client address; IPv4-mapped addresses count as IPv4. */
export function sourceOf(address: string | null): string {
  const text = (address ?? "").trim().toLowerCase();
  const mapped = /^(?:::ffff:)?(\d{1,3}(?:\.\d{1,3}){3})$/.exec(text);
  if (mapped?.[1]) return mapped[1];
  const network = text.includes(":") ? ipv6Network(text.split("%")[0] ?? "") : undefined;
  return network ?? UNKNOWN;
}

/** The first four of eight groups, without leading zeros; undefined when the text is no IPv6 address. */
function ipv6Network(text: string): string | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const [head = [], tail = []] = halves.map((half) => (half === "" ? [] : half.split(":")));
  const missing = 8 - head.length - tail.length;
  const groups =
    halves.length === 2 ? [...head, ...Array.from({ length: Math.max(missing, 0) }, () => "0"), ...tail] : head;
  const isAddress = groups.length === 8 && groups.every((group) => /^[0-9a-f]{1,4}$/.test(group));
  return isAddress
    ? `${groups
        .slice(0, 4)
        .map((group) => Number.parseInt(group, 16).toString(16))
        .join(":")}::/64`
    : undefined;
}
