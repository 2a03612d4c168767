/** The SIP account as text to take over into a phone app: copied by button, password shown only when asked. */
import type { Result } from "../../domain/result.ts";
import type { SipAccount } from "../answers.ts";
import type { Problem } from "../api.ts";
import { announce, button, h, isBusy, setAttributes, setBusy } from "../dom.ts";
import { formatMoment } from "../format.ts";
import { TEXTS } from "../texts.ts";
import { problemView } from "./problem.ts";

const T = TEXTS.sip;
const MASK = "••••••••••••";
const COPIED_MS = 2000;
/** Timers beyond this overflow; no login lives longer than a day. */
const MAX_TIMER_MS = 86_400_000;

export type SipOptions = {
  readonly account: SipAccount;
  readonly locales: readonly string[];
  readonly renew: () => Promise<Result<SipAccount | null, Problem>>;
  /** Told when there is no account any more. */
  readonly onGone: () => void;
};

export function sipSection(options: SipOptions): HTMLElement {
  const rows = h("dl", { class: "facts" });
  const problem = problemView();
  const validity = h("p", { class: "muted small" });
  let expiry: ReturnType<typeof setTimeout> | undefined;

  const fill = (account: SipAccount) => {
    clearTimeout(expiry);
    const { login } = account;
    rows.replaceChildren(
      ...copyRow(T.domain, account.domain),
      ...copyRow(T.user, account.username),
      ...(login ? copyRow(T.login, login.username, T.loginHint) : []),
      ...(login ? secretRow(T.password, login.password) : []),
      ...account.proxies.flatMap((proxy) => copyRow(T.proxy, proxy)),
      ...account.webSockets.flatMap((url) => copyRow(T.webSocket, url)),
    );
    const expiresAt = login?.expiresAt ?? null;
    validity.textContent = login
      ? expiresAt === null
        ? ""
        : `${T.expires}: ${formatMoment(expiresAt, Date.now(), options.locales)}`
      : T.noLogin;
    const leftMs = expiresAt === null ? Number.NaN : Date.parse(expiresAt) - Date.now();
    if (leftMs < MAX_TIMER_MS) expiry = setTimeout(() => (validity.textContent = T.hasExpired), Math.max(leftMs, 0));
  };

  const renew = button(T.renew, "quiet", () => void fetchNew());
  const fetchNew = async () => {
    if (isBusy(renew)) return;
    problem.clear();
    setBusy(renew, T.renewing, true);
    const answer = await options.renew();
    setBusy(renew, T.renew, false);
    if (!answer.ok) return problem.show(answer.error, () => void fetchNew());
    if (!answer.value) return options.onGone();
    fill(answer.value);
    announce(T.renewed);
  };
  fill(options.account);
  return h(
    "section",
    { class: "panel stack", "aria-labelledby": "sip-heading" },
    h("h2", { id: "sip-heading" }, T.heading),
    h("p", { class: "muted" }, T.purpose),
    rows,
    problem.element,
    h("div", { class: "spread" }, validity, renew),
  );
}

function copyRow(label: string, value: string, hint?: string): HTMLElement[] {
  return row(label, h("bdi", { class: "value", dir: "ltr" }, value), [copyButton(label, value)], hint);
}

function secretRow(label: string, value: string): HTMLElement[] {
  const text = h("bdi", { class: "value", dir: "ltr" });
  const mask = () =>
    text.replaceChildren(h("span", { "aria-hidden": "true" }, MASK), h("span", { class: "visually-hidden" }, T.hidden));
  mask();
  const toggle = button(T.show, "small", () => {
    const isShown = toggle.textContent === T.hide;
    if (isShown) mask();
    else text.replaceChildren(value);
    toggle.textContent = isShown ? T.show : T.hide;
    setAttributes(toggle, { "aria-label": isShown ? T.showOf(label) : T.hideOf(label) });
  });
  setAttributes(toggle, { "aria-label": T.showOf(label) });
  return row(label, text, [toggle, copyButton(label, value)]);
}

const row = (label: string, value: HTMLElement, buttons: HTMLElement[], hint?: string): HTMLElement[] => [
  h("dt", {}, label, hint === undefined ? null : h("span", { class: "muted small" }, ` (${hint})`)),
  h("dd", {}, value, h("span", { class: "buttons" }, ...buttons)),
];

export function copyButton(what: string, value: string): HTMLButtonElement {
  const element = button(T.copy, "small", () => void copy());
  setAttributes(element, { "aria-label": T.copyOf(what) });
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(value);
    } catch {
      return announce(T.copyFailed);
    }
    element.textContent = T.copied;
    announce(T.copiedOf(what));
    setTimeout(() => (element.textContent = T.copy), COPIED_MS);
  };
  return element;
}
