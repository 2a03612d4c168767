/**
 * Every operation of the API and who may call it: the one table that routes, the OpenAPI document and the tests share.
 * Pure data. A keyed route takes its scopes from here and has no other way to get any.
 */
import type { Scope } from "./scopes.ts";

/** Called with an API key: any one of the scopes suffices. */
export type KeyRule = {
  readonly by: "key";
  readonly scopes: readonly [Scope, ...Scope[]];
  /** Partner keys are refused as if the scope were missing. */
  readonly operatorOnly?: true;
  /** The scopes are asked of operators only; the handler shows a partner key nothing but its own. */
  readonly partnerKeysNeedNoScope?: true;
  /** `ADMIN_API_KEY` may call it too; the statement that writes holds it to the first partner and its one key. */
  readonly bootstrap?: true;
};

type Operation = KeyRule | { readonly by: "holder" | "anyone" };

const byKey = <const S extends readonly [Scope, ...Scope[]]>(...scopes: S) => ({ by: "key", scopes }) as const;
const byOperator = <const S extends readonly [Scope, ...Scope[]]>(...scopes: S) =>
  ({ by: "key", scopes, operatorOnly: true }) as const;
const byHolder = { by: "holder" } as const;
const byAnyone = { by: "anyone" } as const;

/** By operation id. */
export const OPERATIONS = {
  redeemCode: byAnyone,
  refreshTokens: byAnyone,
  refreshTokensAlias: byAnyone,
  revokeTokens: byAnyone,

  readMe: byHolder,
  listMyPostings: byHolder,
  makeSipCredentials: byHolder,
  setPin: byHolder,
  openPortal: byHolder,
  signOutDevice: byHolder,
  topUp: byHolder,
  makeProvisioningLink: byHolder,
  removeSoftphone: byHolder,
  watchCard: byHolder,

  listPartners: byOperator("partners:write", "catalogue:read"),
  readPartner: { ...byKey("partners:write", "catalogue:read"), partnerKeysNeedNoScope: true },
  putPartner: { ...byOperator("partners:write"), bootstrap: true },

  listOperatorKeys: byOperator("keys:write"),
  createOperatorKey: { ...byOperator("keys:write"), bootstrap: true },
  revokeOperatorKey: byOperator("keys:write"),
  listPartnerKeys: byKey("keys:write"),
  createPartnerKey: byKey("keys:write"),
  revokePartnerKey: byKey("keys:write"),

  listWebhooks: byKey("keys:write"),
  readWebhook: byKey("keys:write"),
  putWebhook: byKey("keys:write"),
  deleteWebhook: byKey("keys:write"),
  rotateWebhookSecret: byKey("keys:write"),
  testWebhook: byKey("keys:write"),
  listWebhookDeliveries: byKey("keys:write"),

  listTrunks: byOperator("trunks:write", "catalogue:read"),
  readTrunk: byOperator("trunks:write", "catalogue:read"),
  putTrunk: byOperator("trunks:write"),

  listProfiles: byKey("catalogue:read"),
  readProfile: byKey("catalogue:read"),
  putProfile: byKey("profiles:write"),

  listBrands: byKey("catalogue:read"),
  readBrand: byKey("catalogue:read"),
  putBrand: byKey("brands:write"),
  uploadBrandLogo: byKey("brands:write"),
  removeBrandLogo: byKey("brands:write"),
  publishBrand: byKey("brands:write"),
  rollBackBrand: byKey("brands:write"),
  listBrandVersions: byKey("catalogue:read"),
  readPortal: byKey("catalogue:read"),
  putPortal: byKey("brands:write"),
  deletePortal: byKey("brands:write"),
  readBrandManifest: byAnyone,
  readAsset: byAnyone,
  fetchSoftphoneLink: byAnyone,
  fetchSoftphoneAccount: byAnyone,
  readSoftphoneBalance: byAnyone,
  signInAcrobits: byAnyone,

  issueBatch: byKey("batches:write"),
  changeBatch: byKey("batches:write"),
  readBatch: byKey("catalogue:read"),
  listBatches: byKey("catalogue:read"),
  exportCodes: byKey("batches:export"),
  printCards: byKey("batches:export"),

  listCodeKeys: byOperator("catalogue:read"),
  compromiseCodeKey: byOperator("batches:write"),

  listCards: byKey("cards:read"),
  getCard: byKey("cards:read"),
  listPostings: byKey("cards:read"),
  // A till's key may activate and nothing else: the handler holds it to that.
  actOnCard: byKey("cards:write", "cards:activate"),
  replaceCard: byKey("cards:write"),
  orderCardAction: byKey("cards:write", "cards:activate"),
  listCardActions: byKey("cards:read", "cards:write", "cards:activate"),
  readCardAction: byKey("cards:read", "cards:write", "cards:activate"),
  listCardActionResults: byKey("cards:read", "cards:write", "cards:activate"),

  creditCard: byKey("credit:write"),
  reverseCredit: byKey("credit:write"),
  reverseDebit: byKey("credit:write"),
  debitCard: byKey("switch"),

  introspectToken: byKey("switch"),
  placeHold: byKey("switch"),
  extendHold: byKey("switch"),
  commitHold: byKey("switch"),
  releaseHold: byKey("switch", "cards:write"),
  getHold: byKey("switch", "cards:read"),
  listHolds: byKey("switch", "cards:read"),

  reportBatches: byKey("reports:read"),
  reconcileCards: byOperator("reports:read"),

  listAudit: byKey("audit:read"),
  verifyAudit: byKey("audit:read"),

  checkHealth: byAnyone,
  readKeySet: byAnyone,
  readPublicKey: byAnyone,
  readServerMetadata: byAnyone,
  readServerMetadataAlias: byAnyone,
} as const satisfies Readonly<Record<string, Operation>>;

export type OperationId = keyof typeof OPERATIONS;
export type KeyedOperationId = {
  [Id in OperationId]: (typeof OPERATIONS)[Id] extends { readonly by: "key" } ? Id : never;
}[OperationId];
