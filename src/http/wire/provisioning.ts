/** The part of an answer that sets a dialler up. */
import { z } from "@hono/zod-openapi";
import { toRfc3339 } from "../../domain/time.ts";
import type { Provisioning, SipCredential } from "../../services/credentials.ts";

const expiry = { expiresAt: z.string(), expiresInSeconds: z.number().int() };

const credentialSchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("bearer"), token: z.string(), ...expiry }),
  z.object({
    type: z.literal("digest"),
    username: z
      .string()
      .openapi({ description: "`<unix expiry>:<SIP user>@<domain>`: the authentication user, not the address." }),
    password: z.string(),
    realm: z.string(),
    ha1: z.string(),
    algorithm: z.enum(["MD5", "SHA-256"]),
    ...expiry,
  }),
]);

export const provisioningSchema = z
  .object({
    sip: z
      .object({
        domain: z.string(),
        realm: z.string(),
        username: z.string(),
        displayName: z.string(),
        proxies: z.array(z.string()),
        webSockets: z.array(z.string()),
        registerExpiresSeconds: z.number().int(),
        codecs: z.array(z.string()),
        credentials: z.array(credentialSchema),
      })
      .nullable()
      .openapi({ description: "null while the card's profile has no trunk it may use." }),
    ice: z.object({
      servers: z.array(z.object({ urls: z.array(z.string()), username: z.string(), credential: z.string() })),
    }),
    limits: z.object({ concurrentCalls: z.number().int() }),
    refreshInSeconds: z.number().int(),
  })
  .openapi("Provisioning");

export const provisioningWire = (
  { trunk, profile, sipUser, credentials, iceServers, refreshInSeconds }: Provisioning,
  displayName: string,
) => ({
  sip:
    trunk && profile
      ? {
          domain: trunk.domain,
          realm: trunk.realm,
          username: sipUser,
          displayName,
          proxies: [...trunk.proxies],
          webSockets: [...trunk.webSockets],
          registerExpiresSeconds: profile.registerExpiresSeconds,
          codecs: [...profile.codecs],
          credentials: credentials.map((credential) => credentialWire(credential)),
        }
      : null,
  ice: { servers: iceServers.map(({ urls, ...server }) => ({ ...server, urls: [...urls] })) },
  limits: { concurrentCalls: profile?.concurrentCalls ?? 0 },
  refreshInSeconds,
});

function credentialWire({ expiresAtMs, ...credential }: SipCredential) {
  return { ...credential, expiresAt: toRfc3339(expiresAtMs) };
}
