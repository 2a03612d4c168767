/** Existing softphones: links that set one up, its lasting address, and the login box of Acrobits. */
import { createRoute, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { holderBalance } from "../../domain/holder-view.ts";
import { type ProblemCode, refuse } from "../../domain/errors.ts";
import { sourceOf } from "../../domain/source.ts";
import { toRfc3339 } from "../../domain/time.ts";
import { FORMAT_IDS, FORMATS, type FormatId, isFormatId } from "../../provisioning/registry.ts";
import type { SoftphoneFormat } from "../../provisioning/softphone.ts";
import { redeem } from "../../services/redeem.ts";
import { accountOf, findSoftphone, makeLink, type MadeLink, type Softphone } from "../../services/softphones.ts";
import { createRouter, type AppEnv } from "../context.ts";
import { asHolder } from "../middleware/holder.ts";
import { problem } from "../problem.ts";
import { answers, BODY_REFUSALS, jsonBody, refusals } from "../schemas.ts";
import { accountAnswer, plainPage, refusalAnswer, refuseCodeInGet } from "../softphone-answers.ts";

const HOLDER_REFUSALS = [
  "unauthenticated",
  "card_blocked",
  "device_signed_out",
  "card_recalled",
  "card_closed",
  "try_again",
  "card_halted",
] as const satisfies readonly ProblemCode[];

const linkSchema = z
  .object({
    format: z.enum(FORMAT_IDS),
    name: z.string(),
    device: z.number().int().openapi({ description: "The softphone's device number on the card." }),
    link: z.string().openapi({ description: "What the softphone fetches. A browser sees a plain page there." }),
    appLink: z.string().nullable().openapi({ description: "Opens the softphone; null = it has no such address." }),
    qr: z.string().openapi({
      description: "What the QR code holds. For a softphone that fetches nothing, the account with its credentials.",
    }),
    refetch: z.enum(["start", "interval", "foreground", "never"]).openapi({
      description: "When the softphone asks for fresh credentials by itself.",
    }),
    expiresAt: z.string(),
  })
  .openapi("ProvisioningLink");

const linkRoute = createRoute({
  method: "post",
  path: "/v1/me/provisioning-links",
  tags: ["Card holder"],
  operationId: "makeProvisioningLink",
  summary: "Set up an existing softphone",
  description: [
    "The softphone becomes a device of its own in this device's place; this one stays, without calls, until the softphone",
    "is removed. A softphone linked before is signed out. The link may be fetched five times in ten minutes.",
  ].join(" "),
  ...asHolder,
  request: jsonBody(z.strictObject({ format: z.enum(FORMAT_IDS) }).openapi("ProvisioningLinkRequest")),
  responses: answers(201, linkSchema, [
    ...HOLDER_REFUSALS,
    ...BODY_REFUSALS,
    "card_expired",
    "not_found",
    "invalid_input",
    "too_many_attempts",
  ]),
});

const removeRoute = createRoute({
  method: "delete",
  path: "/v1/me/softphones/{device}",
  tags: ["Card holder"],
  operationId: "removeSoftphone",
  summary: "Take the place back from a softphone",
  description: "Signs it out; its address ends at once, what it registered with when it expires. Safe to repeat.",
  ...asHolder,
  request: { params: z.object({ device: z.string().openapi({ example: "2" }) }) },
  responses: { 204: { description: "Removed" }, ...refusals([...HOLDER_REFUSALS, "not_found"]) },
});

const own = { 200: { description: "In the softphone's own form; a plain page for anybody else" } };

const documented = [
  {
    method: "get",
    path: "/p/{format}/{link}",
    operationId: "fetchSoftphoneLink",
    summary: "A softphone's account, by its link",
    description: `Formats: ${FORMAT_IDS.join(", ")}. Credentials only for the softphone's own User-Agent (JsSIP and SIP.js: \`Accept: application/json\`). Changes nothing of the card.`,
    params: z.object({ format: z.string(), link: z.string() }),
    codes: ["not_found", "link_expired", "method_not_allowed"],
  },
  {
    method: "get",
    path: "/d/{token}",
    operationId: "fetchSoftphoneAccount",
    summary: "A softphone's account, by its lasting address",
    description: "Fresh credentials each time, until the softphone is signed out. Nothing but SIP.",
    params: z.object({ token: z.string() }),
    codes: ["not_found", "device_signed_out", "method_not_allowed"],
  },
  {
    method: "get",
    path: "/d/{token}/balance",
    operationId: "readSoftphoneBalance",
    summary: "A softphone's balance",
    description: "As Acrobits reads it.",
    params: z.object({ token: z.string() }),
    codes: ["not_found", "device_signed_out"],
  },
] as const;

export function softphoneRoutes() {
  const app = createRouter();
  addLinks(app);
  for (const { params, codes, ...route } of documented)
    app.openAPIRegistry.registerPath({
      tags: ["Softphones"],
      ...route,
      request: { params },
      responses: { ...own, ...refusals([...codes, "try_again"]) },
    });
  app.get("/p/:format/:link", linkHandler);
  app.get("/d/:token", deviceHandler);
  app.get("/d/:token/balance", balanceHandler);
  addAcrobits(app);
  return app;
}

function addLinks(app: ReturnType<typeof createRouter>): void {
  app.openapi(linkRoute, async (c) => {
    const { format } = c.req.valid("json");
    const made = await makeLink(c.var.services, c.var.holder, format);
    if (!made.ok) return problem(c, made.error);
    const answer = await linkWire(c, made.value);
    return answer ? c.json(answer, 201) : problem(c, { code: "try_again" });
  });
  app.openapi(removeRoute, async (c) => {
    const { call, claim } = c.var.holder;
    const device = /^[1-9]\d{0,4}$/.test(c.req.valid("param").device) ? Number(c.req.valid("param").device) : 0;
    const removed = await c.var.services.cards.call(call, (card) => card.unlink(call, claim, device));
    return removed.ok ? c.body(null, 204) : problem(c, removed.error);
  });
}

async function linkWire(c: Context<AppEnv>, { softphone, token, endsAtMs }: MadeLink) {
  const format: SoftphoneFormat = FORMATS[softphone.format];
  const link = `${c.var.config.publicOrigin}/p/${softphone.format}/${token}`;
  const account = format.qrHoldsAccount && (await accountOf(c.var.services, c.var.config.publicOrigin, softphone));
  if (account && !account.ok) return undefined;
  return {
    format: softphone.format,
    name: format.name,
    device: softphone.claim.device,
    link,
    appLink: format.appLink?.(link) ?? null,
    qr: account ? format.render(account.value).text : link,
    refetch: format.refetch,
    expiresAt: toRfc3339(endsAtMs),
  };
}

async function linkHandler(c: Context<AppEnv>): Promise<Response> {
  const [format = "", link = ""] = [c.req.param("format"), c.req.param("link")];
  const refused = refuseCodeInGet(c, [link, ...Object.values(c.req.query())]);
  if (refused) return refused;
  if (!isFormatId(format)) return problem(c, refuse("not_found"));
  const isItself = c.req.method === "GET" && FORMATS[format].isItself(c.req.raw.headers);
  if (!isItself) return plainPage(c, format);
  const found = await findSoftphone(c.var.services, "link", link, format);
  return found.ok ? accountAnswer(c, found.value) : refusalAnswer(c, format, found.error);
}

async function deviceHandler(c: Context<AppEnv>): Promise<Response> {
  const token = c.req.param("token") ?? "";
  const refused = refuseCodeInGet(c, [token, ...Object.values(c.req.query())]);
  if (refused) return refused;
  const found = await findSoftphone(c.var.services, "device", token);
  return found.ok ? accountAnswer(c, found.value) : problem(c, found.error);
}

async function balanceHandler(c: Context<AppEnv>): Promise<Response> {
  const found = await findSoftphone(c.var.services, "device", c.req.param("token") ?? "");
  if (!found.ok) return problem(c, found.error);
  const { balance, currency } = found.value.view;
  const { available } = holderBalance(balance, currency);
  const answer = { balanceString: `${available} ${currency}`, balance: Number(available), currency };
  return c.json(answer, 200, { "Cache-Control": "no-store" });
}

const acrobitsForm = z
  .object({
    cloud_id: z.string().optional(),
    cloud_username: z.string().optional(),
    cloud_password: z.string().optional(),
  })
  .openapi("AcrobitsLogin");

function addAcrobits(app: ReturnType<typeof createRouter>): void {
  app.openAPIRegistry.registerPath({
    method: "post",
    path: "/p/acrobits",
    tags: ["Softphones"],
    operationId: "signInAcrobits",
    summary: "The login box of Acrobits' softphones",
    description: [
      "A code typed as user name or password binds the device and answers its secret as `cloud_password`, which is what",
      "the softphone sends from then on. A lost answer may be asked for again from the same network.",
    ].join(" "),
    request: { body: { content: { "application/x-www-form-urlencoded": { schema: acrobitsForm } } } },
    responses: { ...own, ...refusals(["code_unknown", "card_in_use", "invalid_input", "too_many_attempts"]) },
  });
  app.post("/p/acrobits", async (c) => {
    const form = new URLSearchParams(await c.req.text());
    const [username, password] = ["cloud_username", "cloud_password"].map((name) => form.get(name)?.trim() ?? "");
    const known = await findSoftphone(c.var.services, "device", password ?? "");
    // A secret that was ours and is over says so; anything else is read as a code.
    if (known.ok) return accountAnswer(c, known.value);
    if (known.error.code !== "not_found") return refusalAnswer(c, "acrobits", known.error);
    return redeemTyped(c, username || password || "");
  });
}

async function redeemTyped(c: Context<AppEnv>, code: string): Promise<Response> {
  const { config, services, timings } = c.var;
  const { catalogue, budget, cards, pins } = services;
  const source = sourceOf(c.req.header("CF-Connecting-IP") ?? null);
  // The softphone sends nothing of its own that would name the install, so the network it first asks from does.
  const symbols = code.toUpperCase().replaceAll(/[^0-9A-Z]/g, "");
  const id = await services.softphoneAddresses.installId(`acrobits\0${symbols}\0${source}`);
  const redeemed = await redeem(
    { catalogue, budget, cards, pins, codeKeys: config.codeKeys, mark: (step) => timings.mark(step) },
    {
      code,
      device: { id, name: FORMATS.acrobits.name, platform: "softphone", publicKey: null },
      brand: null,
      source,
      colo: undefined,
      // The login box cannot ask whether another telephone should be signed out.
      takeover: null,
      proof: null,
    },
  );
  if (!redeemed.ok) return refusalAnswer(c, "acrobits", redeemed.error);
  const { call, terms, redeemed: bound } = redeemed.value;
  const { device, family } = bound.refresh;
  const format: FormatId = "acrobits";
  const softphone: Softphone = { call, terms, view: bound.card, claim: { device, family }, format };
  return accountAnswer(c, softphone);
}
