/**
 * Every refusal the product can give, once: the code is the contract, the slug is its page, the texts are for people.
 * Pure data. A code without an entry here does not compile.
 */

import type { Hold } from "./hold.ts";

type Problem = {
  readonly status: number;
  readonly title: string;
  /** May the very same request succeed later without anybody changing anything? */
  readonly retryable: boolean;
  /** What the reader should do now; shown on the problem's page and used as the default detail. */
  readonly next: string;
};

const problem = (status: number, title: string, next: string, retryable = false): Problem => ({
  status,
  title,
  retryable,
  next,
});

export const PROBLEMS = {
  bad_request: problem(400, "The request cannot be read", "Send well-formed UTF-8 JSON with the documented headers."),
  invalid_request: problem(
    400,
    "OAuth: the request is incomplete",
    "Send grant_type and refresh_token (RFC 6749 section 6).",
  ),
  invalid_grant: problem(
    400,
    "OAuth: the refresh token is not accepted",
    "Redeem the code again on the same device; the card and its credit are untouched.",
  ),
  invalid_dpop_proof: problem(
    400,
    "OAuth: the proof of possession is not accepted",
    "Send a new DPoP proof, made for this request with the key the device registered (RFC 9449).",
  ),
  unsupported_grant_type: problem(400, "OAuth: grant type not supported", "Use grant_type=refresh_token."),
  unauthenticated: problem(
    401,
    "No valid key or token",
    "Send Authorization: Bearer with a current key or access token.",
  ),
  insufficient_credit: problem(402, "Not enough credit", "Top the card up, or ask for less."),
  limit_exceeded: problem(402, "Beyond the partner's limits", "Ask the operator to raise the limit, or issue less."),
  insufficient_scope: problem(403, "The key may not do this", "Use a key that has the scope named in the detail."),
  card_blocked: problem(403, "The card is blocked", "Ask the card's provider why, and to unblock it."),
  credential_revoked: problem(403, "This device was signed out", "Redeem the code again on this device."),
  device_signed_out: problem(403, "This device was signed out", "Redeem the code again on this device."),
  destination_not_allowed: problem(
    403,
    "This destination cannot be called",
    "Dial another number, or ask the card's provider.",
  ),
  pin_required: problem(403, "A PIN is needed", "Send the PIN that the first device set."),
  pin_wrong: problem(403, "The PIN is wrong", "Try again; five wrong PINs a day are allowed."),
  takeover_refused: problem(
    403,
    "The card cannot move to this device now",
    "Sign out on the old device, or ask the card's provider.",
  ),
  partner_suspended: problem(403, "The partner is suspended", "Ask the operator."),
  not_found: problem(404, "There is nothing here", "Check the address and the id."),
  code_unknown: problem(404, "This code is not known", "Check every symbol against the card and type it again."),
  hold_unknown: problem(404, "This hold is not known", "Place the hold first; ids are per card."),
  method_not_allowed: problem(405, "This method is not offered here", "Use one of the methods in the Allow header."),
  card_in_use: problem(
    409,
    "The card is set up on another device",
    "Use that device, sign it out there, or take the card over.",
  ),
  card_not_activated: problem(409, "The card is not activated yet", "Ask the shop that sold it to activate it."),
  card_not_redeemed: problem(409, "The card has not been redeemed yet", "Redeem its code first."),
  batch_paused: problem(409, "These cards are paused", "Try again later, or ask the card's provider.", true),
  too_many_calls: problem(409, "Too many calls at once", "End a call first."),
  hold_settled: problem(409, "The hold is settled", "Nothing more can be done with it; see its outcome in `hold`."),
  sequence_gap: problem(409, "A step is missing", "Send the step named in `expected` first."),
  id_taken: problem(409, "This id is taken", "Choose another id."),
  webhook_disabled: problem(
    409,
    "The webhook is disabled",
    "Enable it with PUT first; `disabledReason` says why it is.",
  ),
  voucher_used: problem(409, "The voucher is used", "It was paid into a card already."),
  card_expired: problem(410, "The card has expired", "Ask the card's provider."),
  card_recalled: problem(410, "The card was recalled", "Ask the card's provider for a new one."),
  card_closed: problem(410, "The card is closed", "Ask the card's provider for a new one."),
  voucher_expired: problem(410, "The voucher has expired", "Ask who sold it."),
  link_expired: problem(410, "The link has expired", "Make a new one in the app."),
  payload_too_large: problem(413, "The request is too large", "Send less; the limit is in the detail."),
  unsupported_media_type: problem(
    415,
    "This content type is not accepted here",
    "Send Content-Type: application/json in UTF-8, not compressed.",
  ),
  invalid_input: problem(422, "Some fields are not valid", "See `errors`: a JSON pointer and what is wrong with it."),
  code_malformed: problem(
    422,
    "This cannot be a code",
    "Look at the marked positions: letters and digits as printed, never U.",
  ),
  check_failed: problem(
    422,
    "There is a typing mistake in the code",
    "Compare every symbol with the card; the check symbol does not fit.",
  ),
  id_reused: problem(
    422,
    "The id was used for something else",
    "Use a new id for a new request; repeat a request unchanged.",
  ),
  currency_mismatch: problem(422, "The currency is not the card's", "Use the card's own currency."),
  commit_exceeds_hold: problem(422, "More than the hold", "Commit at most the hold, or say overrun: collect."),
  wrong_kind: problem(422, "This code is of another kind", "A voucher tops up a card; a card is redeemed."),
  too_many_attempts: problem(429, "Too many failed attempts", "Wait as long as Retry-After says.", true),
  upstream_failed: problem(502, "The provider's server did not answer well", "Try again in a minute.", true),
  try_again: problem(
    503,
    "A part of the service did not answer in time",
    "Send the same request again in a few seconds.",
    true,
  ),
  card_halted: problem(
    503,
    "The card's books do not add up",
    "It answers nothing until the operator has looked at it; nothing was changed.",
  ),
  internal_error: problem(
    500,
    "Something went wrong here",
    "Send the same request again; if it stays, report the request id.",
    true,
  ),
} as const satisfies Record<string, Problem>;

export type ProblemCode = keyof typeof PROBLEMS;

export type FieldError = { readonly pointer: string; readonly detail: string };

/** A refusal on its way out. `detail` never quotes secrets, SQL or another party's text. */
export type Refusal = {
  readonly code: ProblemCode;
  readonly detail?: string;
  readonly errors?: readonly FieldError[];
  readonly positions?: readonly number[];
  readonly retryAfterSeconds?: number;
  /** With `hold_settled`: how it ended. */
  readonly hold?: Hold;
  /** With `too_many_calls`: what is open. */
  readonly holds?: readonly Hold[];
  /** With `sequence_gap`: the step to send next. */
  readonly expected?: number;
};

export const slugOf = (code: ProblemCode): string => code.replaceAll("_", "-");

export const codeOfSlug = (slug: string): ProblemCode | undefined => {
  const code = slug.replaceAll("-", "_");
  return Object.hasOwn(PROBLEMS, code) && slugOf(code as ProblemCode) === slug ? (code as ProblemCode) : undefined;
};

export const refuse = (code: ProblemCode, detail?: string): Refusal =>
  detail === undefined ? { code } : { code, detail };

export const invalidField = (pointer: string, detail: string): Refusal => ({
  code: "invalid_input",
  errors: [{ pointer, detail }],
});
