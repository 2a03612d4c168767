/** Which hosts are portals, and where a card's portal is. Pure. */
import type { Brand } from "../domain/branding.ts";
import { isHostName, isLoopbackHost, OWN_PREFIX } from "../domain/portal.ts";

/** Of the configuration, what this needs. */
type Setting = { readonly portalDomain: string | null; readonly publicOrigin: string; readonly isLocal: boolean };

/** The scheme and port of the API: locally http and the port of the start. */
export function portalOrigin({ publicOrigin }: Pick<Setting, "publicOrigin">, name: string): string {
  const { protocol, port } = new URL(publicOrigin);
  return `${protocol}//${name}${port === "" ? "" : `:${port}`}`;
}

/** What a Host header names: a brand by its id, or by a name of its own. */
export type PortalName = { readonly brand: string } | { readonly host: string };

export function portalNameOf(setting: Setting, hostHeader: string): PortalName | undefined {
  const { port } = new URL(setting.publicOrigin);
  const ending = port === "" ? "" : `:${port}`;
  if (setting.portalDomain === null || !hostHeader.endsWith(ending)) return undefined;
  const name = hostHeader.slice(0, hostHeader.length - ending.length);
  if (name.endsWith(`.${setting.portalDomain}`)) {
    const brand = name.slice(0, -setting.portalDomain.length - 1);
    return /^[a-z][a-z0-9-]{0,30}[a-z0-9]$/.test(brand) ? { brand } : undefined;
  }
  return isOwnHost(setting, name) ? { host: name } : undefined;
}

/** A name a brand may have for itself: nobody's API, and not below the portals' own domain. */
export function isOwnHost({ portalDomain, publicOrigin, isLocal }: Setting, name: string): boolean {
  const isName =
    isHostName(name) || (isLocal && !name.includes(":") && name.endsWith(".localhost") && isLoopbackHost(name));
  const isPortals = portalDomain !== null && (name === portalDomain || name.endsWith(`.${portalDomain}`));
  return isName && !isPortals && name !== new URL(publicOrigin).hostname;
}

/** Whether an upstream would be one of our own hosts: the portal would then fetch itself, or the API. */
export function isOurs(setting: Setting, origin: string): boolean {
  const { hostname, host } = new URL(origin);
  const { portalDomain, publicOrigin, isLocal } = setting;
  const api = new URL(publicOrigin);
  const isApi = isLocal ? api.port === new URL(origin).port : hostname === api.hostname;
  return (
    isApi ||
    host === api.host ||
    (portalDomain !== null && (hostname === portalDomain || hostname.endsWith(`.${portalDomain}`)))
  );
}

/** The origin of a brand's portal; null = it has none, and the built-in page serves its cards. */
export function brandOrigin(setting: Setting, { brand, portal }: Pick<Brand, "brand" | "portal">): string | null {
  if (setting.portalDomain === null || !portal) return null;
  return portalOrigin(setting, portal.hosts[0] ?? `${brand}.${setting.portalDomain}`);
}

/** Where a card's holder finds its portal, and where a ticket is handed over. */
export const portalUrl = (setting: Setting, brand: Pick<Brand, "brand" | "portal">): string =>
  `${brandOrigin(setting, brand) ?? setting.publicOrigin}/`;

export const OPEN_PATH = `${OWN_PREFIX}/open`;
