/** A refusal on the page: what it is, what to do, where it is explained, and another try where that can help. */
import type { Problem } from "../api.ts";
import { button, h, isBusy, setBusy } from "../dom.ts";
import { TEXTS } from "../texts.ts";

export type ProblemView = {
  readonly element: HTMLElement;
  readonly show: (problem: Problem, retry?: () => void) => void;
  readonly clear: () => void;
};

/** `role="alert"`: read out at once, wherever the focus is. */
export function problemView(): ProblemView {
  const element = h("div", { role: "alert" });
  let timer: ReturnType<typeof setInterval> | undefined;
  const clear = () => {
    clearInterval(timer);
    element.replaceChildren();
  };
  return {
    element,
    clear,
    show: (problem, retry) => {
      clear();
      const canRetry = retry !== undefined && problem.isRetryable;
      const again = canRetry ? button(TEXTS.problem.retry, "quiet", () => isBusy(again as Element) || retry()) : null;
      if (again) timer = countDown(again, problem.retryAfterSeconds);
      element.append(
        h(
          "div",
          { class: "notice danger", "data-code": problem.code },
          h("p", { class: "notice-title" }, problem.title),
          problem.detail !== "" && h("p", {}, problem.detail),
          h(
            "p",
            { class: "actions" },
            again,
            problem.page !== null && h("a", { href: problem.page, target: "_blank" }, TEXTS.problem.more),
          ),
        ),
      );
    },
  };
}

/** Retry-After is kept by the page, so nobody makes things worse by tapping. Not announced every second. */
function countDown(again: HTMLButtonElement, seconds: number): ReturnType<typeof setInterval> | undefined {
  if (seconds <= 0) return undefined;
  let left = seconds;
  again.setAttribute("aria-live", "off");
  setBusy(again, TEXTS.problem.retryIn(left), true);
  const timer = setInterval(() => {
    left -= 1;
    if (left > 0) setBusy(again, TEXTS.problem.retryIn(left), true);
    else {
      clearInterval(timer);
      setBusy(again, TEXTS.problem.retry, false);
    }
  }, 1000);
  return timer;
}
