/**
 * Linphone's remote provisioning (lpconfig.xsd). It asks again at every start and only then.
 * `ha1` and never `passwd`: Linphone 5.1 keeps the ha1 of an older password and would go on using it.
 * `misc/config-uri` moves from the link, which ends, to the device's address, which lasts.
 */
import { hostPort, type SoftphoneAccount, type SoftphoneFormat, userAgentIs, XML } from "./softphone.ts";
import { element, textElement, XML_HEAD } from "./xml.ts";

const NAMESPACE = "http://www.linphone.org/xsds/lpconfig.xsd";

/** Version 5.1 calls itself `Unknown` while it fetches, and sends no header of its own. No crawler does. */
const isLinphone = userAgentIs(/linphone|^Unknown$/i);

/** Without `overwrite` a value that is there already stays. */
const section = (name: string, entries: Readonly<Record<string, string | number>>): string =>
  element(
    "section",
    Object.entries(entries).map(([key, value]) => textElement("entry", value, { name: key, overwrite: "true" })),
    { name },
  );

/** A quoted string of SIP (RFC 3261 section 25.1). */
const quoted = (text: string): string => `"${text.replaceAll(/["\\]/g, String.raw`\$&`)}"`;

const render = ({ user, domain, realm, server, digest, displayName, ...account }: SoftphoneAccount) => ({
  contentType: XML,
  text:
    XML_HEAD +
    element(
      "config",
      [
        section("proxy_0", {
          reg_identity: `${quoted(displayName)} <sip:${user}@${domain}>`,
          reg_proxy: `<sip:${hostPort(server)};transport=${server.transport}>`,
          reg_expires: account.registerExpiresSeconds,
          reg_sendregister: 1,
          realm,
        }),
        section("auth_info_0", {
          username: user,
          userid: digest.username,
          ha1: digest.ha1,
          passwd: "",
          algorithm: digest.algorithm,
          realm,
          domain,
        }),
        section("sip", { default_proxy: 0 }),
        section("misc", { "config-uri": account.deviceUrl }),
      ],
      { xmlns: NAMESPACE },
    ) +
    "\n",
});

export const linphone: SoftphoneFormat = {
  name: "Linphone",
  refetch: "start",
  isItself: (headers) => isLinphone(headers) || headers.get("X-Linphone-Provisioning") !== null,
  render,
  appLink: (link) => `linphone-config:${link}`,
};
