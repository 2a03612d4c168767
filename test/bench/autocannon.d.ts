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
      setupRequest?: (request: RequestData) => RequestData;
      onResponse?: (status: number, body: string) => void;
    }[];
    setupClient?: (client: EventEmitter) => void;
  };
  export type Result = { readonly errors: number; readonly timeouts: number };
  export default function autocannon(options: Options): Promise<Result>;
}
