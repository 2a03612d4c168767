/** Building elements without markup in strings, so nothing of a brand or an answer can ever become markup. */
type Child = Node | string | null | false;
type Attributes = Readonly<Record<string, string | number | boolean | null | undefined>>;

export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  setAttributes(element, attributes);
  element.append(...children.filter((child) => child !== null && child !== false));
  return element;
}

/** `null`, `undefined` and `false` remove, `true` sets without a value. */
export function setAttributes(element: Element, attributes: Attributes): void {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) element.removeAttribute(name);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
}

export function button(label: string, kind: "primary" | "quiet" | "small", onClick?: () => void): HTMLButtonElement {
  const element = h("button", { type: onClick ? "button" : "submit", class: `button ${kind}` }, label);
  if (onClick) element.addEventListener("click", onClick);
  return element;
}

/** Stays focusable while busy, so nobody's focus is lost; the handler has to look. */
export function setBusy(element: HTMLButtonElement, label: string, isBusy: boolean): void {
  element.textContent = label;
  setAttributes(element, { "aria-disabled": isBusy ? "true" : null });
}
export const isBusy = (element: Element): boolean => element.getAttribute("aria-disabled") === "true";

/** Says something to screen readers without moving the focus. */
export function announce(text: string): void {
  const region = document.getElementById("announcements");
  if (region) region.textContent = text;
}

/** New screens start at their heading, for eyes and screen readers alike. */
export function focusOn(element: HTMLElement): void {
  element.tabIndex = -1;
  element.focus({ preventScroll: true });
  globalThis.scrollTo(0, 0);
}
