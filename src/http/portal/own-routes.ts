/** The portal's own addresses under `/.ringfare`: signing in and out, and what its pages are made of. Never forwarded. */
import { z } from "zod";
import { PROBLEMS, refuse, type Refusal } from "../../domain/errors.ts";
import { IMAGE_TYPES, type ImageExtension } from "../../domain/image.ts";
import { OWN_PREFIX } from "../../domain/portal.ts";
import { SESSION_MOST_MS } from "../../domain/portal-session.ts";
import { SECOND_MS } from "../../domain/time.ts";
import { CARD_COOKIE, endedCookies, ownCookie, ownSetCookie, SESSION_COOKIE } from "../../portal/cookies.ts";
import { startPath } from "../../portal/policy.ts";
import { findAsset } from "../../storage/assets.ts";
import { readBytes } from "../middleware/body.ts";
import { MEANINGS } from "../pages/problem-texts.ts";
import { handOverPage, ownHeaders, portalPage } from "./pages.tsx";
import { cardOf, forgetVisit, maskedSerial, visitorOf, type Visit, type Visitor } from "./session.ts";
import { barStyle, brandStyle } from "./styles.ts";
import { NEXT_FOR_HOLDERS, PAGES } from "./texts.ts";

const MAX_BODY_BYTES = 1024;
const CARD_COOKIE_SECONDS = 400 * 24 * 60 * 60;
/** What a card leaves behind in a browser besides cookies, which are sealed to it. */
const CLEARED = '"cache", "storage"';
const STYLE = { "Content-Type": "text/css; charset=utf-8", "Cache-Control": "private, max-age=60" };

export async function ownRoute(visit: Visit, path: string): Promise<Response> {
  const { brand, c } = visit;
  const { method } = c.req;
  const isRead = method === "GET" || method === "HEAD";
  const own = path.slice(OWN_PREFIX.length);
  if (own === "/open" && isRead) return handOverPage(brand);
  if (own === "/brand.css" && isRead)
    return new Response(brandStyle(brand), { headers: { ...ownHeaders(), ...STYLE } });
  if (own === "/bar.css" && isRead) return new Response(barStyle(brand), { headers: { ...ownHeaders(), ...STYLE } });
  if (own === "/logo" && isRead) return logo(visit);
  if (own !== "/session" && own !== "/sign-out") return portalPage(brand, "no_page", startPath(visit.portal));
  if (method !== "POST") return portalPage(brand, "wrong_method", startPath(visit.portal));
  if (c.req.header("Origin") !== visit.ownOrigin) return portalPage(brand, "foreign", startPath(visit.portal));
  return own === "/session" ? openSession(visit) : signOut(visit);
}

/** Files of the build, the same for every brand. undefined = another address. */
export async function buildFile({ c }: Pick<Visit, "c">, path: string): Promise<Response | undefined> {
  const file = /^\/\.ringfare(\/build\/(?:portal\.css|handover\.js|chunks\/[A-Za-z0-9_-]+\.js))$/.exec(path)?.[1];
  if (file === undefined || c.req.method !== "GET") return undefined;
  const asset = await c.env.ASSETS.fetch(new URL(file, c.var.config.publicOrigin), { redirect: "manual" });
  if (asset.status !== 200) return undefined;
  const headers = {
    ...ownHeaders(),
    "Cache-Control": "private, no-cache",
    "Content-Type": asset.headers.get("Content-Type") ?? "",
  };
  return new Response(asset.body, { headers });
}

async function logo({ c, brand }: Visit): Promise<Response> {
  const asset = brand.logo?.asset ?? "";
  const type = IMAGE_TYPES[asset.slice(asset.lastIndexOf(".") + 1) as ImageExtension] as string | undefined;
  const bytes = type === undefined ? null : await findAsset(c.env.BRANDING, asset);
  if (type === undefined || bytes === null) return portalPage(brand, "no_page");
  return new Response(bytes, {
    headers: { ...ownHeaders(), "Content-Type": type, "Cache-Control": "private, max-age=300" },
  });
}

