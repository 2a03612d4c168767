/** The card: credit, validity, SIP account, and leaving. */
import { isZero, formatDay, formatMoney } from "../format.ts";
import type { CardFacts } from "../answers.ts";
import { announce, button, focusOn, h, isBusy, setBusy } from "../dom.ts";
import { endsSession } from "../access.ts";
import type { CardView, Session } from "../session.ts";
import { TEXTS } from "../texts.ts";
import { problemView } from "./problem.ts";
import { signOutDialog } from "./sign-out.ts";
import { sipSection } from "./sip.ts";
import { topUpButton } from "./top-up.ts";

const T = TEXTS.card;

export type CardOptions = {
  readonly view: CardView;
  readonly session: Session;
  readonly locales: readonly string[];
  /** Said to screen readers when the card was set up just now. */
  readonly isNew: boolean;
  /** The session is over: `notice` says why. */
  readonly onEnded: (notice: string) => void;
  readonly onAnother: () => void;
  /** Another tab set up another card. */
  readonly onReplaced: () => void;
};

export type ShownCard = {
  /** Asks the service: for when the page comes back to the front. */
  readonly lookAgain: () => void;
  /** The service said by itself what the card is now. */
  readonly update: (card: CardFacts) => void;
};

export function showCard(main: HTMLElement, options: CardOptions): ShownCard {
  const { session, locales, view } = options;
  document.title = T.documentTitle(view.branding?.name ?? TEXTS.plainName);
  const heading = h("h1", {}, T.heading);
  const facts = h("div", { class: "stack" });
  const problem = problemView();
  const calling = h("div");
  const refresh = button(T.refresh, "quiet", () => void look(true));

  const fill = (card: CardFacts) => facts.replaceChildren(...cardFacts(card, locales));
  let updates = 0;
  const look = async (isAsked: boolean) => {
    if (isBusy(refresh)) return;
    problem.clear();
    setBusy(refresh, T.refreshing, true);
    const before = updates;
    const answer = await session.look();
    setBusy(refresh, T.refresh, false);
    if (!answer.ok) {
      if (endsSession(answer.error)) options.onEnded(TEXTS.restore.forgotten);
      else if (isAsked) problem.show(answer.error, () => void look(true));
      return;
    }
    const { card } = answer.value;
    if (card.serial !== view.card.serial) return options.onReplaced();
    // What the service said meanwhile is newer than an answer that was under way.
    if (updates === before) show(card);
    if (isAsked) announce(T.refreshed(moneyOf(card, card.balance.available, locales)));
  };
  const topUp = topUpButton({
    portal: view.portal,
    session,
    onStart: problem.clear,
    onProblem: (refusal, retry) =>
      endsSession(refusal) ? options.onEnded(TEXTS.restore.forgotten) : problem.show(refusal, retry),
  });
  const renew = async () => {
    const answer = await session.renewSip();
    if (!answer.ok && endsSession(answer.error)) options.onEnded(TEXTS.restore.forgotten);
    return answer;
  };
  const showCalling = ({ card, sip }: CardView) => {
    const onGone = () => showCalling({ ...view, card, sip: null });
    calling.replaceChildren(sip ? sipSection({ account: sip, locales, renew, onGone }) : noCalls(card));
  };

  const show = (card: CardFacts) => {
    fill(card);
    if (card.status === "expired") showCalling({ ...view, card, sip: null });
  };
  const update = (card: CardFacts) => {
    updates += 1;
    if (card.serial !== view.card.serial) return options.onReplaced();
    show(card);
    // Why a card cannot be used is in the refusal, and so is the way out.
    if (card.status !== "active" && card.status !== "expired") void look(true);
    else if (!isBusy(refresh)) problem.clear();
  };

  const actions = h("p", { class: "actions" }, topUp, refresh);
  fill(view.card);
  showCalling(view);
  main.replaceChildren(
    heading,
    h("section", { class: "panel stack", "aria-label": T.heading }, facts, problem.element, actions),
    calling,
    deviceSection(options),
    h("p", { class: "muted small" }, TEXTS.enter.emergency),
  );
  focusOn(heading);
  if (options.isNew) announce(T.ready);
  return { lookAgain: () => void look(false), update };
}

const moneyOf = (card: CardFacts, amount: string, locales: readonly string[]) =>
  formatMoney(amount, card.balance.currency, locales);

function cardFacts(card: CardFacts, locales: readonly string[]): HTMLElement[] {
  const { available, held } = card.balance;
  const isExpired = card.status === "expired";
  const until = card.expiresAt === null ? T.neverExpires : formatDay(card.expiresAt, locales);
  return [
    ...(card.isTest ? [h("p", { class: "notice" }, T.testMode)] : []),
    h(
      "p",
      { class: "balance" },
      h("span", { class: "muted" }, T.credit),
      h("strong", { "data-role": "available" }, h("bdi", {}, moneyOf(card, available, locales))),
      !isZero(held) && h("span", { class: "muted" }, T.held(moneyOf(card, held, locales))),
    ),
    h(
      "dl",
      { class: "facts plain" },
      h("dt", {}, T.serial),
      h("dd", {}, h("bdi", { class: "value", dir: "ltr" }, card.serial)),
      h("dt", {}, isExpired ? T.expired : T.expires),
      h("dd", {}, h("bdi", {}, until)),
    ),
  ];
}

const noCalls = ({ status }: CardFacts): HTMLElement =>
  h(
    "section",
    { class: "panel stack", "aria-labelledby": "no-sip-heading" },
    h("h2", { id: "no-sip-heading" }, status === "expired" ? T.expiredHeading : T.noSipHeading),
    h("p", {}, status === "expired" ? T.expiredText : T.noSipText),
  );

function deviceSection({ session, onAnother, onEnded }: CardOptions): HTMLElement {
  const dialog = signOutDialog(session, () => onEnded(TEXTS.device.done));
  return h(
    "section",
    { class: "stack", "aria-labelledby": "device-heading" },
    h("h2", { id: "device-heading" }, TEXTS.device.heading),
    h(
      "p",
      { class: "actions" },
      button(TEXTS.device.another, "quiet", onAnother),
      button(TEXTS.device.signOut, "quiet", () => dialog.showModal()),
    ),
    dialog,
  );
}
