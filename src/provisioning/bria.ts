/**
 * Bria's provisioning answer (Bria 4 Provisioning Guide): sections in this order, every line ended with CRLF, or it is
 * not read; secrets after [##MEMORY##], which is kept on no disk. It asks at every start.
 */
import { hostPort, type SoftphoneAccount, type SoftphoneFormat, userAgentIs } from "./softphone.ts";

const TEXT = "text/plain; charset=utf-8";

/** A value ends at the next quote or line end; there is no way to write one. */
const plain = (text: string): string => text.replaceAll(/["\p{Cc}]/gu, " ");
const setting = (key: string, value: string | number): string => `proxies:proxy0:${key}="${plain(String(value))}"`;
const lines = (...all: readonly string[]): string => all.map((line) => `${line}\r\n`).join("");

const render = ({ user, domain, server, digest, ...account }: SoftphoneAccount) => ({
  contentType: TEXT,
  text: lines(
    "[DATA]",
    "Success=1",
    "[SETTINGS]",
    setting("username", user),
    setting("authorization_username", digest.username),
    setting("domain", domain),
    setting("display_name", account.displayName),
    setting("account_name", account.title),
    setting("outbound_proxy", hostPort(server)),
    setting("transport", server.transport),
    setting("registration_interval", account.registerExpiresSeconds),
    setting("enabled", 1),
    "[##MEMORY##]",
    setting("password", digest.password),
  ),
});

export const bria: SoftphoneFormat = {
  name: "Bria",
  refetch: "start",
  isItself: userAgentIs(/bria|counterpath|x-lite/i),
  render,
  failure: (message) => ({
    contentType: TEXT,
    text: lines("[DATA]", "Success=0", `Failure="${plain(message)}"`),
    status: 200,
  }),
};
