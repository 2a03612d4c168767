/** What every request carries through the HTTP layer. */
import { OpenAPIHono } from "@hono/zod-openapi";
import type { Config } from "../config.ts";
import type { Scope } from "../domain/scopes.ts";
import type { Services } from "../services/services.ts";
import { validationProblem } from "./validation.ts";

/** Who holds the key of this request. `partner: null` is an operator. */
export type Caller = {
  readonly keyId: string;
  readonly partner: string | null;
  readonly scopes: ReadonlySet<Scope>;
  readonly trunks: readonly string[];
};

export type AppEnv = {
  Bindings: Env;
  Variables: {
    config: Config;
    services: Services;
    requestId: string;
    /** Set by `requireKey`. */
    caller: Caller;
    /** Set by `requireHolder`: the verified subject of an access token. */
    holder: Holder;
  };
};

export type Holder = {
  readonly serial: string;
  readonly batch: number;
  readonly card: number;
  readonly device: number;
  readonly family: number;
};

/** Every router answers invalid input in the one problem format. */
export const createRouter = () => new OpenAPIHono<AppEnv>({ defaultHook: validationProblem });
