/**
 * One act for many cards, in slices driven by the queue. A slice may be lost, doubled or cut off anywhere: each card does
 * the act once under the action's id, results have a place of their own, and the place in the list moves on only once.
 */
import { OPERATOR } from "../domain/audit.ts";
import {
  afterSlice,
  cardAt,
  fingerprintOf,
  givesUp,
  serialAt,
  sizeOf,
  type BulkAction,
  type BulkOrder,
  type BulkResult,
} from "../domain/bulk-action.ts";
import { PROBLEMS, refuse, type Refusal } from "../domain/errors.ts";
import { err, ok, type Result } from "../domain/result.ts";
import { STALLED_MS } from "../domain/sweep.ts";
import {
  findCardAction,
  insertCardAction,
  readCardAction,
  readDueActions,
  readSettled,
  saveSlice,
  type BulkCaller,
} from "../storage/card-actions.ts";
import type { Database } from "../storage/database.ts";
import { Unavailable } from "../storage/unavailable.ts";
import type { Audited } from "./audit.ts";
import type { Catalogue } from "./catalogue.ts";
import type { Jobs } from "./jobs.ts";
import { cardCall } from "./redeem.ts";
import type { CallCard } from "./sweep.ts";

const CARDS_A_SLICE = 200;
/** Objects called at the same time. */
const AT_A_TIME = 20;
const STALLED_AT_ONCE = 100;

type Deps = {
  readonly db: Database;
  readonly catalogue: Pick<Catalogue, "terms">;
  readonly callCard: CallCard;
  readonly jobs: Jobs;
  readonly now: () => number;
};

export type Ordered = { readonly action: BulkAction; readonly isReplay: boolean };

const manyObject = (id: string): string => `card:many:${id}`;

/** Once per id and owner: the same order again answers how far it is, another one is refused. */
export async function orderCardAction(
  { db, jobs, now }: Pick<Deps, "db" | "jobs" | "now">,
  audited: Audited,
  order: BulkOrder,
  caller: BulkCaller,
): Promise<Result<Ordered, Refusal>> {
  const { id, reason, action, dryRun, targets } = order;
  const act = {
    owner: caller.partner ?? OPERATOR,
    act: "card.act_on_many",
    object: manyObject(id),
    details: { ...action, cards: sizeOf(targets), from: serialAt(targets, 0), dryRun },
    reason,
  } as const;
  const made = await audited(act, (entry) => insertCardAction(db, order, caller, now(), entry));
  if (made) {
    await jobs.cardAction(made.number);
    return ok({ action: made, isReplay: false });
  }
  const known = await findCardAction(db, { owner: caller.owner, id: order.id });
  if (known?.fingerprint !== fingerprintOf(order))
    return err(refuse("id_reused", "This id ordered another action; use a new one."));
  return ok({ action: known, isReplay: true });
}

export async function cardActionSlice(deps: Deps, number: number): Promise<void> {
  const { db, jobs, now } = deps;
  const action = await readCardAction(db, number);
  if (!action || action.dueAtMs === null || action.dueAtMs > now()) return;
  const end = Math.min(action.total, action.position + CARDS_A_SLICE);
  const settled = await readSettled(db, number, action.position, end);
  const ahead = Array.from({ length: end - action.position }, (_, index) => action.position + index);
  const positions = ahead.filter((position) => !settled.has(position));
  const results: BulkResult[] = [];
  for (let at = 0; at < positions.length; at += AT_A_TIME) {
    const group = positions.slice(at, at + AT_A_TIME);
    const answers = await Promise.all(group.map((position) => actOn(deps, action, position)));
    results.push(...answers.filter((result) => result !== null));
  }
  const nowMs = now();
  const progress = afterSlice(action, { end, open: positions.length - results.length }, nowMs);
  const moved = await saveSlice(db, action, results, progress);
  if (moved && progress.dueAtMs !== null) await jobs.cardAction(number, progress.dueAtMs - nowMs);
}

/** null = the card did not answer, and is asked again later. */
async function actOn(deps: Deps, bulk: BulkAction, position: number): Promise<BulkResult | null> {
  const serial = serialAt(bulk.targets, position);
  const done = await attempt(deps, bulk, position).catch((error: unknown) => {
    if (error instanceof Unavailable) return err(refuse("try_again"));
    throw error;
  });
  if (done.ok) return { position, serial, status: done.value, code: null, detail: null };
  const { code, errors, detail } = done.error;
  if (code === "try_again" && !givesUp(bulk)) return null;
  return { position, serial, status: null, code, detail: detail ?? errors?.[0]?.detail ?? PROBLEMS[code].next };
}

/** A card of another partner is as absent as one that was never issued. */
async function attempt({ catalogue, callCard }: Deps, bulk: BulkAction, position: number) {
  const { owner, id, action, reason, actor, partner } = bulk;
  const ref = cardAt(bulk.targets, position);
  const terms = ref && (await catalogue.terms(ref.batch));
  const isReached = terms && ref.card <= terms.batch.quantity && [null, terms.batch.partner].includes(partner);
  if (!isReached) return err(refuse("not_found"));
  const call = cardCall(terms, ref.card);
  // The request has ended long ago: the row of the order is what this act belongs to.
  const by = { owner: partner ?? OPERATOR, requestId: manyObject(id) };
  const journal = { reason, actor, by, id: `${owner}/${id}` };
  const view = await callCard(call, (card) =>
    bulk.dryRun ? card.tryAct(call, action) : card.act(call, action, journal),
  );
  return view.ok ? ok(view.value.status) : view;
}

/** Sends for actions whose message was lost. */
export async function resumeCardActions({ db, jobs, now }: Pick<Deps, "db" | "jobs" | "now">): Promise<void> {
  for (const number of await readDueActions(db, now() - STALLED_MS, STALLED_AT_ONCE)) await jobs.cardAction(number);
}
