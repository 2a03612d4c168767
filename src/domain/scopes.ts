/** What a key may do. Presets are names for sets; a key can grant only a subset of its own scopes. */

export const OPERATOR_SCOPES = ["partners:write", "trunks:write"] as const;

export const PARTNER_SCOPES = [
  "keys:write",
  "profiles:write",
  "catalogue:read",
  "brands:write",
  "batches:write",
  "batches:export",
  "cards:read",
  "cards:write",
  "cards:activate",
  "credit:write",
  "reports:read",
  "audit:read",
] as const;

export const SCOPES = [...OPERATOR_SCOPES, ...PARTNER_SCOPES, "switch"] as const;
export type Scope = (typeof SCOPES)[number];

export const PRESETS = {
  support: ["catalogue:read", "cards:read", "cards:write"],
  retailer: ["cards:activate"],
  issuer: ["catalogue:read", "batches:write", "batches:export"],
  switch: ["switch"],
} as const satisfies Record<string, readonly Scope[]>;
export type Preset = keyof typeof PRESETS;

/** A partner's key never carries operator scopes; `switch` it may hold if the granting key holds it too. */
export const allowedScopes = (partner: string | null): readonly Scope[] =>
  partner === null ? SCOPES : [...PARTNER_SCOPES, "switch"];
