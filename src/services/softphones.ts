/**
 * Existing softphones on a card: a link made by a signed-in device, the softphone's account, and its lasting address.
 * The softphone's device is made with the link, so fetching changes nothing of the card.
 */
import { sha256Hex } from "../auth/sha256.ts";
import type { AddressKind, SoftphoneAddress } from "../auth/softphone-addresses.ts";
import type { CardCall } from "../domain/card.ts";
import type { CardView, DeviceClaim } from "../domain/card-calls.ts";
import { toBase64Url } from "../domain/encoding.ts";
import { invalidField, refuse, type Refusal } from "../domain/errors.ts";
import type { Profile } from "../domain/profile.ts";
import { err, ok, type Result } from "../domain/result.ts";
import { formatSerial, formatSipUser } from "../domain/serial.ts";
import type { CatalogueTerms } from "../domain/terms.ts";
import { DAY_MS, SECOND_MS, toRfc3339 } from "../domain/time.ts";
import { FORMAT_IDS, FORMATS, type FormatId } from "../provisioning/registry.ts";
import { parseServer, type SoftphoneAccount } from "../provisioning/softphone.ts";
import { brandOf, cardCall } from "./redeem.ts";
import type { Services } from "./services.ts";

const LINK_SECONDS = 600;
const LINK_ID_BYTES = 16;

/** A softphone that has proved its address, and the card it is on. */
export type Softphone = {
  readonly call: CardCall;
  readonly terms: CatalogueTerms;
  readonly view: CardView;
  readonly claim: DeviceClaim;
  readonly format: FormatId;
};

export type MadeLink = { readonly softphone: Softphone; readonly token: string; readonly endsAtMs: number };

/** Makes the softphone a device in its linker's seat; the linker stays, without calls. The softphone before it goes. */
export async function makeLink(
  services: Pick<Services, "cards" | "softphoneAddresses" | "now">,
  { call, terms, claim }: Pick<Softphone, "call" | "terms" | "claim">,
  format: FormatId,
): Promise<Result<MadeLink, Refusal>> {
  const refusal = formatRefusal(terms.profile, format);
  if (refusal) return err(refusal);
  const id = toBase64Url(crypto.getRandomValues(new Uint8Array(LINK_ID_BYTES)));
  const serial = formatSerial({ batch: call.terms.number, card: call.card });
  const idHash = await sha256Hex(`ringfare softphone\0${serial}\0${id}`);
  const { name } = FORMATS[format];
  const made = await services.cards.call(call, (card) =>
    card.link(call, claim, { idHash, name, platform: "softphone" }),
  );
  if (!made.ok) return made;
  const { card: view, refresh } = made.value;
  const softphone = { call, terms, view, format, claim: { device: refresh.device, family: refresh.family } };
  const endsAtMs = services.now() + LINK_SECONDS * SECOND_MS;
  return ok({ softphone, token: await addressOf(services, "link", softphone, endsAtMs), endsAtMs });
}

/** A format that never asks again gets a pair that lives for days, and only where the profile says so. */
const formatRefusal = (profile: Profile | null, format: FormatId): Refusal | null =>
  FORMATS[format].refetch === "never" && (profile?.credentials.longLivedDays ?? null) === null
    ? invalidField(
        "/format",
        `${FORMATS[format].name} never asks for its account again, and this card's profile allows no long-lived pairs.`,
      )
    : null;

const addressOf = (
  { softphoneAddresses }: Pick<Services, "softphoneAddresses">,
  kind: AddressKind,
  { call, claim, format }: Pick<Softphone, "call" | "claim" | "format">,
  endsAtMs = 0,
): Promise<string> =>
  softphoneAddresses.issue(kind, {
    batch: call.terms.number,
    card: call.card,
    ...claim,
    format: FORMAT_IDS.indexOf(format),
    endsAtSeconds: Math.floor(endsAtMs / SECOND_MS),
  });

