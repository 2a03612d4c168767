/** Calls the product as any client would. A refusal that was not expected ends the command and is shown whole. */
import { setTimeout as sleep } from "node:timers/promises";
import { SCOPES } from "../domain/scopes.ts";
import { CliError } from "./tools.ts";

const ATTEMPTS = 5;
const BACKOFF_MS = 200;
const TIMEOUT_MS = 20_000;
export const FIRST_KEY_NAME = "First key";

export type Api = {
  readonly get: <T>(path: string, accept?: string) => Promise<T | undefined>;
  readonly send: <T>(method: "PUT" | "POST" | "DELETE", path: string, body?: unknown, id?: string) => Promise<T>;
};

const refuse = (method: string, path: string, status: number, text: string): never => {
  throw new CliError(`${method} ${path} answered ${status}: ${text.slice(0, 2000)}`, "See the log lines above it.");
};

/** `get` answers undefined for 404, and for a sheet that can no longer be made (422); NDJSON answers its rows. Everything sent here is safe to send again. */
export function apiClient(origin: string, key: string): Api {
  const call = async (method: string, path: string, headers: Record<string, string>, body?: string) => {
    for (let attempt = 1; ; attempt++) {
      const response = await fetch(new URL(path, origin), {
        method,
        headers: { Authorization: `Bearer ${key}`, ...headers },
        redirect: "manual",
        signal: AbortSignal.timeout(TIMEOUT_MS),
        ...(body !== undefined && { body }),
      });
      const text = await response.text();
      if (response.status !== 503 || attempt === ATTEMPTS) return { status: response.status, text };
      await sleep(BACKOFF_MS * attempt);
    }
  };
  return {
    get: async <T>(path: string, accept = "application/json") => {
      const { status, text } = await call("GET", path, { Accept: accept });
      if (status === 404 || (status === 422 && accept === NDJSON)) return undefined;
      if (status !== 200) return refuse("GET", path, status, text);
      const lines = text.split("\n").filter((line) => line !== "");
      return (accept === NDJSON ? lines.map((line): unknown => JSON.parse(line)) : JSON.parse(text)) as T;
    },
    send: async <T>(method: "PUT" | "POST" | "DELETE", path: string, body?: unknown, id?: string) => {
      const headers = {
        ...(body !== undefined && { "Content-Type": "application/json" }),
        ...(id !== undefined && { "Idempotency-Key": id }),
      };
      const { status, text } = await call(method, path, headers, body === undefined ? undefined : JSON.stringify(body));
      if (status < 200 || status > 299) return refuse(method, path, status, text);
      return (text === "" ? undefined : JSON.parse(text)) as T;
    },
  };
}

export const NDJSON = "application/x-ndjson";

/** The one operator's key that a bootstrap key makes: every scope. */
export const makeFirstKey = (origin: string, bootstrapKey: string): Promise<{ id: string; key: string }> =>
  apiClient(origin, bootstrapKey).send("POST", "/v1/keys", { name: FIRST_KEY_NAME, scopes: SCOPES });
