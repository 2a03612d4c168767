/**
 * Redeeming: a code in, a card that is set up out. The hot path: unseal, terms, one call to the card's object, sign.
 * A code that was never issued touches no storage. Of a genuine code the real reason is told.
 */
import type { CardCall } from "../domain/card.ts";
import type { NewDevice, PresentedProof, Redeemed } from "../domain/card-calls.ts";
import { readCode, type CodeText } from "../domain/code/read.ts";
import { unsealCode, type CodeKey } from "../domain/code/seal.ts";
import { refuse, type ProblemCode, type Refusal } from "../domain/errors.ts";
import { neutralBrand, type Brand } from "../domain/branding.ts";
import { err, ok, type Result } from "../domain/result.ts";
import { formatSerial } from "../domain/serial.ts";
import type { CatalogueTerms } from "../domain/terms.ts";
import type { TakeoverRequest } from "../domain/takeover.ts";
import type { Pins } from "../auth/pins.ts";
import { sha256Hex } from "../auth/sha256.ts";
import type { CardStubs } from "../durable/stubs.ts";
import type { Catalogue } from "./catalogue.ts";
import type { FailureBudget } from "./failure-budget.ts";

export type RedeemInput = {
  readonly code: string;
  readonly device: Omit<NewDevice, "idHash"> & { readonly id: string };
  /** The app's own brand: a card of another one is as unknown as a code never issued. */
  readonly brand: string | null;
  readonly source: string;
  readonly colo: string | undefined;
  /** By the key the device registered, if it did. */
  readonly proof: PresentedProof | null;
  /** Asked for by the app: the card may be taken from another device, by this PIN if its profile wants one. */
  readonly takeover: { readonly pin: string | null } | null;
};

export type RedeemedCard = {
  readonly call: CardCall;
  readonly terms: CatalogueTerms;
  readonly brand: Brand;
  readonly redeemed: Redeemed;
};

type Deps = {
  readonly codeKeys: readonly CodeKey[];
  readonly catalogue: Catalogue;
  readonly budget: FailureBudget;
  readonly cards: CardStubs;
  readonly pins: Pins;
  /** Names the moment for Server-Timing. */
  readonly mark: (step: string) => void;
};

/** The first cards of a test batch answer these for ever, in this order, so that a dialler can be built without luck. */
const TEST_OUTCOMES: readonly ProblemCode[] = [
  "card_in_use",
  "card_not_activated",
  "batch_paused",
  "card_blocked",
  "card_expired",
  "card_recalled",
  "card_closed",
  "code_unknown",
  "too_many_attempts",
  "try_again",
  "card_halted",
];
const TEST_RETRY_AFTER_SECONDS = 5;

export async function redeem(deps: Deps, input: RedeemInput): Promise<Result<RedeemedCard, Refusal>> {
  const read = readCode(input.code);
  if (!read.ok) return read;
  const { source, brand: ownBrand } = input;
  const found = await findCode(deps, read.value, source, ({ batch }) => ownBrand === null || batch.brand === ownBrand);
  if (!found.ok) return found;
  const { call, terms } = found.value;
  deps.mark("terms");
  if (terms.batch.kind === "voucher")
    return err(refuse("wrong_kind", "This is a voucher: it tops up a card that is set up already."));
  const fixed = terms.batch.mode === "test" ? TEST_OUTCOMES[call.card - 1] : undefined;
  if (fixed)
    return err({ code: fixed, ...(fixed === "too_many_attempts" && { retryAfterSeconds: TEST_RETRY_AFTER_SECONDS }) });
  const { id, ...device } = input.device;
  const serial = formatSerial({ batch: terms.batch.number, card: call.card });
  const idHash = await hashDeviceId(serial, id);
  const takeover = input.takeover && (await takeoverOf(deps, terms, serial, input.takeover.pin));
  const [redeemed, brand] = await Promise.all([
    deps.cards.call(call, (card) => card.redeem(call, { ...device, idHash }, takeover, input.proof), input.colo),
    brandOf(deps.catalogue, terms),
  ]);
  deps.mark("card");
  return redeemed.ok ? ok({ call, terms, brand, redeemed: redeemed.value }) : redeemed;
}

const takeoverOf = async (
  { pins }: Pick<Deps, "pins">,
  { profile }: CatalogueTerms,
  serial: string,
  pin: string | null,
): Promise<TakeoverRequest> => ({
  rule: profile?.takeover ?? "never",
  pin: pin === null ? null : await pins.present(serial, pin),
});

/**
 * The card a code stands for: the opening whose key id its batch records, within the batch's quantity.
 * What `isKnownHere` turns away is as unknown as a code never issued, and counts as such.
 */
export async function findCode(
  deps: Pick<Deps, "budget" | "catalogue" | "codeKeys">,
  code: CodeText,
  source: string,
  isKnownHere: (terms: CatalogueTerms) => boolean,
): Promise<Result<{ call: CardCall; terms: CatalogueTerms }, Refusal>> {
  // The keypad's space is small, so its sources are held to their budget before anything is learnt from a guess.
  const waitSeconds = code.format === "keypad18" ? deps.budget.waitSeconds(source) : 0;
  if (waitSeconds > 0) return err({ code: "too_many_attempts", retryAfterSeconds: waitSeconds });
  for (const { batch, card, keyId } of unsealCode(code, deps.codeKeys)) {
    const terms = await deps.catalogue.terms(batch);
    const isIssued =
      terms !== null &&
      card <= terms.batch.quantity &&
      terms.batch.keyId === keyId &&
      terms.batch.format === code.format;
    if (!isIssued || !isKnownHere(terms)) continue;
    return ok({ terms, call: cardCall(terms, card) });
  }
  const overSeconds = await deps.budget.fail(source);
  return err(
    overSeconds > 0 ? { code: "too_many_attempts", retryAfterSeconds: overSeconds } : { code: "code_unknown" },
  );
}

export const cardCall = (terms: CatalogueTerms, card: number): CardCall => ({
  terms: terms.batch,
  card,
  standing: terms.standing,
  firstUsePaused: terms.partnerSuspended,
});

/** A brand that is missing, late or another partner's is replaced by nobody's look; it never costs the redemption. */
export async function brandOf(catalogue: Catalogue, { batch }: CatalogueTerms): Promise<Brand> {
  const brand = await catalogue.brand(batch.brand).catch(() => null);
  return brand?.partner === batch.partner ? brand : neutralBrand(batch.brand, batch.partner);
}

/** Bound to the card, so that the same app on two cards cannot be recognised from storage. */
const hashDeviceId = (serial: string, id: string): Promise<string> => sha256Hex(`ringfare device\0${serial}\0${id}`);
