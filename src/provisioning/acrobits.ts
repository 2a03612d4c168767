/**
 * Acrobits' external provisioning (Cloud Softphone, Groundwire): an `<account>` merged over the portal's defaults, or
 * `<error>` with a status that is no success. It asks again at its start and every `extProvInterval` seconds.
 */
import {
  hostPort,
  type SipServer,
  type SoftphoneAccount,
  type SoftphoneFormat,
  userAgentIs,
  XML,
} from "./softphone.ts";
import { element, textElement, XML_HEAD } from "./xml.ts";

/** Half a pair's life, so that one failed attempt is not the end of it. */
const MAX_INTERVAL_SECONDS = 3600;
/** `tls+sip:` is TLS with sip: addresses. */
const TRANSPORTS: Readonly<Record<SipServer["transport"], string>> = { udp: "udp", tcp: "tcp", tls: "tls+sip:" };

const render = ({ digest, server, ...account }: SoftphoneAccount) => {
  const interval = Math.max(60, Math.min(MAX_INTERVAL_SECONDS, Math.floor(digest.expiresInSeconds / 2)));
  const fields: Readonly<Record<string, string | number>> = {
    title: account.title,
    username: account.user,
    authUsername: digest.username,
    password: digest.password,
    userDisplayName: account.displayName,
    host: account.domain,
    proxy: hostPort(server),
    transport: TRANSPORTS[server.transport],
    expires: account.registerExpiresSeconds,
    icm: "push",
    cloud_username: account.user,
    // In place of the code that was typed: the code does not work a second time, this does.
    cloud_password: account.deviceToken,
    extProvUrl: account.deviceUrl,
    extProvInterval: interval,
    genericBalanceCheckUrl: account.balanceUrl,
    balanceCheckIntervalInSeconds: 300,
  };
  const children = Object.entries(fields).map(([name, value]) => textElement(name, value));
  return { contentType: XML, text: `${XML_HEAD}${element("account", children)}\n` };
};

export const acrobits: SoftphoneFormat = {
  name: "Acrobits",
  refetch: "interval",
  isItself: userAgentIs(/acrobits|groundwire|cloud ?softphone/i),
  render,
  failure: (message) => ({
    contentType: XML,
    text: `${XML_HEAD}${element("error", [textElement("message", message)])}\n`,
  }),
};
