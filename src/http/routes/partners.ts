/** Partners: who resells, and within which limits. */
import { createRoute, z } from "@hono/zod-openapi";
import { refuse } from "../../domain/errors.ts";
import { formatAmount } from "../../domain/money.ts";
import { PARTNER_STATUSES, type Partner } from "../../domain/partner.ts";
import { isTimeZone, localDate } from "../../domain/time.ts";
import { readUsage, type Usage } from "../../storage/limits.ts";
import { addFirstPartner, findPartner, listPartners, putPartner } from "../../storage/partners.ts";
import { audited } from "../audited.ts";
import { createRouter } from "../context.ts";
import { listPage, listQuery, pageOf } from "../cursor.ts";
import { KEY_REFUSALS, keyed } from "../middleware/key.ts";
import { problem } from "../problem.ts";
import {
  amount,
  answers,
  BODY_REFUSALS,
  currency,
  dnsLabel,
  jsonBody,
  microsOf,
  recordOf,
  visibleText,
} from "../schemas.ts";
import { mayActOn } from "../tenancy.ts";

const tags = ["Partners"];

/** Owners are written as a partner id or this word; no partner may be called so. */
const RESERVED_IDS: ReadonlySet<string> = new Set(["operator"]);

const NOT_FIRST_PARTNER = refuse(
  "insufficient_scope",
  "ADMIN_API_KEY makes the first partner only, and there is one. Use an operator's key.",
);

const limit = z.strictObject({ outstanding: amount, creditPerDay: amount, maxFaceValue: amount });

const partnerInput = z
  .strictObject({
    name: visibleText(80, 1),
    status: z.enum(PARTNER_STATUSES),
    timeZone: z
      .string()
      .refine(isTimeZone, "An IANA time zone such as Europe/Berlin.")
      .openapi({ example: "Europe/Berlin" }),
    limits: recordOf(currency, limit).openapi({
      description: "By currency. A currency that is not listed cannot be issued.",
    }),
  })
  .openapi("PartnerInput");

const partnerOutput = z.object({ id: z.string(), ...partnerInput.shape }).openapi("Partner");

/** Sums may be beyond the largest amount. */
const sumText = z.string().openapi({ example: "10.00" });
const used = z.object({ used: sumText, left: sumText });
const usageOutput = z
  .record(
    currency,
    z.object({
      outstanding: used.openapi({
        description:
          "What is owed to card holders: face values that can still be redeemed, and what redeemed cards hold. Spending counts once the projection knows it, some seconds later.",
      }),
      creditPerDay: used.extend({ day: z.string().openapi({ description: "In the partner's time zone." }) }),
    }),
  )
  .openapi({ description: "How much of each limit is used, by currency. Test cards do not count." });

const partnerDetail = partnerOutput.extend({ usage: usageOutput }).openapi("PartnerDetail");

const list = createRoute({
  method: "get",
  path: "/v1/partners",
  tags,
  summary: "List partners",
  ...keyed("listPartners"),
  request: { query: z.strictObject(listQuery) },
  responses: answers(200, pageOf(partnerOutput), [...KEY_REFUSALS, "invalid_input"]),
});

const get = createRoute({
  method: "get",
  path: "/v1/partners/{partner}",
  tags,
  summary: "Read a partner",
  description: "A partner's own key may always read its partner, whatever its scopes.",
  ...keyed("readPartner"),
  request: { params: z.object({ partner: z.string() }) },
  responses: answers(200, partnerDetail, [...KEY_REFUSALS, "not_found"]),
});

const put = createRoute({
  method: "put",
  path: "/v1/partners/{partner}",
  tags,
  summary: "Create or replace a partner",
  description: "Replaces everything, limits included. 201 when the partner is new.",
  ...keyed("putPartner"),
  request: {
    params: z.object({
      partner: dnsLabel.refine((id) => !RESERVED_IDS.has(id), "This id is reserved."),
    }),
    ...jsonBody(partnerInput),
  },
  responses: {
    ...answers(201, partnerOutput),
    ...answers(200, partnerOutput, [...KEY_REFUSALS, ...BODY_REFUSALS, "invalid_input"]),
  },
});

