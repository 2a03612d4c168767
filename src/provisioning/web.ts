/**
 * JsSIP and SIP.js: their own option names as JSON, for a page that fetches its account. Digest, because a registrar
 * challenges with nothing else; the token is for one that takes it unasked.
 */
import { JSON_TYPE, type SoftphoneAccount, type SoftphoneFormat } from "./softphone.ts";

/** Only a script says that it wants JSON; a browser that follows a link, and a preview, want a page. */
const wantsJson: SoftphoneFormat["isItself"] = (headers) => /^application\/json\b/i.test(headers.get("Accept") ?? "");

const common = ({ digest, deviceUrl }: SoftphoneAccount) => ({
  expiresAt: digest.expiresAt,
  refresh: { url: deviceUrl, inSeconds: Math.max(1, Math.floor(digest.expiresInSeconds / 2)) },
});
const uriOf = ({ user, domain }: SoftphoneAccount): string => `sip:${user}@${domain}`;

export const jssip: SoftphoneFormat = {
  name: "JsSIP",
  refetch: "foreground",
  isItself: wantsJson,
  render: (account) => ({
    contentType: JSON_TYPE,
    text: JSON.stringify({
      webSockets: account.webSockets,
      configuration: {
        uri: uriOf(account),
        display_name: account.displayName,
        authorization_user: account.digest.username,
        password: account.digest.password,
        realm: account.realm,
        register_expires: account.registerExpiresSeconds,
      },
      ...(account.bearer && { bearer: { authorization_jwt: `Bearer ${account.bearer.token}` } }),
      pcConfig: { iceServers: account.iceServers },
      ...common(account),
    }),
  }),
};

export const sipJs: SoftphoneFormat = {
  name: "SIP.js",
  refetch: "foreground",
  isItself: wantsJson,
  render: (account) => ({
    contentType: JSON_TYPE,
    text: JSON.stringify({
      webSockets: account.webSockets,
      userAgentOptions: {
        uri: uriOf(account),
        displayName: account.displayName,
        authorizationUsername: account.digest.username,
        authorizationPassword: account.digest.password,
        sessionDescriptionHandlerFactoryOptions: { peerConnectionConfiguration: { iceServers: account.iceServers } },
      },
      registererOptions: { expires: account.registerExpiresSeconds },
      ...(account.bearer && { bearer: { extraHeaders: [`Authorization: Bearer ${account.bearer.token}`] } }),
      ...common(account),
    }),
  }),
};