/** Reads an address without asking the card; undefined = it was not made here. */
async function openAddress(
  { softphoneAddresses }: Pick<Services, "softphoneAddresses">,
  kind: AddressKind,
  token: string,
): Promise<(SoftphoneAddress & { readonly formatId: FormatId }) | undefined> {
  const address = await softphoneAddresses.open(kind, token);
  const formatId = address && FORMAT_IDS[address.format];
  return address && formatId && { ...address, formatId };
}

/** The softphone of an address, of this format if one is named. `link_expired` for a link whose time is over, or that was fetched often enough. */
export async function findSoftphone(
  services: Pick<Services, "cards" | "catalogue" | "now" | "softphoneAddresses">,
  kind: AddressKind,
  token: string,
  format?: FormatId,
): Promise<Result<Softphone, Refusal>> {
  const address = await openAddress(services, kind, token);
  if (format !== undefined && address?.formatId !== format) return err(refuse("not_found"));
  const terms = address && (await services.catalogue.terms(address.batch));
  if (!address || !terms || address.card > terms.batch.quantity) return err(refuse("not_found"));
  if (kind === "link" && services.now() > address.endsAtSeconds * SECOND_MS) return err(refuse("link_expired"));
  const call = cardCall(terms, address.card);
  const claim = { device: address.device, family: address.family };
  const found = await services.cards.call(call, (card) =>
    kind === "link" ? card.fetchLink(call, claim) : card.holder(call, claim),
  );
  return found.ok ? ok({ call, terms, claim, format: address.formatId, view: found.value }) : found;
}

/** The account with credentials made now, and the address it lasts under. */
export async function accountOf(
  services: Pick<Services, "catalogue" | "credentials" | "now" | "softphoneAddresses">,
  publicOrigin: string,
  softphone: Softphone,
): Promise<Result<SoftphoneAccount, Refusal>> {
  const { call, terms, view, claim, format } = softphone;
  const { trunk, profile } = terms;
  const nowMs = services.now();
  const seat = view.devices.find(({ number }) => number === claim.device);
  const [brand, provisioning, deviceToken] = await Promise.all([
    brandOf(services.catalogue, terms),
    services.credentials.provision({
      trunk,
      profile: profile && withSoftphoneLifetime(profile, format),
      partner: call.terms.partner,
      sipUser: formatSipUser(formatSerial({ batch: call.terms.number, card: call.card }), claim.device),
      mayCall: view.status === "active" && seat?.sipSeat === true,
      cardEndsAtMs: view.expiresAtMs,
      nowMs,
    }),
    addressOf(services, "device", softphone),
  ]);
  const digest = provisioning.credentials.find((credential) => credential.type === "digest");
  const bearer = provisioning.credentials.find((credential) => credential.type === "bearer");
  if (view.status === "expired") return err(refuse("card_expired"));
  if (!trunk || !profile || !digest) return err(refuse("try_again", "There is no SIP server for this card just now."));
  const deviceUrl = `${publicOrigin}/d/${deviceToken}`;
  return ok({
    title: brand.name,
    displayName: brand.name,
    user: provisioning.sipUser,
    domain: trunk.domain,
    realm: trunk.realm,
    server: parseServer(trunk.proxies[0], trunk.domain),
    webSockets: trunk.webSockets,
    registerExpiresSeconds: profile.registerExpiresSeconds,
    codecs: profile.codecs,
    digest: { ...digest, expiresAt: toRfc3339(digest.expiresAtMs) },
    bearer: bearer ?? null,
    iceServers: provisioning.iceServers,
    deviceUrl,
    deviceToken,
    balanceUrl: `${deviceUrl}/balance`,
  });
}

/** A softphone asks less often than our own apps, so its pair lives longer: until the next start, or for days. */
function withSoftphoneLifetime(profile: Profile, format: FormatId): Profile {
  const { softphoneDigestSeconds, longLivedDays } = profile.credentials;
  const isLongLived = FORMATS[format].refetch === "never" && longLivedDays !== null;
  const digestSeconds = isLongLived ? (longLivedDays * DAY_MS) / SECOND_MS : softphoneDigestSeconds;
  return { ...profile, credentials: { ...profile.credentials, digestSeconds } };
}
