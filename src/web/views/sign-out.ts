/** Signing out, after saying what happens. The safe answer has the focus; Escape means it too. */
import { button, h, isBusy, setAttributes, setBusy } from "../dom.ts";
import type { Session } from "../session.ts";
import { TEXTS } from "../texts.ts";
import { problemView } from "./problem.ts";

const T = TEXTS.device;

export function signOutDialog(session: Session, onDone: () => void): HTMLDialogElement {
  const problem = problemView();
  const cancel = button(T.cancel, "quiet", () => dialog.close());
  const confirm = button(T.signOut, "primary", () => void signOut());
  setAttributes(cancel, { autofocus: true });
  const signOut = async () => {
    if (isBusy(confirm)) return;
    problem.clear();
    setBusy(confirm, T.busy, true);
    const answer = await session.signOut();
    setBusy(confirm, T.signOut, false);
    if (!answer.ok) return problem.show(answer.error, () => void signOut());
    dialog.close();
    onDone();
  };
  const dialog = h(
    "dialog",
    { "aria-labelledby": "sign-out-heading", "aria-describedby": "sign-out-text" },
    h("h2", { id: "sign-out-heading" }, T.confirmHeading),
    h("p", { id: "sign-out-text" }, T.confirm),
    problem.element,
    h("p", { class: "actions" }, cancel, confirm),
  );
  return dialog;
}
