/** Amounts and times as the reader's own locale writes them. Pure but for the locale list. */

/** Exact: the decimal string is formatted, never a floating-point copy of it. */
export function formatMoney(amount: string, currency: string, locales: readonly string[]): string {
  try {
    const plain = new Intl.NumberFormat(locales, { style: "currency", currency });
    const usual = plain.resolvedOptions().maximumFractionDigits ?? 2;
    const digits = Math.max(usual, (amount.split(".")[1] ?? "").replace(/0+$/, "").length);
    const exact = new Intl.NumberFormat(locales, { style: "currency", currency, maximumFractionDigits: digits });
    return exact.format(amount as Intl.StringNumericLiteral);
  } catch {
    return `${amount} ${currency}`;
  }
}

export const isZero = (amount: string): boolean => /^0*(\.0*)?$/.test(amount);

function formatTime(time: string, locales: readonly string[], options: Intl.DateTimeFormatOptions): string {
  const at = Date.parse(time);
  return Number.isNaN(at) ? time : new Intl.DateTimeFormat(locales, options).format(at);
}

/** A card's last day matters, and the hour on it: a card of another time zone may end in the middle of a day. */
export const formatDay = (time: string, locales: readonly string[]) =>
  formatTime(time, locales, { dateStyle: "long", timeStyle: "short" });

/** Within a day the date would only be noise. */
export function formatMoment(time: string, nowMs: number, locales: readonly string[]): string {
  const isSoon = Math.abs(Date.parse(time) - nowMs) < 12 * 3_600_000;
  return formatTime(time, locales, isSoon ? { timeStyle: "short" } : { dateStyle: "medium", timeStyle: "short" });
}

/** What the card's provider and the holder see in the list of devices. */
export function deviceNameOf(userAgent: string): string {
  const systems: [RegExp, string][] = [
    [/iPhone/, "iPhone"],
    [/iPad/, "iPad"],
    [/Android/, "Android"],
    [/Windows/, "Windows"],
    [/Mac OS X/, "Mac"],
    [/CrOS/, "Chromebook"],
    [/Linux/, "Linux"],
  ];
  const system = systems.find(([pattern]) => pattern.test(userAgent))?.[1];
  return system === undefined ? "Browser" : `Browser on ${system}`;
}
