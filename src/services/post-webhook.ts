/**
 * One attempt to deliver: a POST that follows no redirect, ends after its time, and reads nothing of the answer but its
 * status. What comes back is a value; nothing a receiver does throws.
 */
import { SECOND_MS } from "../domain/time.ts";
import { attemptOf, type Attempt } from "../domain/webhook.ts";

/** The standard suggests 15 to 30 seconds. */
const TIME_LIMIT_MS = 15 * SECOND_MS;

export type WebhookRequest = {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
};

export async function postWebhook(
  { url, headers, body }: WebhookRequest,
  timeLimitMs: number = TIME_LIMIT_MS,
): Promise<Attempt> {
  const signal = AbortSignal.timeout(timeLimitMs);
  try {
    const response = await fetch(url, {
      method: "POST",
      redirect: "manual",
      signal,
      headers: { ...headers, "Content-Type": "application/json", "User-Agent": "Ringfare-Webhooks/1.0" },
      body,
    });
    // Whatever it says, nobody reads it; the connection goes with it.
    await response.body?.cancel().catch(() => undefined);
    return attemptOf(response.status);
  } catch {
    return { error: signal.aborted ? "timeout" : "unreachable", responseStatus: null };
  }
}
