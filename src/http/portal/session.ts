/** Who visits a portal: the cookie's MAC first, then the card's own word. */
import type { Context } from "hono";
import type { PortalClaim } from "../../auth/portal-tokens.ts";
import type { Brand } from "../../domain/branding.ts";
import type { CardCall } from "../../domain/card.ts";
import type { BrandPortal } from "../../domain/portal.ts";
import { refuse, type Refusal } from "../../domain/errors.ts";
import { SESSION_MOST_MS } from "../../domain/portal-session.ts";
import { err, ok, type Result } from "../../domain/result.ts";
import { formatSerial } from "../../domain/serial.ts";
import type { CatalogueTerms } from "../../domain/terms.ts";
import { SECOND_MS } from "../../domain/time.ts";
import { type Cookie, ownCookie, type SealOf, SESSION_COOKIE } from "../../portal/cookies.ts";
import { cardCall } from "../../services/redeem.ts";
import type { AppEnv } from "../context.ts";

/** One request at a brand's portal. */
export type Visit = {
  readonly c: Context<AppEnv>;
  readonly brand: Brand;
  readonly portal: BrandPortal;
  readonly ownOrigin: string;
  readonly cookies: readonly Cookie[];
};

export type Visitor = {
  readonly claim: PortalClaim;
  readonly call: CardCall;
  readonly terms: CatalogueTerms;
  readonly serial: string;
};

/** Parts of a page are let through on what the card said for the page itself, this long ago at most. */
const RECENT_MS = 10_000;
const MAX_RECENT = 2000;
const recent = new Map<string, number>();

/** `isPart`: one of the many requests a page makes by itself, which reads only. Everything else asks the card. */
export async function visitorOf(visit: Visit, isPart: boolean): Promise<Result<Visitor, Refusal>> {
  const { services } = visit.c.var;
  const token = ownCookie(visit.cookies, SESSION_COOKIE);
  const claim = token === undefined ? undefined : await services.portalTokens.sessions.open(token);
  if (!claim) return err(refuse("unauthenticated"));
  const nowMs = services.now();
  if (nowMs >= claim.atSeconds * SECOND_MS + SESSION_MOST_MS) return err(refuse("unauthenticated"));
  const visitor = await cardOf(visit, claim);
  if (!visitor) return err(refuse("unauthenticated"));
  if (isPart && (recent.get(claim.id) ?? 0) > nowMs) return ok(visitor);
  const { call } = visitor;
  const seen = await services.cards.call(call, (card) => card.visitPortal(call, claim, claim.id));
  recent.delete(claim.id);
  if (!seen.ok) return seen;
  if (recent.size >= MAX_RECENT) recent.clear();
  recent.set(claim.id, nowMs + RECENT_MS);
  return ok(visitor);
}

export const forgetVisit = ({ id }: Pick<PortalClaim, "id">): void => void recent.delete(id);

/** The card of a claim, if it is one of this brand's. */
export async function cardOf({ c, brand }: Visit, claim: PortalClaim): Promise<Visitor | undefined> {
  const terms = await c.var.services.catalogue.terms(claim.batch);
  const isOurs = terms !== null && terms.batch.brand === brand.brand && terms.batch.partner === brand.partner;
  if (!isOurs || claim.card > terms.batch.quantity) return undefined;
  return { claim, terms, call: cardCall(terms, claim.card), serial: formatSerial(claim) };
}

/** Only the end is shown: enough to know one's own card by. */
export const maskedSerial = (serial: string): string => `••• ${serial.slice(-4)}`;

export const sealsFor = ({ c }: Visit, { claim }: Pick<Visitor, "claim">): SealOf => {
  const { portalTokens } = c.var.services;
  return ({ name, value }) => portalTokens.seals(claim, `${name}\0${value}`);
};
