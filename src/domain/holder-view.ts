/** A card as its holder's device is shown it: GET /v1/me and the live channel say the same, in the same form. Pure. */
import type { Balance } from "./balance.ts";
import type { CardView } from "./card-calls.ts";
import { formatAmount } from "./money.ts";
import { toRfc3339 } from "./time.ts";

export const holderBalance = ({ available, held }: Pick<Balance, "available" | "held">, currency: string) => ({
  available: formatAmount(available, currency),
  held: formatAmount(held, currency),
  currency,
});

export const holderCard = (serial: string, view: CardView, device: number) => ({
  serial,
  status: view.status,
  mode: view.mode,
  expiresAt: view.expiresAtMs === null ? null : toRfc3339(view.expiresAtMs),
  device,
});

/** Everything a device sees; other devices of the card by name, signed-out ones not at all. */
export const holderView = (serial: string, view: CardView, device: number) => ({
  card: holderCard(serial, view, device),
  balance: holderBalance(view.balance, view.currency),
  devices: view.devices
    .filter(({ status }) => status === "active")
    .map(({ number, name, sipSeat = true }) => ({ number, name, current: number === device, sipSeat })),
});
