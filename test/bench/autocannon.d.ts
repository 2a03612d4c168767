/** The part of autocannon that the bench uses; the package brings no types. */
declare module "autocannon" {
  import type { EventEmitter } from "node:events";

  export type RequestData = {
    method: string;
    path: string;
    headers: Record<string, string>;
    body?: string;
  };
  export type Options = {
    url: string;
    connections: number;
    /** Seconds. */
    duration?: number;
    amount?: number;
    /** Seconds. */
    timeout?: number;
    requests: readonly {
      /** `context` is the connection's own, emptied before the first request of each iteration. */
      setupRequest?: (request: RequestData, context: Record<string, unknown>) => RequestData;
      onResponse?: (status: number, body: string, context: Record<string, unknown>) => void;
    }[];
    setupClient?: (client: EventEmitter) => void;
  };
  export type Result = { readonly errors: number; readonly timeouts: number };
  export default function autocannon(options: Options): Promise<Result>;
}
