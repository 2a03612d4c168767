/** The first screen: one field, judged while typing, and one button. */
import type { Result } from "../../domain/result.ts";
import type { Problem } from "../api.ts";
import { groupCode, judgeAtSubmit, judgeCode, type Judgement, markPieces } from "../code-entry.ts";
import { announce, button, focusOn, h, isBusy, setAttributes, setBusy } from "../dom.ts";
import { TEXTS } from "../texts.ts";
import { problemView } from "./problem.ts";

const SLOW_AFTER_MS = 4000;
const T = TEXTS.enter;

export type EnterOptions = {
  readonly code: string;
  /** Why this screen is shown instead of the card. */
  readonly notice: string | null;
  /** There is a card already: back to it. */
  readonly back: (() => void) | null;
  readonly redeem: (code: string) => Promise<Result<null, Problem>>;
};

export function showEnter(main: HTMLElement, options: EnterOptions): void {
  document.title = T.documentTitle;
  const field = codeField();
  const submit = button(T.submit, "primary");
  const problem = problemView();
  const form = h("form", { class: "stack", novalidate: true }, field.element, submit);
  const heading = h("h1", {}, T.heading);
  main.replaceChildren(
    heading,
    h("p", { class: "lead" }, T.lead),
    ...(options.notice === null ? [] : [h("p", { class: "notice", role: "status" }, options.notice)]),
    problem.element,
    form,
    ...backPart(options.back),
    h("p", { class: "muted small" }, T.emergency),
  );

  const attempt = async () => {
    if (isBusy(submit) || !field.isReady()) return;
    problem.clear();
    setBusy(submit, T.busy, true);
    field.input.readOnly = true;
    main.setAttribute("aria-busy", "true");
    announce(T.busy);
    const slow = setTimeout(() => announce(T.slow), SLOW_AFTER_MS);
    const answer = await options.redeem(field.input.value);
    clearTimeout(slow);
    main.removeAttribute("aria-busy");
    if (answer.ok) return;
    announce("");
    field.input.readOnly = false;
    setBusy(submit, T.submit, false);
    problem.show(answer.error, () => void attempt());
    // The mistake is in the code: back to it. Otherwise the keyboard stays where it was.
    if (["code_unknown", "code_malformed", "check_failed"].includes(answer.error.code)) field.input.focus();
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void attempt();
  });
  field.input.addEventListener("input", problem.clear);
  if (options.code !== "") field.set(options.code);
  if (options.notice !== null || options.back) focusOn(heading);
}

const backPart = (back: (() => void) | null): HTMLElement[] =>
  back ? [h("p", { class: "muted" }, T.replacing), h("p", {}, button(T.back, "quiet", back))] : [];

function codeField() {
  // No `name`: should the script fail, a submitted form still carries no code.
  const input = h("input", {
    id: "code",
    class: "code",
    type: "text",
    dir: "ltr",
    inputmode: "text",
    autocapitalize: "characters",
    autocomplete: "off",
    autocorrect: "off",
    spellcheck: "false",
    enterkeyhint: "go",
    "aria-required": "true",
    "aria-describedby": "code-hint code-message",
    placeholder: "",
  });
  const marks = h("p", { class: "code-marks", dir: "ltr", "aria-hidden": "true", hidden: true });
  const message = h("p", { id: "code-message", class: "field-message", "aria-live": "polite" });

  const judge = (judgement: Judgement, isSubmit = false) => {
    const isWrong =
      ["malformed", "too_long", "mistyped"].includes(judgement.state) || (isSubmit && !isComplete(judgement));
    setAttributes(input, { "aria-invalid": isWrong ? "true" : null });
    message.className = isWrong ? "field-message is-wrong" : "field-message";
    const sentence = messageOf(judgement, isSubmit);
    // Written only when it changes: screen readers repeat every write.
    if (message.textContent !== sentence) message.textContent = sentence;
    marks.hidden = judgement.state !== "malformed";
    const pieces = judgement.state === "malformed" ? markPieces(input.value, judgement.positions) : [];
    marks.replaceChildren(...pieces.map(({ text, isWrong: wrong }) => (wrong ? h("mark", {}, text) : text)));
  };
  const set = (text: string, caret?: number) => {
    const entry = groupCode(text, caret);
    if (input.value !== entry.text) {
      input.value = entry.text;
      if (caret !== undefined) input.setSelectionRange(entry.caret, entry.caret);
    }
    judge(judgeCode(entry.text));
  };
  const onInput = () => set(input.value, input.selectionStart ?? input.value.length);
  input.addEventListener("input", (event) => {
    if (!(event instanceof InputEvent && event.isComposing)) onInput();
  });
  input.addEventListener("compositionend", onInput);

  const isReady = () => {
    const judgement = judgeAtSubmit(input.value);
    judge(judgement, true);
    if (!isComplete(judgement)) input.focus();
    return isComplete(judgement);
  };
  const element = h(
    "div",
    { class: "field" },
    h("label", { for: "code" }, T.label),
    h("p", { id: "code-hint", class: "muted small" }, T.hint),
    input,
    marks,
    message,
  );
  return { element, input, set, isReady };
}

const isComplete = ({ state }: Judgement) => state === "complete";

/** Progress is told only now and then, or screen readers would speak at every key. */
const PROGRESS_EVERY = 4;

function messageOf(judgement: Judgement, isSubmit: boolean): string {
  switch (judgement.state) {
    case "empty":
      return isSubmit ? TEXTS.code.empty : "";
    case "typing": {
      const { symbols, needed } = judgement;
      if (isSubmit) return TEXTS.code.incomplete(symbols);
      return symbols % PROGRESS_EVERY === 0 ? TEXTS.code.typing(symbols, needed) : "";
    }
    case "malformed":
      return TEXTS.code.malformed(judgement.marked);
    case "too_long":
      return TEXTS.code.tooLong(judgement.symbols);
    case "mistyped":
      return TEXTS.code.mistyped;
    case "complete":
      return TEXTS.code.complete;
    default:
      return judgement satisfies never;
  }
}
