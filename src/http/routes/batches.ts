/** Batches: issued once, listed, paused, resumed and recalled. Their codes are in `codes.ts`. */
import { createRoute, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { MAX_LABEL_LENGTH, type Batch } from "../../domain/batch.ts";
import { invalidField, refuse, type Refusal } from "../../domain/errors.ts";
import { err, ok, type Result } from "../../domain/result.ts";
import { MAX_BATCH_NUMBER, MAX_CARD_NUMBER } from "../../domain/serial.ts";
import { changeStanding } from "../../services/change-standing.ts";
import { issueBatch } from "../../services/issue-batch.ts";
import { countBatches, findBatch, listBatches, type BatchFilter } from "../../storage/batches.ts";
import { audited } from "../audited.ts";
import { createRouter, ownerOf, type AppEnv, type Caller } from "../context.ts";
import { listPage, listQuery, pageOf, totalSchema } from "../cursor.ts";
import { KEY_REFUSALS, keyed } from "../middleware/key.ts";
import { problem } from "../problem.ts";
import { answers, BODY_REFUSALS, callerId, currency, jsonBody, queryInstant, visibleText } from "../schemas.ts";
import { BATCH_STATUSES, batchInput, batchOutput, batchWire, orderOf } from "../wire/batch.ts";

const tags = ["Batches"];
const params = z.object({ batch: z.string().openapi({ description: "The batch's number, unpadded.", example: "12" }) });

const issue = createRoute({
  method: "post",
  path: "/v1/batches",
  tags,
  summary: "Issue a batch",
  description:
    "Takes the same time for one card and for a million. The Idempotency-Key is the order's identity for ever: the same order again gets the same answer with `Idempotency-Replayed: true`, another order is 422 `id_reused`. Beyond the partner's limits nothing is issued: 402 `limit_exceeded`. For a suspended partner: 403 `partner_suspended`.",
  ...keyed("issueBatch"),
  request: {
    headers: z.object({ "idempotency-key": z.string().optional().openapi({ example: "order-2027-0001" }) }),
    ...jsonBody(batchInput),
  },
  responses: {
    ...answers(201, batchOutput, [...KEY_REFUSALS, ...BODY_REFUSALS, "invalid_input", "id_reused", "limit_exceeded"]),
  },
});

const card = z.number().int().min(1).max(MAX_CARD_NUMBER);

const changeBody = z
  .strictObject({ status: z.enum(BATCH_STATUSES), from: card.optional(), to: card.optional() })
  .refine(({ from, to }) => (from === undefined) === (to === undefined), {
    path: ["from"],
    message: "from and to go together.",
  })
  .openapi("BatchChange");

const change = createRoute({
  method: "patch",
  path: "/v1/batches/{batch}",
  tags,
  summary: "Pause, resume or recall a batch",
  description:
    "A pause refuses first redemptions only. A recall is final; with `from` and `to` it recalls those cards, inclusive, and leaves the batch's status. Cards in use learn it with their next command, typically within 60 s, at most after 6 minutes; a sweep tells each of them before, and `sweep` says how far it is. At most 1000 separate ranges.",
  ...keyed("changeBatch"),
  request: {
    params,
    ...jsonBody(changeBody),
  },
  responses: answers(200, batchOutput, [...KEY_REFUSALS, ...BODY_REFUSALS, "not_found", "invalid_input"]),
});

const get = createRoute({
  method: "get",
  path: "/v1/batches/{batch}",
  tags,
  summary: "Read a batch",
  ...keyed("readBatch"),
  request: { params },
  responses: answers(200, batchOutput, [...KEY_REFUSALS, "not_found"]),
});

const list = createRoute({
  method: "get",
  path: "/v1/batches",
  tags,
  summary: "List batches",
  description: "Newest first, by any of the filters together. May be some seconds behind.",
  ...keyed("listBatches"),
  request: {
    query: z.strictObject({
      ...listQuery,
      partner: z.string().max(64).optional(),
      status: z.enum(BATCH_STATUSES).optional(),
      brand: z.string().max(64).optional(),
      kind: z.enum(["card", "voucher"]).optional(),
      mode: z.enum(["live", "test"]).optional(),
      currency: currency.optional(),
      label: visibleText(MAX_LABEL_LENGTH, 1).optional().openapi({ description: "Part of the label." }),
      createdFrom: queryInstant.optional(),
      createdBefore: queryInstant.optional(),
    }),
  },
  responses: answers(200, pageOf(batchOutput).extend({ total: totalSchema }), [...KEY_REFUSALS, "invalid_input"]),
});

export function batchRoutes() {
  const app = createRouter();

  app.openapi(issue, async (c) => {
    const { caller, config, services } = c.var;
    const idempotencyKey = idempotencyKeyOf(c);
    if (!idempotencyKey.ok) return problem(c, idempotencyKey.error);
    const input = c.req.valid("json");
    const partner = orderingPartner(caller, input.partner);
    if (!partner.ok) return problem(c, partner.error);
    const [codeKey] = config.codeKeys;
    if (!codeKey) throw new Error("no code key is configured");
    const issued = await issueBatch({ db: services.db, codeKeyId: codeKey.id, now: services.now }, audited(c), {
      owner: ownerOf(caller),
      idempotencyKey: idempotencyKey.value,
      order: orderOf(input, partner.value),
    });
    if (!issued.ok) return problem(c, issued.error);
    if (issued.value.isReplay) c.header("Idempotency-Replayed", "true");
    return c.json(batchWire(issued.value.batch, caller.partner === null), 201);
  });

  app.openapi(list, async (c) => {
    const { caller, services } = c.var;
    const { limit, cursor, ...filter } = c.req.valid("query");
    const isForeign = caller.partner !== null && filter.partner !== undefined && filter.partner !== caller.partner;
    const { createdFrom, createdBefore, ...named } = filter;
    const matching: BatchFilter = {
      ...named,
      partner: caller.partner ?? filter.partner ?? null,
      createdFromMs: createdFrom,
      createdBeforeMs: createdBefore,
    };
    const [page, total] = await Promise.all([
      listPage(c, {
        name: "batches",
        query: { limit, cursor },
        filter,
        // Another partner's batches are as many as an unknown partner's: none.
        read: async (window: { after: readonly [number] | null; take: number }) =>
          isForeign ? [] : listBatches(services.db, matching, window),
        positionOf: ({ number }: Batch) => [number] as const,
        itemOf: (batch) => batchWire(batch, caller.partner === null),
      }),
      cursor !== undefined || isForeign ? 0 : countBatches(services.db, matching),
    ]);
    return page.ok ? c.json({ ...page.value, ...(cursor === undefined && { total }) }, 200) : problem(c, page.error);
  });

  app.openapi(get, async (c) => {
    const { caller, services } = c.var;
    const number = batchNumber(c.req.valid("param").batch);
    const found = number && (await findBatch(services.db, { number, scope: caller.partner }));
    return found ? c.json(batchWire(found.batch, caller.partner === null), 200) : problem(c, refuse("not_found"));
  });

  app.openapi(change, async (c) => {
    const number = batchNumber(c.req.valid("param").batch);
    const changed = number ? await changeBatch(c, number, c.req.valid("json")) : err(refuse("not_found"));
    return changed.ok ? c.json(batchWire(changed.value, isOperator(c)), 200) : problem(c, changed.error);
  });

  return app;
}

const isOperator = (c: Context<AppEnv>): boolean => c.var.caller.partner === null;

function changeBatch(
  c: Context<AppEnv>,
  number: number,
  { status, from, to }: z.infer<typeof changeBody>,
): Promise<Result<Batch, Refusal>> {
  const { caller, services } = c.var;
  return changeStanding(
    {
      db: services.db,
      refreshTerms: (batch) => services.catalogue.refreshTerms(batch),
      startSweep: (batch) => services.later(services.jobs.sweep(batch)),
      now: services.now,
    },
    audited(c),
    { number, scope: caller.partner },
    { status, range: from === undefined || to === undefined ? null : [from, to] },
  );
}

/** Only the plain spelling names a batch; undefined for anything else, which is then absent. */
export function batchNumber(text: string): number | undefined {
  const number = /^[1-9]\d{0,7}$/.test(text) ? Number(text) : 0;
  return number >= 1 && number <= MAX_BATCH_NUMBER ? number : undefined;
}

/** Two headers arrive joined by a comma, which the grammar does not know, so they are refused as well. */
function idempotencyKeyOf(c: Context<AppEnv>): Result<string, Refusal> {
  const parsed = callerId.safeParse(c.req.header("Idempotency-Key"));
  return parsed.success
    ? ok(parsed.data)
    : err(
        refuse("bad_request", "Send one Idempotency-Key header: 1 to 128 characters of A-Z a-z 0-9 . _ : @ + = ~ -."),
      );
}

/** The tenant comes from the key; another partner's name in the body is refused as an unknown one. */
function orderingPartner(caller: Caller, named: string | undefined): Result<string, Refusal> {
  if (caller.partner === null)
    return named === undefined ? err(invalidField("/partner", "An operator's key names the partner.")) : ok(named);
  return named === undefined || named === caller.partner
    ? ok(caller.partner)
    : err(invalidField("/partner", "No such partner."));
}
