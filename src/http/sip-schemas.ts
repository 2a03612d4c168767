/** Wire schemas of the SIP side: hosts, URIs, prefixes. Written by operators and partners, sent to telephones as they are. */
import { z } from "@hono/zod-openapi";

const MAX_HOST_LENGTH = 253;
const MAX_URI_LENGTH = 256;
const MAX_URIS = 10;

const HOST_LABEL = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?";
const HOST = new RegExp(`^${HOST_LABEL}(?:\\.${HOST_LABEL})*$`);

/** What a URI may hold (RFC 3986): no spaces, control characters, quotes, angle brackets or backslashes. */
const URI_TEXT = "[!#$%&'()*+,./0-9:;=?@A-Z\\[\\]_a-z~-]";
const SIP_URI = new RegExp(`^sips?:[A-Za-z0-9\\[]${URI_TEXT}*$`);
const WEB_SOCKET_URI = new RegExp(`^wss?://[A-Za-z0-9\\[]${URI_TEXT}*$`);
/** RFC 7064 and RFC 7065: no slashes, no user, only a transport. */
const ICE_URI = /^(?:stuns?|turns?):(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?(?:\?transport=(?:udp|tcp))?$/;

export const hostName = z
  .string()
  .max(MAX_HOST_LENGTH)
  .regex(HOST, "A host name in lower case, such as sip.acme.example.")
  .openapi({ example: "sip.acme.example" });

/** A digest realm travels between double quotes. */
export const realm = z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]{1,128}$/, "1 to 128 printable ASCII characters.");

export const sipUri = z
  .string()
  .max(MAX_URI_LENGTH)
  .regex(SIP_URI, "A sip: or sips: URI.")
  .openapi({ example: "sip:edge1.acme.example:5061;transport=tls" });

export const webSocketUri = z
  .string()
  .max(MAX_URI_LENGTH)
  .regex(WEB_SOCKET_URI, "A wss: or ws: URI.")
  .refine(isPlainUrl, "No user, password or fragment.")
  .openapi({ example: "wss://edge1.acme.example/ws" });

export const iceUri = z
  .string()
  .max(MAX_URI_LENGTH)
  .regex(ICE_URI, "A stun:, turn: or turns: URI.")
  .openapi({ example: "turn:turn.acme.example:3478?transport=udp" });

function isPlainUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { username, password } = new URL(text);
  return username === "" && password === "" && !text.includes("#");
}

export const listOf = <T extends z.ZodType<string>>(uri: T, least = 0) =>
  z.array(uri).min(least).max(MAX_URIS).refine(isDistinct, "Each one once.");

export function isDistinct(items: readonly string[]): boolean {
  return new Set(items).size === items.length;
}

/** An HMAC key that SIP and TURN servers share with us. Its characters are the key's bytes. */
export const sharedSecret = z
  .string()
  .regex(/^[\x20-\x7e]{16,256}$/, "16 to 256 printable ASCII characters.")
  .openapi({ description: "Write-only. Left out, the stored one stays.", writeOnly: true });

/** `+` with 0 to 15 digits (`+` alone is everything), or 1 to 16 of `0-9*#`. */
export const dialPrefix = z
  .string()
  .regex(/^(?:\+\d{0,15}|[0-9*#]{1,16})$/, "+ with 0 to 15 digits, or 1 to 16 of 0-9 * #.");
