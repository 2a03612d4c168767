/** POST /v1/redeem: a code in, a dialler set up out. Never by GET: previews and crawlers must not use a card up. */
import { createRoute, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import type { DeviceClaim } from "../../domain/card-calls.ts";
import { sourceOf } from "../../domain/source.ts";
import { toRfc3339 } from "../../domain/time.ts";
import { portalUrl } from "../../portal/hosts.ts";
import { redeem, type RedeemedCard } from "../../services/redeem.ts";
import { createRouter, type AppEnv } from "../context.ts";
import { problem } from "../problem.ts";
import { presentedProof } from "../proof.ts";
import { answers, dnsLabel, jsonBody, pinSchema, visibleText } from "../schemas.ts";
import { publicKeySchema, readPublicKey } from "../wire/device-key.ts";
import { brandingSchema, brandingWire } from "../wire/branding.ts";
import { holderCardSchema, holderCardWire, shortBalanceSchema, shortBalanceWire } from "../wire/cards.ts";
import { provisioningSchema, provisioningWire } from "../wire/provisioning.ts";
import { provisionFor, tokensFor, tokensSchema, tokensWire } from "../wire/tokens.ts";

const redeemBody = z
  .strictObject({
    code: z
      .string()
      .openapi({ example: "7K3M-Q9TX-2WHD-PC4V", description: "As printed; spaces, hyphens and case do not matter." }),
    device: z.strictObject({
      id: z
        .string()
        .regex(/^[\x21-\x7e]{22,128}$/, "22 to 128 visible ASCII characters, random, kept by the app.")
        .openapi({
          description:
            "Random, made once by the app and kept by it. The same code with the same id gives the same card.",
        }),
      name: visibleText(64).optional(),
      platform: visibleText(64).optional(),
      publicKey: publicKeySchema.optional().openapi({
        description:
          "With it, this device's tokens are bound to the key: refreshing, redeeming again and every call then need a `DPoP` proof by it (RFC 9449).",
      }),
    }),
    brand: dnsLabel.optional().openapi({ description: "The app's own brand: cards of others are unknown to it." }),
    takeover: z.boolean().optional().openapi({
      description:
        "Take the card from the device that has it, which is signed out; the balance stays. As the card's profile allows: never, with the PIN, or with the code alone. At most once in 24 hours, never during a call.",
    }),
    pin: pinSchema.optional().openapi({ description: "The PIN set on the device that has the card." }),
  })
  .openapi("RedeemRequest");

const redeemedSchema = z
  .object({
    card: holderCardSchema,
    balance: shortBalanceSchema,
    branding: brandingSchema,
    provisioning: provisioningSchema,
    tokens: tokensSchema,
    portal: z.object({ url: z.string() }),
    serverTime: z.string(),
  })
  .openapi("Redeemed");

const redeemRoute = createRoute({
  method: "post",
  path: "/v1/redeem",
  tags: ["Card holder"],
  operationId: "redeemCode",
  summary: "Redeem a code",
  description: "Sets a device up with a card. Safe to repeat with the same device: the same card, no further effect.",
  request: jsonBody(redeemBody),
  responses: answers(200, redeemedSchema, [
    "bad_request",
    "invalid_dpop_proof",
    "pin_required",
    "pin_wrong",
    "takeover_refused",
    "card_blocked",
    "code_unknown",
    "card_in_use",
    "card_not_activated",
    "batch_paused",
    "card_expired",
    "card_recalled",
    "card_closed",
    "payload_too_large",
    "unsupported_media_type",
    "code_malformed",
    "check_failed",
    "invalid_input",
    "wrong_kind",
    "too_many_attempts",
    "try_again",
    "card_halted",
  ]),
});

export function redeemRoutes() {
  const app = createRouter();
  app.openapi(redeemRoute, async (c) => {
    const { code, device, brand, takeover, pin } = c.req.valid("json");
    const publicKey = device.publicKey ? await readPublicKey(device.publicKey) : null;
    if (publicKey && !publicKey.ok) return problem(c, publicKey.error);
    const proof = await presentedProof(c);
    if (!proof.ok) return problem(c, proof.error);
    const [config, services, timings] = [c.get("config"), c.get("services"), c.get("timings")];
    const { catalogue, budget, cards, pins } = services;
    const outcome = await redeem(
      { catalogue, budget, cards, pins, codeKeys: config.codeKeys, mark: (step) => timings.mark(step) },
      {
        code,
        device: {
          id: device.id,
          name: device.name ?? null,
          platform: device.platform ?? null,
          publicKey: publicKey?.value ?? null,
        },
        brand: brand ?? null,
        source: sourceOf(c.req.header("CF-Connecting-IP") ?? null),
        colo: coloOf(c),
        proof: proof.value,
        takeover: takeover === true ? { pin: pin ?? null } : null,
      },
    );
    if (!outcome.ok) return problem(c, outcome.error);
    const answer = await redeemedWire(c, outcome.value);
    timings.mark("sign");
    return c.json(answer, 200);
  });
  return app;
}

const coloOf = (c: Context<AppEnv>): string | undefined => {
  const colo = c.req.raw.cf?.["colo"];
  return typeof colo === "string" ? colo : undefined;
};

async function redeemedWire(c: Context<AppEnv>, { call, terms, brand, redeemed }: RedeemedCard) {
  const { card, refresh } = redeemed;
  const claim: DeviceClaim = { device: refresh.device, family: refresh.family };
  const nowMs = c.get("services").now();
  const [provisioning, tokens] = await Promise.all([
    provisionFor(c.get("services"), { call, terms, view: card, claim, nowMs }),
    tokensFor(c.get("services"), call, redeemed, nowMs),
  ]);
  return {
    card: holderCardWire(call, card, claim.device),
    balance: shortBalanceWire(card.balance, card.currency),
    branding: brandingWire(c.get("config"), brand),
    provisioning: provisioningWire(provisioning, brand.name),
    tokens: tokensWire(tokens),
    portal: { url: portalUrl(c.get("config"), brand) },
    serverTime: toRfc3339(nowMs),
  };
}
