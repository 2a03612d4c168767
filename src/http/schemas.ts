/** Wire schemas shared by routes, and the mapping between wire and domain values. */
import { z } from "@hono/zod-openapi";
import { type FieldError, PROBLEMS, type ProblemCode } from "../domain/errors.ts";
import { AMOUNT_PATTERN, isCurrency, parseAmount } from "../domain/money.ts";
import { parseRfc3339 } from "../domain/time.ts";

/** No control characters, no bidirectional overrides, no lone surrogates: text that people will see. */
const VISIBLE = /^[^\p{Cc}\p{Cs}\u202A-\u202E\u2066-\u2069\u200B\u2028\u2029\uFEFF]*$/u;

export const visibleText = (most: number, least = 0) =>
  // Not `regex`: its flag would end up inside the document's pattern.
  z
    .string()
    .min(least)
    .max(most)
    .refine((text) => VISIBLE.test(text), "No control characters, bidirectional overrides or broken Unicode.");

export const callerId = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._:@+=~_-]{0,127}$/,
    "1 to 128 characters of A-Z a-z 0-9 . _ : @ + = ~ -, starting with a letter or digit.",
  );

export const dnsLabel = z
  .string()
  .regex(
    /^[a-z][a-z0-9-]{0,30}[a-z0-9]$/,
    "2 to 32 characters of a-z 0-9 -, starting with a letter, not ending with a hyphen.",
  );

/** What guards a card's move to another device. */
export const pinSchema = z.string().regex(/^[0-9]{4,6}$/, "4 to 6 digits.");

/** A decimal string of units; the domain value is integer micros. */
export const amount = z
  .string()
  .regex(AMOUNT_PATTERN, {
    error: 'A decimal string like "10.00": up to 10 digits, at most 6 decimals.',
    abort: true,
  })
  .refine((text) => parseAmount(text) !== undefined, "Beyond the largest amount.")
  .openapi({ type: "string", example: "10.00" });

export const positiveAmount = amount.refine((text) => parseAmount(text) !== 0, "Must be more than zero.");

export const currency = z
  .string()
  .refine(isCurrency, "An ISO 4217 code in capitals, such as EUR.")
  .openapi({ example: "EUR" });

export const money = z.strictObject({ amount, currency });

export const instant = z
  .string()
  .refine((text) => parseRfc3339(text) !== undefined, "An RFC 3339 time such as 2027-11-23T23:59:59Z.");

/** `createdFrom`, `createdBefore` and their like in a query: an instant, in ms. */
export const queryInstant = instant.transform((text) => parseRfc3339(text) ?? 0).openapi({ type: "string" });

/** An object with free keys. zod drops a key called `__proto__`; here it is unknown like any other. */
export const recordOf = <V extends z.ZodType>(key: z.ZodType<string, string>, value: V) =>
  z.preprocess(
    (input, ctx) => {
      if (typeof input === "object" && input !== null && Object.hasOwn(input, "__proto__"))
        ctx.addIssue({ code: "unrecognized_keys", keys: ["__proto__"], input: { ...input } });
      return input;
    },
    z.record(key, value),
  );

/** For values zod has checked already. */
export const microsOf = (text: string): number => parseAmount(text) ?? 0;

/** A whole number in a query, in its plain spelling only: `1e3`, `0x10` and ` 5` are no numbers here either. */
export const queryInteger = (least: number, most: number) =>
  z.preprocess(
    (text) => (typeof text === "string" && /^(?:0|[1-9]\d{0,15})$/.test(text) ? Number(text) : text),
    z.number("A whole number in digits.").int().min(least).max(most),
  );

export const limitQuery = queryInteger(1, 200).default(50);

export const problemSchema = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.number().int(),
    detail: z.string(),
    instance: z.string(),
    code: z.enum(Object.keys(PROBLEMS) as [ProblemCode, ...ProblemCode[]]),
    retryable: z.boolean(),
    errors: z.array(z.object({ pointer: z.string(), detail: z.string() }) satisfies z.ZodType<FieldError>).optional(),
    positions: z.array(z.number().int()).optional(),
  })
  .openapi("Problem");

type Schema = z.ZodType;

/** The answers of an operation: one success and the refusals it can give, grouped by status. */
export function answers<const S extends number, T extends Schema>(
  status: S,
  schema: T,
  codes: readonly ProblemCode[] = [],
) {
  const success = { [status]: { description: "Success", content: { "application/json": { schema } } } } as {
    [K in S]: { description: string; content: { "application/json": { schema: T } } };
  };
  return { ...success, ...refusals(codes) };
}

export function refusals(codes: readonly ProblemCode[]) {
  const byStatus = new Map<number, ProblemCode[]>();
  for (const code of new Set(codes))
    byStatus.set(PROBLEMS[code].status, [...(byStatus.get(PROBLEMS[code].status) ?? []), code]);
  return Object.fromEntries(
    Array.from(byStatus, ([status, group]) => [
      status,
      {
        description: group.map((code) => `\`${code}\``).join(", "),
        content: { "application/problem+json": { schema: problemSchema } },
      },
    ]),
  );
}

/** What every JSON body may be refused for before it is looked at. */
export const BODY_REFUSALS = ["bad_request", "payload_too_large", "unsupported_media_type"] as const;

export const jsonBody = <T extends Schema>(schema: T) => ({
  body: { required: true, content: { "application/json": { schema } } },
});