const sessionBody = z.strictObject({ ticket: z.string().max(128), replace: z.boolean().default(false) });

/**
 * A ticket becomes a session. One of another card in this browser is ended only on its holder's word: a link from
 * somebody else must not quietly make this browser pay for their card.
 */
async function openSession(visit: Visit): Promise<Response> {
  const { c } = visit;
  const { services } = c.var;
  const body = await readBytes(c, MAX_BODY_BYTES);
  const parsed = body.ok ? sessionBody.safeParse(jsonOf(body.value)) : undefined;
  if (!parsed?.success) return refused(refuse("bad_request"));
  const ticket = await services.portalTokens.tickets.open(parsed.data.ticket);
  const nowMs = services.now();
  // Forged, foreign and late tickets cost no call to any card.
  const visitor = ticket && nowMs < ticket.atSeconds * SECOND_MS ? await cardOf(visit, ticket) : undefined;
  if (!ticket || !visitor) return refused(refuse("link_expired"));
  const before = await visitorOf(visit, false).catch(() => undefined);
  const other = before?.ok ? before.value : undefined;
  const isOther = other !== undefined && other.serial !== visitor.serial;
  const card = maskedSerial(visitor.serial);
  if (isOther && !parsed.data.replace)
    return json({ status: "ask", brand: visit.brand.name, card, other: maskedSerial(other.serial) });
  const { call } = visitor;
  const { device, family } = ticket;
  const begun = { ...ticket, atSeconds: Math.floor(nowMs / SECOND_MS) };
  const session = await services.portalTokens.sessions.issue(begun);
  const entry = { ticket: ticket.id, session: session.id, ticketEndsAtMs: ticket.atSeconds * SECOND_MS };
  const opened = await services.cards.call(call, (object) => object.openPortal(call, { device, family }, entry));
  if (!opened.ok) return refused(opened.error);
  if (other) await end(visit, other);
  const seals = await services.portalTokens.seals(visitor.claim, "card");
  const isSameCard = seals.includes(ownCookie(visit.cookies, CARD_COOKIE) ?? "");
  const answer = json({ status: "open", brand: visit.brand.name, card, next: startPath(visit.portal) });
  answer.headers.append("Set-Cookie", ownSetCookie(SESSION_COOKIE, session.token, SESSION_MOST_MS / SECOND_MS));
  answer.headers.append("Set-Cookie", ownSetCookie(CARD_COOKIE, seals[0] ?? "", CARD_COOKIE_SECONDS));
  if (!isSameCard) answer.headers.set("Clear-Site-Data", CLEARED);
  return answer;
}

async function end(visit: Visit, { claim, call }: Visitor): Promise<void> {
  forgetVisit(claim);
  await visit.c.var.services.cards.call(call, (card) => card.closePortal(call, claim.id));
}

/** Ended in the card, so that a kept copy of the cookie is worth nothing; then in the browser. */
async function signOut(visit: Visit): Promise<Response> {
  const visitor = await visitorOf(visit, false);
  if (visitor.ok) await end(visit, visitor.value);
  else if (visitor.error.code === "try_again") return portalPage(visit.brand, "upstream_failed");
  const page = await portalPage(visit.brand, "signed_out");
  for (const ended of endedCookies(visit.cookies)) page.headers.append("Set-Cookie", ended);
  page.headers.set("Clear-Site-Data", CLEARED);
  return page;
}

function refused(refusal: Refusal): Response {
  const { code } = refusal;
  const { status, title, next } = PROBLEMS[code];
  const shown =
    code === "link_expired"
      ? PAGES.link_expired
      : { status, title, text: MEANINGS[code], next: NEXT_FOR_HOLDERS[code] ?? next };
  return json({ status: "refused", code, title: shown.title, text: shown.text, next: shown.next }, shown.status);
}

const json = (body: unknown, status = 200): Response => Response.json(body, { status, headers: ownHeaders() });

function jsonOf(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch {
    return undefined;
  }
}
