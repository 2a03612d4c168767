/** One request through a portal: what it is, who sends it, and only then the upstream. */
import { OWN_PREFIX } from "../../domain/portal.ts";
import { cookiesForBrowser, cookiesForUpstream } from "../../portal/cookies.ts";
import { policiesOfUpstream, portalPolicy } from "../../portal/csp.ts";
import { forward, type Forwarded } from "../../portal/forward.ts";
import { contentTypeOf, headersForBrowser, headersForUpstream, isHtml, isWideCharset } from "../../portal/headers.ts";
import { locationFor, ownLink, startPath, targetOf, verdictOf, type Asked } from "../../portal/policy.ts";
import { rewriteHtml } from "../../portal/rewrite.ts";
import { barMarkup, goingOnPage, portalPage, refusalPage } from "./pages.tsx";
import { postedBackTo } from "./posted-back.ts";
import { maskedSerial, sealsFor, visitorOf, type Visit, type Visitor } from "./session.ts";
import type { PageName } from "./texts.ts";

type Exchange = {
  readonly visit: Visit;
  readonly visitor: Visitor;
  readonly target: URL;
  readonly asked: Asked;
  readonly isNavigation: boolean;
};

const PAGE_OF = {
  method: "wrong_method",
  worker: "no_page",
  upgrade: "wrong_method",
  foreign: "foreign",
} as const satisfies Record<string, PageName>;

export async function proxy(visit: Visit): Promise<Response> {
  const { c, brand, portal, ownOrigin } = visit;
  const { insecureUpstreams } = c.var.config;
  const refuseWith = (name: PageName) => portalPage(brand, name, startPath(portal));
  const asked = askedOf(visit);
  const path = new URL(c.req.raw.url).pathname;
  if (path === "/" && startPath(portal) !== "/" && asked.method === "GET")
    return new Response(null, { status: 302, headers: { Location: startPath(portal), "Cache-Control": "no-store" } });
  const target = targetOf(portal, c.req.raw.url, ownOrigin);
  if (!target.ok) return refuseWith(target.error === "not_found" ? "no_page" : "bad_address");
  const verdict = verdictOf(portal, asked, insecureUpstreams);
  if (verdict === "posted_back") return goingOnPage(brand, await postedBackTo(c, target.value));
  if (verdict !== "pass" && verdict !== "web_socket") return refuseWith(PAGE_OF[verdict]);
  const isNavigation = asked.mode === null || asked.mode === "navigate";
  const isPart = !isNavigation && (asked.method === "GET" || asked.method === "HEAD") && verdict === "pass";
  const visitor = await visitorOf(visit, isPart);
  if (!visitor.ok) return refusalPage(brand, visitor.error);
  const exchange = { visit, visitor: visitor.value, target: target.value, asked, isNavigation };
  return verdict === "web_socket" ? openSocket(exchange) : exchangePage(exchange);
}

function askedOf({ c, ownOrigin }: Visit): Asked {
  const header = (name: string) => c.req.header(name) ?? null;
  return {
    method: c.req.method,
    ownOrigin,
    origin: header("Origin"),
    upgrade: header("Upgrade"),
    site: header("Sec-Fetch-Site"),
    mode: header("Sec-Fetch-Mode"),
    dest: header("Sec-Fetch-Dest"),
    worker: header("Service-Worker"),
  };
}

async function headersOut({ visit, visitor, target }: Exchange, subprotocol: string | null): Promise<Headers> {
  const { c, brand, portal, ownOrigin, cookies } = visit;
  const { signing, now } = c.var.services;
  const { mode } = visitor.terms.batch;
  const { device } = visitor.claim;
  const claim = {
    serial: visitor.serial,
    device,
    brand: brand.brand,
    partner: brand.partner,
    mode,
    audience: portal.origin,
  };
  const token = portal.signOn === "jwt" ? await signing.portalToken(claim, now()) : null;
  return headersForUpstream(c.req.raw.headers, {
    ownOrigin,
    target,
    token,
    subprotocol,
    cookies: await cookiesForUpstream(cookies, sealsFor(visit, visitor)),
  });
}

async function exchangePage(exchange: Exchange): Promise<Response> {
  const { visit, target, asked } = exchange;
  const { c, brand } = visit;
  const declared = c.req.header("Content-Length");
  const isBodiless = asked.method === "GET" || asked.method === "HEAD";
  const sent = await forward((url, init) => fetch(url, init), {
    target,
    method: asked.method,
    headers: await headersOut(exchange, null),
    body: isBodiless ? null : c.req.raw.body,
    bodyLength: declared !== undefined && /^\d{1,15}$/.test(declared) ? Number(declared) : null,
  });
  if (!sent.ok) return portalPage(brand, sent.error);
  const { answer } = sent.value;
  const isRedirect = answer.status >= 300 && answer.status < 400 && answer.status !== 304;
  if (answer.status < 200 || answer.status >= 500) return dropped(sent.value, brand);
  return isRedirect ? redirect(exchange, sent.value) : content(exchange, sent.value);
}

