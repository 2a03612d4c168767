/** Every sentence of the portal's own pages: what happened, and what the holder can do next. */
import type { ProblemCode } from "../../domain/errors.ts";

export type PageText = {
  readonly status: number;
  readonly title: string;
  readonly text: string;
  readonly next: string;
};

const AGAIN = "Go back to your phone app and open the top-up from there.";

export const PAGES = {
  unknown_host: {
    status: 404,
    title: "There is no portal at this address",
    text: "The address may be misspelled, or its provider has moved.",
    next: AGAIN,
  },
  no_page: {
    status: 404,
    title: "This page is not part of the portal",
    text: "The link leads to a place the portal does not show.",
    next: "Go to the portal’s first page, or back to where you came from.",
  },
  bad_address: {
    status: 400,
    title: "This address cannot be read",
    text: "It holds characters that different servers read differently, so it was not passed on.",
    next: "Go to the portal’s first page, or back to where you came from.",
  },
  not_signed_in: {
    status: 401,
    title: "You are not signed in",
    text: "You signed out, or the time of this visit is over. It ends after half an hour without a click, and after eight hours at most.",
    next: AGAIN,
  },
  link_expired: {
    status: 410,
    title: "This link has been used or is too old",
    text: "For your safety a link into the portal works once, and for one minute.",
    next: AGAIN,
  },
  signed_out: {
    status: 200,
    title: "You are signed out",
    text: "This browser keeps nothing of your visit. Your card and its credit are as they were.",
    next: AGAIN,
  },
  wrong_method: {
    status: 405,
    title: "The portal does not take this",
    text: "The page sent something in a way its provider has not allowed here. Nothing was done.",
    next: "Go back and try another way, or ask your provider.",
  },
  foreign: {
    status: 403,
    title: "This did not come from the portal itself",
    text: "Another site tried to send something in your name. It was not passed on.",
    next: "If you wanted this, go to the portal and do it there.",
  },
  upstream_failed: {
    status: 502,
    title: "The provider’s site does not work at the moment",
    text: "It gave no answer that can be shown. Your card and its credit are as they were.",
    next: "Try again in a minute. If you just paid, look at your balance before you pay again.",
  },
  upstream_late: {
    status: 504,
    title: "The provider’s site takes too long",
    text: "There was no answer in time.",
    next: "Try again in a minute. If you just paid, look at your balance before you pay again.",
  },
  too_large: {
    status: 413,
    title: "This is too large to send",
    text: "The portal takes files of up to 100 MB.",
    next: "Send a smaller file.",
  },
  going_on: {
    status: 200,
    title: "One moment",
    text: "You come back from another site.",
    next: "If nothing happens, press Continue.",
  },
  open: {
    status: 200,
    title: "Opening your portal",
    text: "One moment.",
    next: AGAIN,
  },
} as const satisfies Record<string, PageText>;

export type PageName = keyof typeof PAGES;

/** For refusals of the card: what its holder can do, where the problem's own text speaks to developers. */
export const NEXT_FOR_HOLDERS: Partial<Record<ProblemCode, string>> = {
  device_signed_out: "Enter the card’s code again in your phone app; the card and its credit are untouched.",
  try_again: "Try again in a few seconds.",
  too_many_attempts: "Wait a minute, then open the top-up from your phone app again.",
};
