/** A client for tests inside workerd: calls the product over HTTP only, as any other client would. */
import { env, exports } from "cloudflare:workers";

/** An operator's key with every scope; `switch` it may grant on any trunk. */
export const operatorKey = (): string => env.TEST_OPERATOR_KEY;
export const adminApiKey = (): string => env.ADMIN_API_KEY;

export type CallOptions = {
  readonly key?: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly raw?: BodyInit;
};

export type Answer<T> = { readonly status: number; readonly headers: Headers; readonly body: T; readonly text: string };

export async function call<T = Record<string, unknown>>(
  method: string,
  path: string,
  options: CallOptions = {},
): Promise<Answer<T>> {
  const headers = new Headers(options.headers);
  if (options.key !== undefined) headers.set("Authorization", `Bearer ${options.key}`);
  if (options.body !== undefined && !headers.has("Content-Type")) headers.set("Content-Type", "application/json");
  const body = options.raw ?? (options.body === undefined ? undefined : JSON.stringify(options.body));
  const response = await exports.default.fetch(
    new Request(new URL(path, env.PUBLIC_ORIGIN), {
      method,
      headers,
      redirect: "manual",
      ...(body !== undefined && { body }),
    }),
  );
  // Not text(): the runtime warns about types it does not take for text, such as NDJSON.
  const text = new TextDecoder().decode(await response.arrayBuffer());
  const isJson = /[/+]json/.test(response.headers.get("Content-Type") ?? "");
  return {
    status: response.status,
    headers: response.headers,
    text,
    body: (isJson && text !== "" ? JSON.parse(text) : undefined) as T,
  };
}

let counter = 0;
/** Unique within a test file; storage is isolated per file. */
export const fresh = (prefix: string): string => `${prefix}${(counter += 1)}`;
