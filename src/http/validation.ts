/** zod issues to RFC 9457 `errors`: a JSON pointer (RFC 6901) and a sentence each. */
import type { Hook } from "@hono/zod-openapi";
import type { z } from "zod";
import type { FieldError } from "../domain/errors.ts";
import type { AppEnv } from "./context.ts";
import { problem } from "./problem.ts";

const MAX_ERRORS = 20;

const pointerOf = (path: readonly PropertyKey[]): string =>
  path.map((part) => `/${String(part).replaceAll("~", "~0").replaceAll("/", "~1").slice(0, 64)}`).join("");

function fieldErrors(error: z.core.$ZodError): FieldError[] {
  return error.issues
    .flatMap((issue): FieldError[] =>
      issue.code === "unrecognized_keys"
        ? issue.keys
            .slice(0, MAX_ERRORS)
            .map((key) => ({ pointer: pointerOf([...issue.path, key]), detail: "Unknown field." }))
        : [{ pointer: pointerOf(issue.path), detail: issue.message }],
    )
    .slice(0, MAX_ERRORS);
}

export const validationProblem: Hook<unknown, AppEnv, string, Response | undefined> = (result, c) =>
  result.success ? undefined : problem(c, { code: "invalid_input", errors: fieldErrors(result.error) });