/** What the upstream says must not be shown; its body is let go. */
async function dropped({ body }: Pick<Forwarded, "body">, brand: Visit["brand"]): Promise<Response> {
  await body?.cancel().catch(() => undefined);
  return portalPage(brand, "upstream_failed");
}

/** The body of a redirect is shown to nobody, so it is not passed on. */
async function redirect({ visit, visitor, target, isNavigation }: Exchange, sent: Forwarded): Promise<Response> {
  const { c, portal, brand } = visit;
  const { status, headers: received } = sent.answer;
  const location = received.get("Location");
  const options = { target, isNavigation, allowsLoopback: c.var.config.insecureUpstreams };
  const to = location === null ? undefined : locationFor(portal, location, options);
  if (to === undefined || ![301, 302, 303, 307, 308].includes(status)) return dropped(sent, brand);
  await sent.body?.cancel().catch(() => undefined);
  const headers = headersForBrowser(received, { policy: [], rewritten: true });
  headers.delete("Content-Type");
  headers.set("Location", to);
  await addCookies(headers, received, visit, visitor);
  return new Response(null, { status, headers });
}

async function content(exchange: Exchange, { answer, body, encoding }: Forwarded): Promise<Response> {
  const { visit, visitor, asked } = exchange;
  const received = answer.headers;
  const type = contentTypeOf(received.get("Content-Type"));
  const isPage = isHtml(type) && answer.status !== 206 && body !== null;
  // What cannot be read cannot be held to anything.
  if (isHtml(type) && (encoding !== null || isWideCharset(received.get("Content-Type"))))
    return dropped({ body }, visit.brand);
  const headers = headersForBrowser(received, { policy: policyFor(visit, received), rewritten: isPage });
  if (encoding !== null) headers.set("Content-Encoding", encoding);
  await addCookies(headers, received, visit, visitor);
  const isWhole = exchange.isNavigation && (asked.dest === null || asked.dest === "document");
  const shown = isPage ? rewritten(exchange, body, isWhole) : body;
  return new Response(shown, { status: answer.status, headers });
}

function rewritten({ visit, visitor, target }: Exchange, body: ReadableStream, isWhole: boolean): ReadableStream {
  const { brand, portal, c } = visit;
  const options = { target, isNavigation: true, allowsLoopback: c.var.config.insecureUpstreams };
  return rewriteHtml(body, {
    mapLink: (link) => ownLink(portal, link),
    mapRefresh: (link) => locationFor(portal, link, options),
    bar: isWhole ? barMarkup(brand, maskedSerial(visitor.serial)) : "",
  });
}

function policyFor({ c, portal, ownOrigin }: Visit, received: Headers): string[] {
  const own = (name: string) => `${ownOrigin}${OWN_PREFIX}/${name}`;
  const bar = { style: own("bar.css"), image: own("logo"), form: own("sign-out") };
  return [
    portalPolicy(portal, c.var.config.insecureUpstreams),
    ...policiesOfUpstream(received.get("Content-Security-Policy"), { upstream: portal.origin, ownOrigin, bar }),
  ];
}

async function addCookies(headers: Headers, received: Headers, visit: Visit, visitor: Visitor): Promise<void> {
  const { placeOf } = visit.c.var.services.portalTokens;
  for (const cookie of await cookiesForBrowser(received.getSetCookie(), sealsFor(visit, visitor), placeOf))
    headers.append("Set-Cookie", cookie);
}

/** Only where the brand lists it, from its own pages, on a listed path: the same checks as every other request. */
async function openSocket(exchange: Exchange): Promise<Response> {
  const { visit, target } = exchange;
  const offered = visit.c.req.header("Sec-WebSocket-Protocol") ?? "";
  const headers = await headersOut(exchange, offered);
  const answer = await fetch(target, { headers, redirect: "manual" }).catch(() => undefined);
  const socket = answer?.webSocket;
  if (!answer || !socket) return dropped({ body: answer?.body ?? null }, visit.brand);
  const chosen = answer.headers.get("Sec-WebSocket-Protocol");
  return new Response(null, {
    status: 101,
    webSocket: socket,
    headers: chosen === null ? {} : { "Sec-WebSocket-Protocol": chosen },
  });
}
