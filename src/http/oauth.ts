/**
 * What OAuth's endpoints have in common: forms (RFC 6749 section 3.2) or JSON in, unknown parameters ignored, and
 * problems that carry `error` and `error_description` besides.
 */
import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { type ProblemCode, PROBLEMS, refuse, type Refusal } from "../domain/errors.ts";
import { err, ok, type Result } from "../domain/result.ts";
import type { AppEnv } from "./context.ts";
import { problem } from "./problem.ts";

const FORM = "application/x-www-form-urlencoded";

export const FORM_REFUSALS = ["payload_too_large", "unsupported_media_type", "try_again"] as const;

/** For the document only: the handlers read the body themselves, with `readParameters`. */
export const oauthBody = (schema: z.ZodType) => ({
  body: { content: { [FORM]: { schema }, "application/json": { schema } } },
});

type Parameters = Readonly<Record<string, string | undefined>>;

/** A form or a flat JSON object of strings. No parameter may come twice (RFC 6749 section 3.2). */
export async function readParameters(c: Context<AppEnv>): Promise<Result<Parameters, Refusal>> {
  const text = await c.req.text();
  if ((c.req.header("Content-Type") ?? "").toLowerCase().startsWith(FORM)) {
    const entries = [...new URLSearchParams(text)];
    const names = new Set(entries.map(([name]) => name));
    return names.size === entries.length
      ? ok(Object.fromEntries(entries))
      : err(refuse("invalid_request", "A parameter came twice."));
  }
  const parsed = z.record(z.string(), z.unknown()).safeParse(parseJson(text));
  if (!parsed.success) return err(refuse("invalid_request", "Send a form, or a JSON object."));
  return ok(
    Object.fromEntries(
      Object.entries(parsed.data).filter((entry): entry is [string, string] => typeof entry[1] === "string"),
    ),
  );
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** OAuth clients read `error` and `error_description` (RFC 6749 section 5.2); the rest of the product reads the problem. */
export function oauthProblem(c: Context<AppEnv>, refusal: Refusal): Response {
  return problem(c, refusal, { error: oauthError(refusal.code), error_description: refusal.detail ?? refusal.code });
}

/** Libraries throw a refresh token away at `invalid_grant`: a fault of ours or a block, which both end, are not called that. */
function oauthError(code: ProblemCode): string {
  if (["invalid_request", "invalid_grant", "invalid_dpop_proof", "unsupported_grant_type"].includes(code)) return code;
  if (code === "card_blocked") return "access_denied";
  return PROBLEMS[code].status >= 500 ? "temporarily_unavailable" : "invalid_grant";
}
