/** Where a card's QR code leads: shows the code of the fragment and what to do with it. Calls nothing. */
import { codeOfFragment, judgeCode } from "./code-entry.ts";
import { h } from "./dom.ts";
import { TEXTS } from "./texts.ts";
import { copyButton } from "./views/sip.ts";

const T = TEXTS.landing;

/** Out of the address bar, but kept for a reload of this very entry of the history. */
function takeCode(): string {
  const code = codeOfFragment(location.hash) || keptCode(history.state);
  if (location.hash !== "") history.replaceState({ code }, "", location.pathname);
  return code;
}

const keptCode = (state: unknown): string =>
  typeof state === "object" && state !== null && "code" in state && typeof state.code === "string"
    ? codeOfFragment(state.code)
    : "";

function show(code: string): void {
  const app = document.getElementById("app");
  if (!app || code === "") return;
  const isWhole = judgeCode(code).state === "complete";
  app.replaceChildren(
    h("h1", {}, isWhole ? T.found : T.malformed),
    h("p", { class: "lead" }, isWhole ? T.foundLead : T.malformedLead),
    h("p", { class: "code printed", dir: "ltr" }, code),
    isWhole
      ? h(
          "p",
          { class: "actions" },
          h("a", { class: "button primary", href: `/#${code}` }, T.setUp),
          copyButton(TEXTS.enter.label, code),
        )
      : h("p", {}, h("a", { class: "button primary", href: `/#${code}` }, T.type)),
    h("p", { class: "muted small" }, TEXTS.enter.emergency),
  );
}

addEventListener("hashchange", () => show(takeCode()));
show(takeCode());
