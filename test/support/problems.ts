/** What a refusal looks like over HTTP, whoever gives it. */
import { expect } from "vitest";
import type { Answer } from "./api.ts";
import type { Problem } from "./cards.ts";

export function expectProblem(answer: Answer<Problem>, status: number, problem: string, what?: string): void {
  expect(answer.body, what ?? problem).toMatchObject({ code: problem, status });
  expect(answer.status, what).toBe(status);
  expect(answer.headers.get("Content-Type"), what).toBe("application/problem+json");
}

/** Refused for this one field. */
export function expectInvalid(answer: Answer<Problem>, pointer: string, what?: string): void {
  expectProblem(answer, 422, "invalid_input", what);
  expect(
    answer.body.errors?.map((error) => error.pointer),
    what,
  ).toEqual([pointer]);
}
