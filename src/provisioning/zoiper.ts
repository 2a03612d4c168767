/** Zoiper's token provisioning: an `<options>` document, fetched once when the QR code is read. */
import { type SoftphoneAccount, type SoftphoneFormat, userAgentIs, XML } from "./softphone.ts";
import { element, textElement, XML_HEAD } from "./xml.ts";

const render = ({ user, digest }: SoftphoneAccount) => ({
  contentType: XML,
  text: `${XML_HEAD}${element("options", [
    element("accounts", [
      element("account", [
        textElement("username", user),
        textElement("password", digest.password),
        textElement("authentication_username", digest.username),
      ]),
    ]),
  ])}\n`,
});

export const zoiper: SoftphoneFormat = {
  name: "Zoiper",
  refetch: "never",
  isItself: userAgentIs(/zoiper/i),
  render,
};
