/** Signatures of outgoing webhooks (Standard Webhooks 1.0.0, `v1`: HMAC-SHA256 over id, time and body), and their secrets. */
import { Webhook } from "standardwebhooks";
import { toBase64 } from "../domain/encoding.ts";
import { SECOND_MS } from "../domain/time.ts";

/** The standard asks for 24 to 64. */
const SECRET_BYTES = 32;

export const newWebhookSecret = (): string => `whsec_${toBase64(crypto.getRandomValues(new Uint8Array(SECRET_BYTES)))}`;

/** The standard's headers. With several secrets there are as many signatures, and a receiver accepts any of them. */
export const signedHeaders = (
  secrets: readonly string[],
  { id, atMs, body }: { readonly id: string; readonly atMs: number; readonly body: string },
): Record<string, string> => ({
  "webhook-id": id,
  "webhook-timestamp": String(Math.floor(atMs / SECOND_MS)),
  "webhook-signature": secrets.map((secret) => new Webhook(secret).sign(id, new Date(atMs), body)).join(" "),
});
