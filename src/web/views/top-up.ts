/** The way to the portal: a button that opens it signed in. `null` where cards without a portal are sent to this very page. */
import { button, isBusy, setBusy } from "../dom.ts";
import type { Problem } from "../api.ts";
import type { Session } from "../session.ts";
import { TEXTS } from "../texts.ts";

const T = TEXTS.card;

type TopUp = {
  readonly portal: string | null;
  readonly session: Session;
  readonly onStart: () => void;
  readonly onProblem: (problem: Problem, retry: () => void) => void;
};

export function topUpButton({ portal, session, onStart, onProblem }: TopUp): HTMLButtonElement | null {
  if (portal === null || new URL(portal).origin === location.origin) return null;
  const open = async () => {
    if (isBusy(element)) return;
    onStart();
    setBusy(element, T.openingTopUp, true);
    const answer = await session.openPortal();
    setBusy(element, T.topUp, false);
    if (answer.ok) location.assign(answer.value);
    else onProblem(answer.error, () => void open());
  };
  const element = button(T.topUp, "primary", () => void open());
  return element;
}
