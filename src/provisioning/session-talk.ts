/** SessionTalk's JSON. It asks at its start and whenever it comes to the foreground: the best fit for short pairs. */
import { JSON_TYPE, type SoftphoneAccount, type SoftphoneFormat, userAgentIs } from "./softphone.ts";

const answer = (body: object) => ({ contentType: JSON_TYPE, text: JSON.stringify(body) });

const render = ({ user, domain, server, digest }: SoftphoneAccount) =>
  answer({
    update: true,
    sipaccounts: [
      {
        sipusername: user,
        sippassword: digest.password,
        authusername: digest.username,
        subdomain: domain,
        transport: server.transport.toUpperCase(),
        srtp: server.transport === "tls" ? "enabled" : "disabled",
        messaging: "disabled",
        video: "disabled",
        callrecording: "disabled",
      },
    ],
    errmsg: "",
  });

export const sessionTalk: SoftphoneFormat = {
  name: "SessionTalk",
  refetch: "foreground",
  isItself: userAgentIs(/session ?(?:talk|chat|cloud)/i),
  render,
  failure: (message) => ({ ...answer({ update: false, sipaccounts: [], errmsg: message }), status: 200 }),
};
