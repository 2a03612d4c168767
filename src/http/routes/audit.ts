/** The audit trail: read by whose acts it holds, and proved. */
import { createRoute, z } from "@hono/zod-openapi";
import { OPERATOR, type ChainHead, type Finding } from "../../domain/audit.ts";
import { parseRfc3339 } from "../../domain/time.ts";
import { verifyEnds, verifyRows, type Place } from "../../services/verify-audit.ts";
import { listAudit, type AuditPosition } from "../../storage/audit.ts";
import { createRouter } from "../context.ts";
import { listPage, listQuery, pageOf, type Window } from "../cursor.ts";
import { KEY_REFUSALS, keyed } from "../middleware/key.ts";
import { problem } from "../problem.ts";
import { answers, BODY_REFUSALS, instant, jsonBody } from "../schemas.ts";
import { auditSchema, auditWire } from "../wire/audit.ts";

const tags = ["Audit"];
const MAX_HEADS = 200;
const MAX_ROWS = 1000;

const partnerFilter = z
  .string()
  .max(64)
  .optional()
  .openapi({ description: `One owner's only: a partner, or \`${OPERATOR}\` for what belongs to none.` });

const list = createRoute({
  method: "get",
  path: "/v1/audit",
  tags,
  summary: "Read the audit trail",
  description:
    "Newest first. Every act that changed something, by whom, in the chain of the partner whose thing it was. A partner's key sees its own chain, the operator's acts in it included. Refused requests, and requests sent again that changed nothing more, leave no row; holds and debits of switches are in the cards' postings instead. Acts on cards arrive some seconds late.",
  ...keyed("listAudit"),
  request: {
    query: z.strictObject({
      ...listQuery,
      partner: partnerFilter,
      act: z.string().max(64).optional().openapi({ example: "batch.issue" }),
      object: z.string().max(200).optional().openapi({ example: "card:000012-0000345" }),
      actor: z.string().max(64).optional(),
      since: instant.optional().openapi({ description: "At this time or later." }),
      until: instant.optional().openapi({ description: "Before this time." }),
    }),
  },
  responses: answers(200, pageOf(auditSchema), [...KEY_REFUSALS, "invalid_input"]),
});

const verify = createRoute({
  method: "post",
  path: "/v1/audit/verifications",
  tags,
  summary: "Prove the audit trail",
  description:
    "Hashes every row anew, chain by chain, and tells what was edited, taken out, put in, moved or cut off. Changes nothing and may be repeated; go on with `nextCursor` until it is null. `heads` are ends that were logged earlier (event `audit_head`): with them a chain that was cut short and rewritten to its end is found too.",
  ...keyed("verifyAudit"),
  request: jsonBody(
    z
      .strictObject({
        partner: partnerFilter,
        heads: z
          .array(
            z.strictObject({
              owner: z.string().max(64),
              seq: z.number().int().min(1).max(Number.MAX_SAFE_INTEGER),
              hash: z.string().max(64),
            }),
          )
          .max(MAX_HEADS)
          .default([]),
        limit: z.number().int().min(1).max(MAX_ROWS).default(500).openapi({ description: "Rows to check now." }),
        cursor: listQuery.cursor,
      })
      .openapi("AuditVerificationInput"),
  ),
  responses: answers(
    200,
    z
      .object({
        checked: z.number().int(),
        heads: z
          .array(z.object({ owner: z.string(), seq: z.number().int(), hash: z.string() }))
          .optional()
          .openapi({ description: "Where each chain ends now; with the first page." }),
        findings: z.array(z.object({ owner: z.string(), seq: z.number().int(), what: z.string() })),
        nextCursor: z.string().nullable(),
      })
      .openapi("AuditVerification"),
    [...KEY_REFUSALS, ...BODY_REFUSALS, "invalid_input"],
  ),
});

/** Another partner's trail is as long as an unknown partner's: empty. */
const isForeign = (own: string | null, named: string | undefined): boolean =>
  own !== null && named !== undefined && named !== own;

export function auditRoutes() {
  const app = createRouter();

  app.openapi(list, async (c) => {
    const { caller, services } = c.var;
    const { limit, cursor, ...filter } = c.req.valid("query");
    const { partner, since, until, ...exact } = filter;
    const page = await listPage(c, {
      name: "audit 1",
      query: { limit, cursor },
      filter,
      read: async (window: Window<AuditPosition>) =>
        isForeign(caller.partner, partner)
          ? []
          : listAudit(
              services.db,
              {
                owner: caller.partner ?? partner ?? null,
                viewer: caller.partner,
                act: exact.act,
                object: exact.object,
                actor: exact.actor,
                sinceMs: since === undefined ? undefined : parseRfc3339(since),
                untilMs: until === undefined ? undefined : parseRfc3339(until),
              },
              window,
            ),
      positionOf: ({ atMs, owner, seq }): AuditPosition => [atMs, owner, seq],
      itemOf: (row) => auditWire(row, caller.partner),
    });
    return page.ok ? c.json(page.value, 200) : problem(c, page.error);
  });

  app.openapi(verify, async (c) => {
    const { caller, services } = c.var;
    const { partner, heads: logged, ...query } = c.req.valid("json");
    let heads: ChainHead[] | undefined;
    const owner = caller.partner ?? partner ?? null;
    const findings: Finding[] = [];
    if (isForeign(caller.partner, partner)) return c.json({ checked: 0, findings, nextCursor: null }, 200);
    const page = await listPage(c, {
      name: "audit verification 1",
      query,
      filter: { partner },
      read: async ({ after, take }: Window<Place>) => {
        if (after === null) {
          const known = logged.filter((head) => owner === null || head.owner === owner);
          const ends = await verifyEnds(services, owner, known);
          findings.push(...ends.findings);
          heads = [...ends.heads];
        }
        const verified = await verifyRows(services.db, { owner, after }, take);
        // The row that only tells whether there is a next page is told of on that page.
        const next = verified.rows.length === take ? verified.rows.at(-1) : undefined;
        findings.push(...verified.findings.filter((f) => f.seq !== next?.seq || f.owner !== next.owner));
        return verified.rows;
      },
      positionOf: (row): Place => [row.owner, row.seq],
      itemOf: (row) => row.seq,
    });
    if (!page.ok) return problem(c, page.error);
    const { items, nextCursor } = page.value;
    return c.json({ checked: items.length, ...(heads && { heads }), findings, nextCursor }, 200);
  });

  return app;
}
