/**
 * Public card numbers: `<batch>-<card>`, zero-padded to 6 and 7 digits, and the SIP user `<serial>.<device>`.
 * Only the padded form is read, so one card has one spelling (it names the card's object).
 */

/** 2^25 - 1: batch and card each fill five base32 symbols of a sealed code. */
export const MAX_BATCH_NUMBER = 33_554_431;
export const MAX_CARD_NUMBER = 33_554_431;
export const MAX_DEVICE_NUMBER = 65_535;

const BATCH_DIGITS = 6;
const CARD_DIGITS = 7;

export type CardRef = { readonly batch: number; readonly card: number };

export function formatSerial({ batch, card }: CardRef): string {
  return `${String(batch).padStart(BATCH_DIGITS, "0")}-${String(card).padStart(CARD_DIGITS, "0")}`;
}

/** Reads the canonical spelling only; undefined for anything else. */
export function parseSerial(text: string): CardRef | undefined {
  const match = /^(\d{6,8})-(\d{7,8})$/.exec(text);
  if (!match) return undefined;
  const ref = { batch: Number(match[1]), card: Number(match[2]) };
  const inRange = ref.batch >= 1 && ref.batch <= MAX_BATCH_NUMBER && ref.card >= 1 && ref.card <= MAX_CARD_NUMBER;
  return inRange && formatSerial(ref) === text ? ref : undefined;
}

export const formatSipUser = (serial: string, device: number): string => `${serial}.${device}`;

export function parseSipUser(text: string): { serial: string; device: number } | undefined {
  const match = /^(.+)\.([1-9]\d{0,4})$/.exec(text);
  const serial = match?.[1] ?? "";
  const device = Number(match?.[2]);
  return parseSerial(serial) && device <= MAX_DEVICE_NUMBER ? { serial, device } : undefined;
}
