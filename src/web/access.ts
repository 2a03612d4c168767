/**
 * The tokens of one card's session: kept, renewed, dropped.
 * Access tokens stay in memory; only the refresh token is stored, and every tab uses the stored one.
 */
import { err, ok, type Result } from "../domain/result.ts";
import { type Branding, readTokens, type Tokens } from "./answers.ts";
import { type Call, localProblem, type Problem, type Send } from "./api.ts";
import { type KeyValue, parseSession, serialiseSession, SESSION_KEY, type StoredSession } from "./stored.ts";

/** Renewed this long before its end, so that a slow request still arrives in time. */
const MARGIN_MS = 30_000;

export type AccessDeps = {
  readonly send: Send;
  readonly store: KeyValue;
  readonly now: () => number;
  /** Runs one task at a time over all tabs: two tabs must not spend the same refresh token. */
  readonly exclusively: <T>(task: () => Promise<T>) => Promise<T>;
};

export type Access = {
  readonly stored: () => StoredSession | null;
  readonly keep: (tokens: Tokens, branding: Branding | null) => void;
  readonly forget: () => void;
  /** A valid access token, renewed when need be. */
  readonly token: () => Promise<Result<string, Problem>>;
  /** Calls with a valid token. A refusal that ends the session has dropped it already. */
  readonly call: (request: Call) => Promise<Result<unknown, Problem>>;
};

/** Refusals after which this device has no session: only the code brings it back. */
export const endsSession = ({ code }: Problem): boolean =>
  ["invalid_grant", "device_signed_out", "credential_revoked"].includes(code);

const signedOut: Problem = { ...localProblem("unreadable"), code: "device_signed_out", isRetryable: false };

export function createAccess({ send, store, now, exclusively }: AccessDeps): Access {
  let access: { token: string; untilMs: number; refreshToken: string } | null = null;

  const stored = () => parseSession(store.getItem(SESSION_KEY));
  const forget = () => {
    access = null;
    store.removeItem(SESSION_KEY);
  };
  const keep = ({ accessToken, refreshToken, expiresInSeconds }: Tokens, branding: Branding | null) => {
    access = { token: accessToken, refreshToken, untilMs: now() + expiresInSeconds * 1000 };
    store.setItem(SESSION_KEY, serialiseSession({ refreshToken, branding }));
  };

  /** Another tab may have refreshed, or set up another card, meanwhile: the stored token decides. */
  const validToken = (): Promise<Result<string, Problem>> =>
    exclusively(async () => {
      const session = stored();
      if (!session) return err(signedOut);
      if (access && access.refreshToken === session.refreshToken && access.untilMs - MARGIN_MS > now())
        return ok(access.token);
      const body = { grant_type: "refresh_token", refresh_token: session.refreshToken };
      const answer = await send({ method: "POST", path: "/v1/token", body });
      if (!answer.ok) {
        // Dropped while still alone, so that no tab's newer session can be hit.
        if (endsSession(answer.error)) forget();
        return answer;
      }
      const tokens = readTokens(answer.value);
      if (!tokens) return err(localProblem("unreadable"));
      keep(tokens, session.branding);
      return ok(tokens.accessToken);
    });

  const call = async (request: Call): Promise<Result<unknown, Problem>> => {
    for (let attempt = 1; ; attempt++) {
      const token = await validToken();
      if (!token.ok) return token;
      const answer = await send({ ...request, accessToken: token.value });
      const isStale = !answer.ok && answer.error.status === 401 && attempt === 1;
      if (!answer.ok && endsSession(answer.error)) forget();
      if (!isStale) return answer;
      access = null;
    }
  };
  return { stored, keep, forget, token: validToken, call };
}
