/** What every request carries through the HTTP layer. */
import { OpenAPIHono } from "@hono/zod-openapi";
import type { Config } from "../config.ts";
import type { CardCall } from "../domain/card.ts";
import type { DeviceClaim } from "../domain/card-calls.ts";
import type { CatalogueTerms } from "../domain/terms.ts";
import type { Scope } from "../domain/scopes.ts";
import type { Services } from "../services/services.ts";
import type { Timings } from "./timings.ts";
import { validationProblem } from "./validation.ts";

/** Who holds the key of this request. `partner: null` is an operator. */
export type Caller = {
  readonly keyId: string;
  readonly partner: string | null;
  readonly scopes: ReadonlySet<Scope>;
  readonly trunks: readonly string[];
  readonly expiresAtMs: number | null;
  /** Set when the caller is `ADMIN_API_KEY`: its hash, which can make one operator's key. */
  readonly bootstrapHash: string | null;
};

/** Whose ids a caller uses: the operator's keys share theirs, and so do a partner's. */
export const ownerOf = ({ partner }: Caller): string => (partner === null ? "operator" : `partner:${partner}`);

export type AppEnv = {
  Bindings: Env;
  Variables: {
    config: Config;
    services: Services;
    requestId: string;
    timings: Timings;
    /** Set by `requireKey`. */
    caller: Caller;
    /** Set by `requireHolder`: the verified subject of an access token. */
    holder: Holder;
  };
};

/** The card and device of a verified access token, and when that token ends. */
export type Holder = {
  readonly call: CardCall;
  readonly claim: DeviceClaim;
  readonly terms: CatalogueTerms;
  readonly tokenEndsAtMs: number;
};

/** Every router answers invalid input in the one problem format. */
export const createRouter = () => new OpenAPIHono<AppEnv>({ defaultHook: validationProblem });
