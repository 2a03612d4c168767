/** One card on this device: redeem, come back after a reload, refresh, sign out. Knows the service, no DOM. */
import { err, ok, type Result } from "../domain/result.ts";
import { type AccessDeps, createAccess, endsSession } from "./access.ts";
import {
  type Branding,
  type CardFacts,
  type Fields,
  fieldsOf,
  readBranding,
  readCard,
  readPortal,
  readSip,
  readTokens,
  type SipAccount,
} from "./answers.ts";
import { localProblem, type Problem } from "./api.ts";
import { deviceIdOf, serialiseSession, SESSION_KEY } from "./stored.ts";

export type CardView = {
  readonly card: CardFacts;
  readonly sip: SipAccount | null;
  readonly branding: Branding | null;
  readonly portal: string | null;
};

export function createSession(deps: AccessDeps & { readonly deviceName: string }) {
  const { send, store } = deps;
  const access = createAccess(deps);
  const { stored } = access;

  async function redeem(code: string): Promise<Result<CardView, Problem>> {
    const device = { id: deviceIdOf(store), name: deps.deviceName, platform: "web" };
    const answer = await send({ method: "POST", path: "/v1/redeem", body: { code, device } });
    if (!answer.ok) return answer;
    const { branding: brand, provisioning, tokens: given } = fieldsOf(answer.value);
    const [card, tokens, branding] = [readCard(answer.value), readTokens(given), readBranding(brand)];
    if (!card || !tokens) return err(localProblem("unreadable"));
    access.keep(tokens, branding);
    return ok({ card, branding, sip: readSip(provisioning), portal: readPortal(answer.value) });
  }

  /** The card as it is now, without its SIP account: that is `renewSip`'s. */
  async function look(): Promise<Result<Omit<CardView, "sip">, Problem>> {
    const answer = await access.call({ method: "GET", path: "/v1/me" });
    if (!answer.ok) return answer;
    const card = readCard(answer.value);
    if (!card) return err(localProblem("unreadable"));
    const branding = await brandOf(fieldsOf(fieldsOf(answer.value)["brand"]));
    return ok({ card, branding, portal: readPortal(answer.value) });
  }

  /** The kept brand while it is current; a newer version is fetched, and its absence leaves the kept one. */
  async function brandOf({ brand, version }: Fields): Promise<Branding | null> {
    const kept = stored()?.branding ?? null;
    const isCurrent = kept?.brand === brand && kept?.version === version;
    if (isCurrent || typeof brand !== "string") return kept;
    const answer = await send({ method: "GET", path: `/v1/brands/${encodeURIComponent(brand)}/manifest` });
    const branding = answer.ok ? readBranding(answer.value) : null;
    const session = stored();
    if (branding && session) store.setItem(SESSION_KEY, serialiseSession({ ...session, branding }));
    return branding ?? kept;
  }

  /** `null`: the card has no SIP account, as expired ones. */
  async function renewSip(): Promise<Result<SipAccount | null, Problem>> {
    const answer = await access.call({ method: "POST", path: "/v1/me/sip-credentials" });
    if (answer.ok) return ok(readSip(answer.value));
    return answer.error.code === "card_expired" ? ok(null) : answer;
  }

  /** Where this card's credit is topped up, signed in; the address works once and for a minute. */
  async function openPortal(): Promise<Result<string, Problem>> {
    const answer = await access.call({ method: "POST", path: "/v1/me/portal-session" });
    if (!answer.ok) return answer;
    const url = readPortal({ portal: answer.value });
    return url === null ? err(localProblem("unreadable")) : ok(url);
  }

  /** For the live channel; null = none can be had now. */
  async function token(): Promise<string | null> {
    const valid = await access.token();
    return valid.ok ? valid.value : null;
  }

  async function restore(): Promise<Result<CardView, Problem>> {
    const [seen, sip] = await Promise.all([look(), renewSip()]);
    if (!seen.ok) return seen;
    if (!sip.ok && endsSession(sip.error)) return sip;
    return ok({ ...seen.value, sip: sip.ok ? sip.value : null });
  }

  async function signOut(): Promise<Result<null, Problem>> {
    const answer = await access.call({ method: "DELETE", path: "/v1/me/device" });
    if (!answer.ok && !endsSession(answer.error)) return answer;
    access.forget();
    return ok(null);
  }

  return { redeem, restore, look, renewSip, openPortal, signOut, stored, token };
}

export type Session = ReturnType<typeof createSession>;
