/** Issuing a batch: once per Idempotency-Key and owner, within the partner's limits, or not at all. */
import { checkExpiryDay, checkOrder, fingerprintOf, type Batch, type BatchOrder } from "../domain/batch.ts";
import { invalidField, refuse, type Refusal } from "../domain/errors.ts";
import { formatAmount } from "../domain/money.ts";
import { err, ok, type Result } from "../domain/result.ts";
import { insertBatch, readIssueContext, readIssueLimits, type IssueKey, type IssueLimits } from "../storage/batches.ts";
import type { Database } from "../storage/database.ts";
import type { Audited } from "./audit.ts";

export type IssueRequest = IssueKey & { readonly order: BatchOrder };
/** A replayed batch is shown as it was when it was issued. */
export type Issued = { readonly batch: Batch; readonly isReplay: boolean };

type Deps = { readonly db: Database; readonly codeKeyId: string; readonly now: () => number };

export async function issueBatch(
  { db, codeKeyId, now }: Deps,
  audited: Audited,
  { order, ...key }: IssueRequest,
): Promise<Result<Issued, Refusal>> {
  const sound = checkOrder(order);
  if (!sound.ok) return sound;
  const context = await readIssueContext(db, key, order);
  if (context.existing) return replay(context.existing, order);
  const { partner } = context;
  if (!partner) return err(invalidField("/partner", "No such partner."));
  if (!context.hasBrand) return err(invalidField("/brand", "No such brand of this partner."));
  if (!context.hasProfile) return err(invalidField("/profile", "No such profile of this partner."));
  const atMs = now();
  const day = checkExpiryDay(order.expiry.at, atMs, partner.timeZone);
  if (!day.ok) return day;
  if (partner.status === "suspended")
    return err(refuse("partner_suspended", "A suspended partner issues nothing; make it active first."));

  const { creditMicros, currency, ...told } = order;
  const credit = { amount: formatAmount(creditMicros, currency), currency };
  const details = { ...told, credit, idempotencyKey: key.idempotencyKey };
  const batch = await audited({ owner: order.partner, act: "batch.issue", object: "batch:new", details }, (entry) =>
    insertBatch(db, { ...key, order, keyId: codeKeyId, atMs }, entry),
  );
  if (batch) return ok({ batch, isReplay: false });
  // Nothing was written: an equal request was faster, or a rule forbids it.
  const { existing } = await readIssueContext(db, key, order);
  return existing ? replay(existing, order) : err(limitRefusal(order, await readIssueLimits(db, order, atMs)));
}

const replay = (existing: Batch & { readonly fingerprint: string }, order: BatchOrder): Result<Issued, Refusal> =>
  existing.fingerprint === fingerprintOf(order)
    ? ok({ batch: { ...existing, status: "active" }, isReplay: true })
    : err(refuse("id_reused", "This Idempotency-Key issued another batch; use a new one."));

function limitRefusal({ currency, quantity }: BatchOrder, limits: IssueLimits): Refusal {
  if (!limits.hasLimits)
    return refuse("limit_exceeded", `The partner has no limits in ${currency}, so it issues none.`);
  if (!limits.faceValue) return refuse("limit_exceeded", "A card's credit is above the partner's largest face value.");
  if (!limits.outstanding) return refuse("limit_exceeded", "This would pass what the partner may have outstanding.");
  if (!limits.odds)
    return invalidField("/format", `${quantity} more keypad codes would make guessing worth while; use base32.`);
  if (!limits.numbers) return invalidField("/format", "Batch numbers of this format are used up; use base32.");
  // A limit was raised, or a brand or profile went, in the meantime.
  return refuse("try_again");
}
