/** Bodies nobody should send, run against any JSON route: each must be refused with a problem, never a 5xx. */
import { expect } from "vitest";
import { type Answer, call } from "./api.ts";

type Target = { readonly method: string; readonly path: string; readonly key: string; readonly body: object };

const JSON_TYPE = { "Content-Type": "application/json" };

/** What the target's own valid body turns into, and the only problem it may give. */
export const BAD_BODIES: Readonly<
  Record<string, { code: string; send: (body: object) => { raw: BodyInit; headers?: Record<string, string> } }>
> = {
  "unknown field": { code: "invalid_input", send: (body) => ({ raw: JSON.stringify({ ...body, balance: "1.00" }) }) },
  "__proto__ as a field": {
    code: "invalid_input",
    send: (body) => ({ raw: `{"__proto__":{"name":"x"},${JSON.stringify(body).slice(1)}` }),
  },
  "constructor as a field": {
    code: "invalid_input",
    send: (body) => ({ raw: `{"constructor":{},${JSON.stringify(body).slice(1)}` }),
  },
  "array for an object": { code: "invalid_input", send: (body) => ({ raw: JSON.stringify([body]) }) },
  "null for an object": { code: "invalid_input", send: () => ({ raw: "null" }) },
  "string for an object": { code: "invalid_input", send: () => ({ raw: '"x"' }) },
  "array for the name": {
    code: "invalid_input",
    send: (body) => ({ raw: JSON.stringify({ ...body, name: ["x"] }) }),
  },
  "null for the name": { code: "invalid_input", send: (body) => ({ raw: JSON.stringify({ ...body, name: null }) }) },
  "bidirectional override": {
    code: "invalid_input",
    send: (body) => ({ raw: JSON.stringify({ ...body, name: "a\u202Eb" }) }),
  },
  "NUL in the name": { code: "invalid_input", send: (body) => ({ raw: JSON.stringify({ ...body, name: "a\0b" }) }) },
  "lone surrogate": {
    code: "invalid_input",
    send: (body) => ({ raw: JSON.stringify({ ...body, name: "a\uD800b" }) }),
  },
  "empty body": { code: "bad_request", send: () => ({ raw: "" }) },
  "not JSON": { code: "bad_request", send: () => ({ raw: "{" }) },
  "NaN literal": { code: "bad_request", send: () => ({ raw: '{"name":NaN}' }) },
  "trailing bytes": { code: "bad_request", send: (body) => ({ raw: `${JSON.stringify(body)}x` }) },
  "deep JSON": { code: "invalid_input", send: () => ({ raw: `${"[".repeat(10_000)}${"]".repeat(10_000)}` }) },
  "byte order mark": { code: "bad_request", send: (body) => ({ raw: `\uFEFF${JSON.stringify(body)}` }) },
  "invalid UTF-8": { code: "bad_request", send: () => ({ raw: new Uint8Array([0x7b, 0xff, 0x7d]) }) },
  oversize: { code: "payload_too_large", send: () => ({ raw: " ".repeat(64 * 1024 + 1) }) },
  form: {
    code: "unsupported_media_type",
    send: () => ({ raw: "name=x", headers: { "Content-Type": "application/x-www-form-urlencoded" } }),
  },
  "other charset": {
    code: "unsupported_media_type",
    send: (body) => ({
      raw: JSON.stringify(body),
      headers: { "Content-Type": "application/json; charset=iso-8859-1" },
    }),
  },
  gzip: {
    code: "unsupported_media_type",
    send: (body) => ({ raw: JSON.stringify(body), headers: { ...JSON_TYPE, "Content-Encoding": "gzip" } }),
  },
};

export async function expectRefused(
  name: string,
  { method, path, key, body }: Target,
  extra: Readonly<Record<string, string>> = {},
): Promise<Answer<unknown>> {
  const bad = BAD_BODIES[name];
  if (!bad) throw new Error(`no bad body called ${name}`);
  const { raw, headers = JSON_TYPE } = bad.send(body);
  const answer = await call(method, path, { key, raw, headers: { ...headers, ...extra } });
  expect(answer.body, name).toMatchObject({ code: bad.code, status: answer.status });
  expect(answer.headers.get("Content-Type")).toBe("application/problem+json");
  return answer;
}
