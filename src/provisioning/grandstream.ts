/** Grandstream Wave: the QR code is the account. Nothing is ever fetched, so its pair must live long. */
import { hostPort, type SoftphoneAccount, type SoftphoneFormat, userAgentIs, XML } from "./softphone.ts";
import { element, textElement, XML_HEAD } from "./xml.ts";

const render = ({ user, domain, server, digest, ...account }: SoftphoneAccount) => ({
  contentType: XML,
  text: `${XML_HEAD}${element(
    "AccountConfig",
    [
      element("Account", [
        textElement("RegisterServer", domain),
        textElement("OutboundServer", hostPort(server)),
        textElement("UserID", user),
        textElement("AuthID", digest.username),
        textElement("AuthPass", digest.password),
        textElement("AccountName", account.title),
        textElement("DisplayName", account.displayName),
        textElement("RandomPort", 0),
      ]),
    ],
    { version: "1" },
  )}\n`,
});

export const grandstream: SoftphoneFormat = {
  name: "Grandstream Wave",
  refetch: "never",
  isItself: userAgentIs(/grandstream|gs ?wave/i),
  render,
  qrHoldsAccount: true,
};
