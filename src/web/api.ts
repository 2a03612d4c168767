/** Calls to the service from its own pages: bounded in time, never by GET with a secret, refusals as values. */
import { err, ok, type Result } from "../domain/result.ts";
import { fieldsOf, textOf } from "./answers.ts";
import { TEXTS } from "./texts.ts";

/** A phone on a slow network gets its answer within this time or may try again. */
const TIMEOUT_MS = 15_000;
const MAX_RETRY_AFTER_SECONDS = 3600;

/** A refusal as people see it. `code` is the service's, or `offline`, `unreachable`, `timeout`, `unreadable`. */
export type Problem = {
  readonly code: string;
  readonly status: number;
  readonly title: string;
  readonly detail: string;
  /** Path of the page that explains it, on this origin; null for problems of the connection. */
  readonly page: string | null;
  readonly isRetryable: boolean;
  readonly retryAfterSeconds: number;
};

export type Call = {
  readonly method: "GET" | "POST" | "DELETE";
  readonly path: string;
  readonly body?: Readonly<Record<string, unknown>>;
  readonly accessToken?: string;
};

export type Send = (call: Call) => Promise<Result<unknown, Problem>>;

type LocalProblem = keyof typeof TEXTS.problem & ("offline" | "unreachable" | "timeout" | "unreadable");

export const localProblem = (code: LocalProblem): Problem => ({
  code,
  status: 0,
  ...TEXTS.problem[code],
  page: null,
  isRetryable: true,
  retryAfterSeconds: 0,
});

/** RFC 9457 document to what is shown. The page links only to explanations, never to wherever `type` points. */
export function readProblem(status: number, body: unknown, retryAfter: string | null): Problem {
  const { code, title, detail, type, retryable } = fieldsOf(body);
  const [known, heading] = [textOf(code, 64), textOf(title)];
  if (known === null || heading === null) return { ...localProblem("unreadable"), status };
  const seconds = /^\d{1,9}$/.test(retryAfter ?? "") ? Number(retryAfter) : 0;
  return {
    code: known,
    status,
    title: heading,
    detail: TEXTS.problem.details[known] ?? textOf(detail, 2000) ?? "",
    page: /\/problems\/[a-z][a-z-]{0,63}$/.exec(textOf(type) ?? "")?.[0] ?? null,
    isRetryable: retryable === true,
    retryAfterSeconds: Math.min(seconds, MAX_RETRY_AFTER_SECONDS),
  };
}

export const send: Send = async ({ method, path, body, accessToken }) => {
  if (!navigator.onLine) return err(localProblem("offline"));
  try {
    const response = await fetch(path, {
      method,
      headers: {
        Accept: "application/json",
        ...(body && { "Content-Type": "application/json" }),
        ...(accessToken !== undefined && { Authorization: `Bearer ${accessToken}` }),
      },
      ...(body && { body: JSON.stringify(body) }),
      cache: "no-store",
      credentials: "omit",
      redirect: "error",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const text = await response.text();
    if (!response.ok) return err(readProblem(response.status, parse(text), response.headers.get("Retry-After")));
    const answer = text === "" ? null : parse(text);
    return answer === undefined ? err(localProblem("unreadable")) : ok(answer);
  } catch (error) {
    const isTimeout = error instanceof DOMException && error.name === "TimeoutError";
    return err(localProblem(isTimeout ? "timeout" : "unreachable"));
  }
};

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
