/** Profiles: the calling configuration a partner's cards carry. */
import { createRoute, z } from "@hono/zod-openapi";
import { invalidField, refuse } from "../../domain/errors.ts";
import type { Profile } from "../../domain/profile.ts";
import { partnerExists } from "../../storage/partners.ts";
import { findProfile, listProfiles, putProfile } from "../../storage/profiles.ts";
import { audited } from "../audited.ts";
import { createRouter } from "../context.ts";
import { listPage, listQuery, pageOf } from "../cursor.ts";
import { KEY_REFUSALS, keyed } from "../middleware/key.ts";
import { problem } from "../problem.ts";
import { answers, BODY_REFUSALS, dnsLabel, jsonBody, visibleText } from "../schemas.ts";
import { dialPrefix, isDistinct } from "../sip-schemas.ts";
import { actingPartner } from "../tenancy.ts";

const tags = ["Profiles"];
const MAX_CODECS = 16;
const MAX_PREFIXES = 500;
const MAX_CONCURRENT_CALLS = 100;
const MAX_LONG_LIVED_DAYS = 3650;

const codec = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$/, "A codec name such as opus or PCMA.");
const prefixes = z.array(dialPrefix).max(MAX_PREFIXES).refine(isDistinct, "Each prefix once.");
const seconds = (least: number, most: number) => z.number().int().min(least).max(most);

const credentials = z.strictObject({
  bearerSeconds: seconds(60, 3600).default(600),
  digestSeconds: seconds(300, 86_400).default(3600),
  softphoneDigestSeconds: seconds(3600, 86_400).default(86_400),
  longLivedDays: z
    .number()
    .int()
    .min(1)
    .max(MAX_LONG_LIVED_DAYS)
    .optional()
    .openapi({ description: "Left out, softphones that never fetch again are refused." }),
  iceSeconds: seconds(300, 86_400).default(3600),
});

const callerId = z
  .strictObject({
    mode: z.enum(["fixed", "anonymous", "card"]),
    number: z
      .string()
      .regex(/^\+?\d{1,15}$/, "1 to 15 digits, with or without a + in front.")
      .optional(),
  })
  .refine(({ mode, number }) => (mode === "fixed") === (number !== undefined), {
    path: ["number"],
    message: "Needed with mode fixed, and only with it.",
  });

const profileInput = z
  .strictObject({
    name: visibleText(80, 1),
    trunk: dnsLabel,
    codecs: z
      .array(codec)
      .min(1)
      .max(MAX_CODECS)
      .refine(isDistinct, "Each codec once.")
      .default(["opus", "PCMA", "PCMU"]),
    registerExpiresSeconds: seconds(60, 3600).default(300),
    concurrentCalls: z.number().int().min(1).max(MAX_CONCURRENT_CALLS).default(1),
    callerId: callerId.default({ mode: "anonymous" }),
    destinations: z
      .strictObject({ allow: prefixes.default(["+"]), deny: prefixes.default([]) })
      .default({ allow: ["+"], deny: [] })
      .openapi({ description: "The longest prefix that fits decides; none: not allowed." }),
    credentials: credentials.default(credentials.parse({})),
    takeover: z.enum(["never", "pin", "holder"]).default("pin"),
  })
  .openapi("ProfileInput");

const profileOutput = z.object({ id: z.string(), partner: z.string(), ...profileInput.shape }).openapi("Profile");

const partnerQuery = {
  partner: z.string().optional().openapi({ description: "Needed with an operator's key." }),
};

const list = createRoute({
  method: "get",
  path: "/v1/profiles",
  tags,
  summary: "List a partner's profiles",
  ...keyed("listProfiles"),
  request: { query: z.strictObject({ ...partnerQuery, ...listQuery }) },
  responses: answers(200, pageOf(profileOutput), [...KEY_REFUSALS, "not_found", "invalid_input"]),
});

const get = createRoute({
  method: "get",
  path: "/v1/profiles/{profile}",
  tags,
  summary: "Read a profile",
  ...keyed("readProfile"),
  request: { params: z.object({ profile: z.string() }), query: z.strictObject(partnerQuery) },
  responses: answers(200, profileOutput, [...KEY_REFUSALS, "not_found", "invalid_input"]),
});

const put = createRoute({
  method: "put",
  path: "/v1/profiles/{profile}",
  tags,
  summary: "Create or replace a profile",
  description: "Replaces everything; all cards that carry the profile follow within minutes. 201 when it is new.",
  ...keyed("putProfile"),
  request: {
    params: z.object({ profile: dnsLabel }),
    query: z.strictObject(partnerQuery),
    ...jsonBody(profileInput),
  },
  responses: {
    ...answers(201, profileOutput),
    ...answers(200, profileOutput, [...KEY_REFUSALS, ...BODY_REFUSALS, "not_found", "invalid_input"]),
  },
});

export function profileRoutes() {
  const app = createRouter();

  app.openapi(list, async (c) => {
    const { db } = c.var.services;
    const query = c.req.valid("query");
    const acting = actingPartner(c.var.caller, query.partner);
    if (!acting.ok) return problem(c, acting.error);
    const partner = acting.value;
    if (!(await partnerExists(db, partner))) return problem(c, refuse("not_found"));
    const page = await listPage(c, {
      name: "profiles",
      query,
      filter: { partner },
      read: (window) => listProfiles(db, partner, window),
      positionOf: (profile: Profile) => [profile.id] as const,
      itemOf: toWire,
    });
    return page.ok ? c.json(page.value, 200) : problem(c, page.error);
  });

  app.openapi(get, async (c) => {
    const acting = actingPartner(c.var.caller, c.req.valid("query").partner);
    if (!acting.ok) return problem(c, acting.error);
    const profile = await findProfile(c.var.services.db, acting.value, c.req.valid("param").profile);
    return profile ? c.json(toWire(profile), 200) : problem(c, refuse("not_found"));
  });

  app.openapi(put, async (c) => {
    const { db } = c.var.services;
    const acting = actingPartner(c.var.caller, c.req.valid("query").partner);
    if (!acting.ok) return problem(c, acting.error);
    if (!(await partnerExists(db, acting.value))) return problem(c, refuse("not_found"));
    const profile = fromWire(acting.value, c.req.valid("param").profile, c.req.valid("json"));
    const { id, partner: owner, ...details } = toWire(profile);
    const outcome = await audited(c)({ owner, act: "profile.put", object: `profile:${id}`, details }, async (entry) =>
      putProfile(db, profile, entry),
    );
    // An unknown trunk and one that is not granted are the same to the partner.
    if (outcome === "trunk_not_granted")
      return problem(c, invalidField("/trunk", "Not a trunk that this partner may use."));
    return outcome === "created" ? c.json(toWire(profile), 201) : c.json(toWire(profile), 200);
  });

  return app;
}

const fromWire = (partner: string, id: string, input: z.infer<typeof profileInput>): Profile => ({
  id,
  partner,
  ...input,
  callerId: { mode: input.callerId.mode, number: input.callerId.number ?? null },
  credentials: { ...input.credentials, longLivedDays: input.credentials.longLivedDays ?? null },
});

const toWire = ({ callerId: caller, destinations, ...profile }: Profile): z.infer<typeof profileOutput> => {
  const { longLivedDays, ...lifetimes } = profile.credentials;
  return {
    ...profile,
    codecs: [...profile.codecs],
    callerId: { mode: caller.mode, ...(caller.number !== null && { number: caller.number }) },
    destinations: { allow: [...destinations.allow], deny: [...destinations.deny] },
    credentials: { ...lifetimes, ...(longLivedDays !== null && { longLivedDays }) },
  };
};
