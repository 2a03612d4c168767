/**
 * The step between an app and its portal: takes the ticket out of the address bar, hands it over, says whose card it is,
 * and asks before another card's visit in this browser ends.
 */
import { button, focusOn, h } from "./dom.ts";

const TEXTS = {
  opening: (brand: string) => `Opening ${brand}`,
  card: (card: string) => `Signed in with the card ending in ${card}.`,
  askHeading: "Use another card here?",
  ask: (card: string, other: string) =>
    `This browser is signed in with the card ending in ${other}. The link is for the card ending in ${card}, and what you pay goes to that card.`,
  askCare: "Go on only if you opened the top-up yourself just now.",
  replace: "Use this card",
  keep: "Stay with the other card",
  busy: "One moment…",
  none: {
    title: "This link is not complete",
    text: "Its secret part is missing, as when an address was copied only in part.",
    next: "Go back to your phone app and open the top-up from there.",
  },
  failed: {
    title: "No connection",
    text: "The portal did not answer. The link was perhaps not used yet.",
    next: "Check the connection and try again.",
  },
  retry: "Try again",
} as const;

/** Long enough to be read, short enough not to be in the way. */
const SHOWN_MS = 900;
const TIMEOUT_MS = 20_000;

type Said = Readonly<Record<string, unknown>>;

const main = document.getElementById("app");
const text = (value: unknown): string => (typeof value === "string" ? value.slice(0, 500) : "");
const lastOf = (card: unknown): string => text(card).slice(-4);

function show(heading: string, ...children: readonly (Node | string)[]): void {
  const title = h("h1", {}, heading);
  main?.replaceChildren(title, ...children);
  focusOn(title);
}

const explain = (
  { title, text: what, next }: { title: string; text: string; next: string },
  ...more: readonly Node[]
): void => show(title, h("p", { class: "lead" }, what), h("p", { class: "notice" }, next), ...more);

async function handOver(ticket: string, replace: boolean): Promise<void> {
  try {
    const response = await fetch("/.ringfare/session", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ ticket, replace }),
      credentials: "same-origin",
      cache: "no-store",
      redirect: "error",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    answered(ticket, (await response.json()) as Said);
  } catch {
    const again = button(TEXTS.retry, "primary", () => void handOver(ticket, replace));
    explain(TEXTS.failed, h("p", { class: "actions" }, again));
  }
}

function answered(ticket: string, said: Said): void {
  if (said["status"] === "open") {
    show(TEXTS.opening(text(said["brand"])), h("p", { class: "lead" }, TEXTS.card(lastOf(said["card"]))));
    const next = text(said["next"]);
    // A path of this host and nothing else, whatever was said.
    setTimeout(() => location.replace(/^\/(?![/\\])/.test(next) ? next : "/"), SHOWN_MS);
  } else if (said["status"] === "ask") ask(ticket, said);
  else
    explain({ title: text(said["title"]) || TEXTS.failed.title, text: text(said["text"]), next: text(said["next"]) });
}

function ask(ticket: string, said: Said): void {
  const replace = button(TEXTS.replace, "primary", () => {
    show(TEXTS.busy);
    void handOver(ticket, true);
  });
  const keep = button(TEXTS.keep, "quiet", () => location.replace("/"));
  show(
    TEXTS.askHeading,
    h("p", { class: "lead" }, TEXTS.ask(lastOf(said["card"]), lastOf(said["other"]))),
    h("p", {}, TEXTS.askCare),
    h("p", { class: "actions" }, keep, replace),
  );
}

/** Out of the address bar, and so of the history, before anything else happens. */
function start(): void {
  const ticket = location.hash.slice(1);
  history.replaceState(null, "", location.pathname);
  if (/^[A-Za-z0-9_-]{20,128}$/.test(ticket)) void handOver(ticket, false);
  else explain(TEXTS.none);
}

addEventListener("hashchange", start);
start();
