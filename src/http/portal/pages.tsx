/** The portal's own pages in the brand's look. Nothing of the upstream is in them, and no script but the hand-over's. */
import { html } from "hono/html";
import type { Child } from "hono/jsx";
import type { Brand } from "../../domain/branding.ts";
import { LINK_KEYS } from "../../domain/branding.ts";
import { PROBLEMS, type Refusal } from "../../domain/errors.ts";
import { OWN_PREFIX } from "../../domain/portal.ts";
import { MEANINGS } from "../pages/problem-texts.ts";
import { NEXT_FOR_HOLDERS, PAGES, type PageName, type PageText } from "./texts.ts";

const LINK_NAMES = { website: "Website", support: "Help", terms: "Terms", privacy: "Privacy" } as const;

type Shown = {
  /** null = nobody's: an address that is no brand's. */
  readonly brand: Brand | null;
  readonly text: PageText;
  /** Where the page leads on to. */
  readonly link?: { readonly href: string; readonly label: string } | undefined;
  /** Seconds until it does so by itself. */
  readonly goesOn?: boolean;
  readonly isHandOver?: boolean;
};

function Page({ brand, text, link, goesOn = false, isHandOver = false }: Shown) {
  const name = brand?.name ?? "Calling card";
  return (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover" />
        <title>{`${text.title} – ${name}`}</title>
        <meta name="color-scheme" content="light dark" />
        <meta name="robots" content="noindex" />
        {goesOn && link ? <meta http-equiv="refresh" content={`0; url=${link.href}`} /> : null}
        <link rel="icon" href="data:," />
        <link rel="stylesheet" href={`${OWN_PREFIX}/build/portal.css`} />
        {brand ? <link rel="stylesheet" href={`${OWN_PREFIX}/brand.css`} /> : null}
        {isHandOver ? <script type="module" src={`${OWN_PREFIX}/build/handover.js`}></script> : null}
      </head>
      <body>
        <div class="page">
          <header class="brand">
            <p class="brand-name">
              {brand?.logo ? (
                <img
                  class="logo"
                  src={`${OWN_PREFIX}/logo`}
                  alt={name}
                  width={brand.logo.width}
                  height={brand.logo.height}
                />
              ) : (
                name
              )}
            </p>
          </header>
          <main id="app" aria-live="polite">
            <h1>{text.title}</h1>
            {isHandOver ? <HandOver /> : <Explanation text={text} link={link} />}
          </main>
          <footer class="footer">
            {brand ? LINK_KEYS.map((key) => <BrandLink href={brand.links[key]} label={LINK_NAMES[key]} />) : null}
          </footer>
        </div>
      </body>
    </html>
  );
}

function Explanation({ text, link }: Pick<Shown, "text" | "link">): Child {
  return (
    <>
      <p class="lead">{text.text}</p>
      <p class="notice">{text.next}</p>
      {link ? (
        <p class="actions">
          <a class="button primary" href={link.href}>
            {link.label}
          </a>
        </p>
      ) : null}
    </>
  );
}

const HandOver = (): Child => (
  <>
    <p class="lead">{PAGES.open.text}</p>
    <noscript>
      <p class="notice">
        This page needs JavaScript for one step: the link’s secret is never put into an address. Allow it for this site,
        and open the top-up from your phone app again.
      </p>
    </noscript>
  </>
);

const BrandLink = ({ href, label }: { readonly href: string | null; readonly label: string }): Child =>
  href === null ? null : (
    <a href={href} rel="noopener noreferrer">
      {label}
    </a>
  );

const STRICT = [
  "default-src 'none'",
  "style-src 'self'",
  "img-src 'self' data:",
  "base-uri 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
];

export const ownHeaders = (frame: "none" | "self" = "none", isHandOver = false): Record<string, string> => ({
  "Content-Security-Policy": [
    ...STRICT,
    ...(isHandOver ? ["script-src 'self'", "connect-src 'self'"] : []),
    "form-action 'self'",
    `frame-ancestors '${frame}'`,
  ].join("; "),
  "Cache-Control": "private, no-store",
  "Referrer-Policy": "no-referrer",
  "Cross-Origin-Resource-Policy": "same-origin",
  "Cross-Origin-Opener-Policy": "same-origin",
  "X-Robots-Tag": "noindex",
});

async function render(shown: Shown, headers: Record<string, string>): Promise<Response> {
  const body = await html`<!doctype html>${<Page {...shown} />}`;
  return new Response(String(body), {
    status: shown.text.status,
    headers: { ...headers, "Content-Type": "text/html; charset=utf-8" },
  });
}

/** `start`: where the portal begins, offered where going there helps. */
export function portalPage(brand: Brand | null, name: PageName, start?: string): Promise<Response> {
  const offersStart = start !== undefined && ["no_page", "bad_address", "foreign", "wrong_method"].includes(name);
  const shown = { brand, text: PAGES[name], ...(offersStart && { link: { href: start, label: "First page" } }) };
  return render(shown, ownHeaders());
}

/** What the card itself refused. */
export function refusalPage(brand: Brand, refusal: Refusal): Promise<Response> {
  const { code } = refusal;
  if (code === "unauthenticated") return portalPage(brand, "not_signed_in");
  if (code === "link_expired") return portalPage(brand, "link_expired");
  const { status, title, next } = PROBLEMS[code];
  return render(
    { brand, text: { status, title, text: MEANINGS[code], next: NEXT_FOR_HOLDERS[code] ?? next } },
    ownHeaders(),
  );
}

export const handOverPage = (brand: Brand): Promise<Response> =>
  render({ brand, text: PAGES.open, isHandOver: true }, ownHeaders("none", true));

/**
 * Goes on by GET, from a page of this host: the browser then sends the cookies it kept from a foreign POST. It may stand
 * in a frame of the portal, as 3-D Secure does.
 */
export const goingOnPage = (brand: Brand, href: string): Promise<Response> =>
  render({ brand, text: PAGES.going_on, link: { href, label: "Continue" }, goesOn: true }, ownHeaders("self"));

/** Only ASCII: pages in any encoding take it. */
const ascii = (text: string): string =>
  text.replaceAll(/[&<>"']|[^\x20-\x7e]/gu, (symbol) => `&#${symbol.codePointAt(0) ?? 32};`);

/** The bar on top of the upstream's pages: whose it is, which card, and the way out. Its style is out of the page's reach. */
export const barMarkup = (brand: Brand, card: string): string =>
  `<ringfare-bar><template shadowrootmode="open"><link rel="stylesheet" href="${OWN_PREFIX}/bar.css">` +
  `<div class="bar" role="region" aria-label="${ascii(`${brand.name}: card`)}">` +
  `<b>${ascii(brand.name)}</b><span>Card <bdi dir="ltr">${ascii(card)}</bdi></span>` +
  `<form method="post" action="${OWN_PREFIX}/sign-out"><button>Sign out</button></form></div></template></ringfare-bar>`;
