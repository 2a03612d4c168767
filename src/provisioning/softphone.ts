/** What every softphone format is made of. Pure: a format turns an account into the text its softphone reads. */

/** A SIP server as a URI names it. */
export type SipServer = {
  readonly host: string;
  readonly port: number | null;
  readonly transport: "udp" | "tcp" | "tls";
};

/** One softphone's place on a card, with credentials made for this answer. */
export type SoftphoneAccount = {
  /** What the account is called: the brand. */
  readonly title: string;
  readonly displayName: string;
  /** `<serial>.<device number>`: the user of the address. The digest user carries an expiry and is another. */
  readonly user: string;
  readonly domain: string;
  readonly realm: string;
  readonly server: SipServer;
  readonly webSockets: readonly string[];
  readonly registerExpiresSeconds: number;
  readonly codecs: readonly string[];
  readonly digest: {
    readonly username: string;
    readonly password: string;
    readonly ha1: string;
    readonly algorithm: "MD5" | "SHA-256";
    readonly expiresAt: string;
    readonly expiresInSeconds: number;
  };
  readonly bearer: { readonly token: string; readonly expiresInSeconds: number } | null;
  readonly iceServers: readonly {
    readonly urls: readonly string[];
    readonly username: string;
    readonly credential: string;
  }[];
  /** The lasting address of this softphone's account, and its secret alone. */
  readonly deviceUrl: string;
  readonly deviceToken: string;
  readonly balanceUrl: string;
};

/**
 * When a softphone asks for its account again by itself: at its start, at an interval we tell it, whenever it comes to
 * the foreground, or never. What never asks again needs a pair that lives long, so the profile must allow one.
 */
export type Refetch = "start" | "interval" | "foreground" | "never";

export type Rendered = { readonly contentType: string; readonly text: string };

export type SoftphoneFormat = {
  readonly name: string;
  readonly refetch: Refetch;
  /** Whether this request comes from the softphone itself, and from no browser, preview or crawler. */
  readonly isItself: (headers: { readonly get: (name: string) => string | null }) => boolean;
  readonly render: (account: SoftphoneAccount) => Rendered;
  /** Opens the softphone with a link; absent = it has no such address. */
  readonly appLink?: (link: string) => string;
  /** The QR code holds the account itself, because the softphone fetches nothing. */
  readonly qrHoldsAccount?: true;
  /** How it wants to be told that there is no account. Absent = a problem. */
  readonly failure?: (message: string) => Rendered & { readonly status?: 200 };
};

export const XML = "application/xml; charset=utf-8";
export const JSON_TYPE = "application/json; charset=utf-8";

export const userAgentIs =
  (pattern: RegExp): SoftphoneFormat["isItself"] =>
  (headers) =>
    pattern.test(headers.get("User-Agent") ?? "");

/** `sip:edge1.acme.example:5061;transport=tls`. sips: is TLS (RFC 3261 section 26.2.2). A domain alone is its own server. */
export function parseServer(uri: string | undefined, domain: string): SipServer {
  const match = /^(sips?):(?:[^@;?]*@)?(\[[^\]]+\]|[^:;?]+)(?::(\d{1,5}))?(?:;([^?]*))?/i.exec(uri ?? `sip:${domain}`);
  const [, scheme = "sip", host = domain, port, parameters = ""] = match ?? [];
  const named = /(?:^|;)transport=(udp|tcp|tls)(?:;|$)/i.exec(parameters)?.[1]?.toLowerCase();
  const transport = scheme.toLowerCase() === "sips" ? "tls" : ((named ?? "udp") as SipServer["transport"]);
  return { host, port: port === undefined ? null : Number(port), transport };
}

export const hostPort = ({ host, port }: SipServer): string => (port === null ? host : `${host}:${port}`);
