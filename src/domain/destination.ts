/** Which numbers a profile lets its cards call. Pure: the longest matching prefix decides. */

export type DestinationRules = { readonly allow: readonly string[]; readonly deny: readonly string[] };

/** `+` alone matches every number written with a plus; equal lengths are decided for the caller's safety: denied. */
export function destinationIsAllowed({ allow, deny }: DestinationRules, destination: string): boolean {
  const longest = (prefixes: readonly string[]): number =>
    prefixes.reduce((best, prefix) => (destination.startsWith(prefix) ? Math.max(best, prefix.length) : best), 0);
  return longest(allow) > longest(deny);
}
