/** The one renderer of refusals: RFC 9457 problem details. */
import type { Context, TypedResponse } from "hono";
import { PROBLEMS, slugOf, type Refusal } from "../domain/errors.ts";
import type { AppEnv } from "./context.ts";

/** Extra members some refusals carry besides the common ones. */
export type ProblemExtras = Readonly<Record<string, unknown>>;

export function problemBody(publicOrigin: string, instance: string, refusal: Refusal, extras: ProblemExtras = {}) {
  const { status, title, retryable, next } = PROBLEMS[refusal.code];
  return {
    type: `${publicOrigin}/problems/${slugOf(refusal.code)}`,
    title,
    status,
    detail: refusal.detail ?? next,
    instance,
    code: refusal.code,
    retryable,
    ...(refusal.errors && { errors: refusal.errors }),
    ...(refusal.positions && { positions: refusal.positions }),
    ...extras,
  };
}

/** `instance` is the request id, never the path: paths may hold secrets of softphones. */
export function problem(c: Context<AppEnv>, refusal: Refusal, extras?: ProblemExtras): ProblemResponse {
  const body = problemBody(c.get("config").publicOrigin, `urn:request:${c.get("requestId")}`, refusal, extras);
  const headers: Record<string, string> = {
    "Content-Type": "application/problem+json",
    "Cache-Control": "no-store",
  };
  if (refusal.code === "unauthenticated") headers["WWW-Authenticate"] = 'Bearer realm="ringfare"';
  const retryAfter = refusal.retryAfterSeconds ?? (body.retryable ? DEFAULT_RETRY_AFTER_SECONDS : undefined);
  if (retryAfter !== undefined) headers["Retry-After"] = String(retryAfter);
  return c.body(JSON.stringify(body), body.status as 400, headers) as Response as ProblemResponse;
}

/** Fits every route's declared answers: the renderer is the only place that decides how a refusal looks. */
type ProblemResponse = Response & TypedResponse<never, never, never>;

const DEFAULT_RETRY_AFTER_SECONDS = 2;
