/** The tokens and credentials of one device, made for an answer. */
import { z } from "@hono/zod-openapi";
import { thumbprintOf } from "../../auth/dpop.ts";
import { ACCESS_TOKEN_SECONDS } from "../../auth/signing.ts";
import type { CardCall } from "../../domain/card.ts";
import type { CardView, DeviceClaim, Redeemed } from "../../domain/card-calls.ts";
import { formatSipUser } from "../../domain/serial.ts";
import type { CatalogueTerms } from "../../domain/terms.ts";
import type { Provisioning } from "../../services/credentials.ts";
import type { Services } from "../../services/services.ts";
import { serialOf } from "./cards.ts";

export type Tokens = {
  /** `DPoP` when they are bound to the key the device registered (RFC 9449 section 5). */
  readonly tokenType: "Bearer" | "DPoP";
  readonly accessToken: string;
  readonly refreshToken: string;
};

export const tokenType = z.enum(["Bearer", "DPoP"]);

export const tokensSchema = z.object({
  tokenType,
  accessToken: z.string(),
  expiresIn: z.number().int(),
  refreshToken: z.string(),
});

export const tokensWire = (tokens: Tokens) => ({
  expiresIn: ACCESS_TOKEN_SECONDS,
  ...tokens,
});

export async function tokensFor(
  services: Services,
  call: CardCall,
  { refresh, publicKey }: Pick<Redeemed, "refresh" | "publicKey">,
  nowMs: number,
): Promise<Tokens> {
  const card = { batch: call.terms.number, card: call.card };
  const thumbprint = publicKey ? await thumbprintOf(publicKey) : null;
  const [accessToken, refreshToken] = await Promise.all([
    services.signing.accessToken({ ...card, device: refresh.device, family: refresh.family, thumbprint }, nowMs),
    services.refreshTokens.issue({ ...card, ...refresh }),
  ]);
  return { tokenType: thumbprint === null ? "Bearer" : "DPoP", accessToken, refreshToken };
}

type ProvisionFor = {
  readonly call: CardCall;
  readonly terms: CatalogueTerms;
  readonly view: CardView;
  readonly claim: DeviceClaim;
  readonly nowMs: number;
};

/**
 * Only an active card gets credentials: an expired one shows its state and can be topped up. A companion gets none
 * either: the softphone it linked calls in its place.
 */
export const provisionFor = (
  services: Services,
  { call, terms, view, claim, nowMs }: ProvisionFor,
): Promise<Provisioning> =>
  services.credentials.provision({
    trunk: terms.trunk,
    profile: terms.profile,
    partner: call.terms.partner,
    sipUser: formatSipUser(serialOf(call), claim.device),
    mayCall: view.status === "active" && hasSeat(view, claim),
    cardEndsAtMs: view.expiresAtMs,
    nowMs,
  });

const hasSeat = ({ devices }: CardView, { device }: DeviceClaim): boolean =>
  devices.find(({ number }) => number === device)?.sipSeat ?? true;