export function partnerRoutes() {
  const app = createRouter();

  app.openapi(list, async (c) => {
    const page = await listPage(c, {
      name: "partners",
      query: c.req.valid("query"),
      read: (window) => listPartners(c.var.services.db, window),
      positionOf: (partner: Partner) => [partner.id] as const,
      itemOf: toWire,
    });
    return page.ok ? c.json(page.value, 200) : problem(c, page.error);
  });

  app.openapi(get, async (c) => {
    const { partner: id } = c.req.valid("param");
    const { db, now } = c.var.services;
    const partner = mayActOn(c.var.caller, id) ? await findPartner(db, id) : undefined;
    if (!partner) return problem(c, refuse("not_found"));
    const nowMs = now();
    const day = localDate(nowMs, partner.timeZone);
    const usage = await readUsage(db, id, { day, nowMs });
    return c.json({ ...toWire(partner), usage: usageWire(partner, day, usage) }, 200);
  });

  app.openapi(put, async (c) => {
    const { caller, services } = c.var;
    const { id, ...details } = toWire(fromWire(c.req.valid("param").partner, c.req.valid("json")));
    const partner = fromWire(id, details);
    const act = { owner: id, act: "partner.put", object: `partner:${id}`, details } as const;
    if (caller.bootstrapHash !== null) {
      const isFirst = await audited(c)(act, (entry) => addFirstPartner(services.db, partner, services.now(), entry));
      return isFirst ? c.json(toWire(partner), 201) : problem(c, NOT_FIRST_PARTNER);
    }
    const outcome = await audited(c)(act, (entry) => putPartner(services.db, partner, services.now(), entry));
    // Suspending counts at once here; elsewhere when the kept key records end.
    services.keys.forgetPartner(partner.id);
    return outcome === "created" ? c.json(toWire(partner), 201) : c.json(toWire(partner), 200);
  });

  return app;
}

const fromWire = (id: string, { limits, ...fields }: z.infer<typeof partnerInput>): Partner => ({
  id,
  ...fields,
  limits: Object.entries(limits)
    .map(([code, { outstanding, creditPerDay, maxFaceValue }]) => ({
      currency: code,
      outstandingMicros: microsOf(outstanding),
      creditPerDayMicros: microsOf(creditPerDay),
      maxFaceValueMicros: microsOf(maxFaceValue),
    }))
    .toSorted((a, b) => (a.currency < b.currency ? -1 : 1)),
});

const usageWire = ({ limits }: Partner, day: string, usage: readonly Usage[]): z.infer<typeof usageOutput> =>
  Object.fromEntries(
    usage.flatMap(({ currency: code, outstandingMicros, creditedMicros }) => {
      const own = limits.find((each) => each.currency === code);
      if (!own) return [];
      const of = (usedMicros: bigint, limitMicros: number) => ({
        used: formatAmount(usedMicros, code),
        // A limit may have been lowered below what was used already.
        left: formatAmount(usedMicros < BigInt(limitMicros) ? BigInt(limitMicros) - usedMicros : 0n, code),
      });
      const outstanding = of(outstandingMicros, own.outstandingMicros);
      return [[code, { outstanding, creditPerDay: { ...of(creditedMicros, own.creditPerDayMicros), day } }]];
    }),
  );

const toWire = ({ limits, ...fields }: Partner): z.infer<typeof partnerOutput> => ({
  ...fields,
  limits: Object.fromEntries(
    limits.map(({ currency: code, outstandingMicros, creditPerDayMicros, maxFaceValueMicros }) => [
      code,
      {
        outstanding: formatAmount(outstandingMicros, code),
        creditPerDay: formatAmount(creditPerDayMicros, code),
        maxFaceValue: formatAmount(maxFaceValueMicros, code),
      },
    ]),
  ),
});
