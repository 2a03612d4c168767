/** The page of the card holder: which screen is shown, and why. Everything else is in its own module. */
import { ok } from "../domain/result.ts";
import { send } from "./api.ts";
import { codeOfFragment } from "./code-entry.ts";
import { button, focusOn, h } from "./dom.ts";
import { deviceNameOf } from "./format.ts";
import { endsSession } from "./access.ts";
import { type CardView, createSession } from "./session.ts";
import { type Live, openLive } from "./live.ts";
import { reliableStore, SESSION_KEY } from "./stored.ts";
import { TEXTS } from "./texts.ts";
import { applyBrand } from "./views/brand.ts";
import { showCard, type ShownCard } from "./views/card.ts";
import { showEnter } from "./views/enter.ts";
import { problemView } from "./views/problem.ts";

const LOCK = "ringfare.session";
const LOOK_AGAIN_AFTER_MS = 30_000;
const locales = navigator.languages;

const session = createSession({
  send,
  store: reliableStore(() => localStorage),
  now: Date.now,
  // Absent outside secure contexts; there the service's tolerance for a repeated refresh has to do.
  exclusively: async (task) => ("locks" in navigator ? navigator.locks.request(LOCK, task) : task()),
  deviceName: deviceNameOf(navigator.userAgent),
});

function main(): HTMLElement {
  const element = document.getElementById("app");
  if (!element) throw new Error("The page has no #app.");
  return element;
}

/** The card on the page, and what the service says about it while somebody looks. */
let shown: ShownCard | null = null;
let live: Live | null = null;
let shownAtMs = 0;

function leaveCard(): void {
  live?.close();
  [shown, live] = [null, null];
}

function listen(): void {
  live?.close();
  live = openLive({
    open: (path, protocols, { said, ended }) => {
      // On this origin: `http` becomes `ws`, `https` `wss`.
      const socket = new WebSocket(new URL(path, location.origin.replace(/^http/, "ws")), protocols);
      socket.addEventListener("message", ({ data }) => said(data));
      socket.addEventListener("close", ({ code }) => ended(code));
      const close = () => socket.close();
      // Closed before it is open, the browser would call it a failure.
      return {
        close: () => (socket.readyState === WebSocket.CONNECTING ? socket.addEventListener("open", close) : close()),
      };
    },
    token: session.token,
    later: (task, ms) => {
      const timer = setTimeout(task, ms);
      return () => clearTimeout(timer);
    },
    random: Math.random,
    onCard: (now) => shown?.update(now),
    onSignedOut: () => shown?.lookAgain(),
  });
}

function enter({ code = "", notice = null as string | null } = {}): void {
  leaveCard();
  const stored = session.stored();
  applyBrand(stored?.branding ?? null, locales);
  showEnter(main(), {
    code,
    notice,
    back: stored ? () => void restore() : null,
    redeem: async (text) => {
      const answer = await session.redeem(text);
      if (answer.ok) card(answer.value, true);
      return answer.ok ? ok(null) : answer;
    },
  });
}

function card(view: CardView, isNew: boolean): void {
  applyBrand(view.branding, locales);
  shownAtMs = Date.now();
  leaveCard();
  shown = showCard(main(), {
    view,
    session,
    locales,
    isNew,
    onEnded: (notice) => enter({ notice }),
    onAnother: () => enter(),
    onReplaced: () => void restore(),
  });
  if (document.visibilityState === "visible") listen();
}

async function restore(): Promise<void> {
  leaveCard();
  applyBrand(session.stored()?.branding ?? null, locales);
  main().replaceChildren(h("h1", {}, TEXTS.restore.heading), h("p", { role: "status" }, TEXTS.restore.busy));
  const answer = await session.restore();
  if (answer.ok) return card(answer.value, false);
  if (endsSession(answer.error)) return enter({ notice: TEXTS.restore.forgotten });
  const problem = problemView();
  const heading = h("h1", {}, TEXTS.restore.stuckHeading);
  main().replaceChildren(
    heading,
    problem.element,
    h(
      "p",
      {},
      button(TEXTS.device.another, "quiet", () => enter()),
    ),
  );
  problem.show(answer.error, () => void restore());
  focusOn(heading);
}

/** The code leaves the address bar, and so the history, before anything else happens. */
function takeCode(): string {
  const code = codeOfFragment(location.hash);
  if (location.hash !== "") history.replaceState(null, "", location.pathname);
  return code;
}

function start(): void {
  document.documentElement.lang = TEXTS.language;
  if (TEXTS.direction === "rtl") document.documentElement.dir = "rtl";
  const code = takeCode();
  if (code !== "" || !session.stored()) enter({ code });
  else void restore();
}

addEventListener("hashchange", () => {
  const code = takeCode();
  if (code !== "") enter({ code });
});
addEventListener("storage", ({ key, newValue }) => {
  if (key === SESSION_KEY && newValue === null) enter({ notice: TEXTS.restore.leftElsewhere });
});
document.addEventListener("visibilitychange", () => {
  if (!shown) return;
  if (document.visibilityState !== "visible") return live?.close();
  listen();
  // The live channel may not come through here, such as behind some proxies.
  if (Date.now() - shownAtMs < LOOK_AGAIN_AFTER_MS) return;
  shownAtMs = Date.now();
  shown.lookAgain();
});

start();
