/**
 * How each keyed operation is asked about somebody's things, for the authorization matrix. An operation without an entry
 * does not compile. A request is benign and may be sent again: it leaves what it finds as it was.
 */
import type { KeyedOperationId } from "../../src/domain/operations.ts";
import { operatorKey, call, fresh } from "./api.ts";
import { orderBody, partnerBody, profileBody, trunkBody } from "./catalogue.ts";
import { PNG } from "./images.ts";
import type { Things } from "./matrix-world.ts";

type Request = {
  readonly query?: string;
  readonly body?: unknown;
  readonly raw?: BodyInit;
  readonly headers?: Readonly<Record<string, string>>;
};

export type Fixture = {
  /** `thing`: the request names somebody's thing. `deployment`: it names nothing that a partner owns. */
  readonly about: "thing" | "deployment";
  /** Values for the path's variables. */
  readonly path?: (of: Things) => Readonly<Record<string, string>>;
  readonly request?: (of: Things) => Request;
  /** Puts back what an earlier request took away. */
  readonly prepare?: (of: Things) => Promise<unknown>;
  /** An operator's request about nothing would make it: there is no absent thing then. */
  readonly makes?: true;
  /** Shows what the caller itself has asked before, others' serials included. */
  readonly recalls?: true;
  /** Belongs to whoever ordered it: an operator's orders are the operator's. */
  readonly byOrderer?: true;
  /** Reaching a card takes the trunk, for keys that have no other scope of the operation. */
  readonly byTrunk?: true;
};

const deployment = (request?: Fixture["request"]): Fixture => ({ about: "deployment", ...(request && { request }) });
const thing = (path: Fixture["path"], request?: Fixture["request"], more: Partial<Fixture> = {}): Fixture => ({
  about: "thing",
  ...(path && { path }),
  ...(request && { request }),
  ...more,
});
/** A list or search narrowed to one partner. */
const listed = (): Fixture => thing(undefined, ({ partner }) => ({ query: `?partner=${partner}` }));

const ofPartner = ({ partner }: Things) => ({ partner });
const ofPartnerKey = ({ partner, keyId }: Things) => ({ partner, id: keyId });
const ofHook = ({ partner, hook }: Things) => ({ partner, id: hook });
const ofProfile = ({ profile }: Things) => ({ profile });
const ofBrand = ({ brand }: Things) => ({ brand });
const ofBatch = ({ batch }: Things) => ({ batch });
const ofCard = ({ serial }: Things) => ({ serial });
const ofAction = ({ action }: Things) => ({ id: action });
const inPartner = ({ partner }: Things) => ({ query: `?partner=${partner}` });
const money = { amount: "0.01", currency: "EUR" };
const shop = { name: "Shop", scopes: ["cards:read"] };
const hookBody = { url: "https://hooks.example.com/in", events: ["card.blocked"], enabled: true };

const portalBody = { origin: "https://shop.example.com" };
const preparePortal = ({ brand }: Things): Promise<unknown> =>
  call("PUT", `/v1/brands/${brand}/portal`, { key: operatorKey(), body: portalBody });

/** A step of a hold or a debit under an id of its own. */
const step = (id: string, body: object): Fixture =>
  thing(
    ({ serial }) => ({ serial, id }),
    () => ({ body }),
    { byTrunk: true },
  );

export const FIXTURES: Readonly<Record<KeyedOperationId, Fixture>> = {
  listPartners: deployment(),
  readPartner: thing(ofPartner),
  putPartner: thing(ofPartner, ({ name }) => ({ body: partnerBody({ name }) }), { makes: true }),

  listOperatorKeys: deployment(),
  createOperatorKey: deployment(() => ({ body: shop })),
  revokeOperatorKey: { ...deployment(), path: ({ operatorKeyId }) => ({ id: operatorKeyId }) },
  listPartnerKeys: thing(ofPartner),
  createPartnerKey: thing(ofPartner, () => ({ body: shop })),
  revokePartnerKey: thing(ofPartnerKey),

  listWebhooks: thing(ofPartner),
  readWebhook: thing(ofHook),
  putWebhook: thing(ofHook, () => ({ body: hookBody })),
  deleteWebhook: thing(ofHook, undefined, {
    prepare: ({ partner, hook }) =>
      call("PUT", `/v1/partners/${partner}/webhooks/${hook}`, { key: operatorKey(), body: hookBody }),
  }),
  rotateWebhookSecret: thing(ofHook, () => ({ body: {} })),
  testWebhook: thing(ofHook),
  listWebhookDeliveries: thing(ofHook),

  listTrunks: deployment(),
  readTrunk: { ...deployment(), path: ({ trunk }) => ({ trunk }) },
  putTrunk: {
    ...deployment(({ trunk, granted }) => ({ body: trunkBody(`${trunk}.example`, { partners: granted }) })),
    path: ({ trunk }) => ({ trunk }),
  },

  listProfiles: thing(undefined, inPartner),
  readProfile: thing(ofProfile, inPartner),
  putProfile: thing(ofProfile, (of) => ({ ...inPartner(of), body: profileBody(of.trunk) })),

  listBrands: deployment(),
  readBrand: thing(ofBrand),
  putBrand: thing(ofBrand, (of) => ({ ...inPartner(of), body: { name: of.name } })),
  uploadBrandLogo: thing(ofBrand, () => ({ raw: PNG, headers: { "Content-Type": "image/png" } })),
  removeBrandLogo: thing(ofBrand),
  publishBrand: thing(ofBrand),
  rollBackBrand: thing(ofBrand, () => ({ body: { version: 1 } })),
  listBrandVersions: thing(ofBrand),

  readPortal: thing(ofBrand, undefined, { prepare: preparePortal }),
  putPortal: thing(ofBrand, () => ({ body: portalBody })),
  deletePortal: thing(ofBrand, undefined, { prepare: preparePortal }),

  issueBatch: thing(undefined, ({ partner, brand, profile }) => ({
    body: orderBody({ partner, brand, profile, quantity: 1, mode: "test" }),
    headers: { "Idempotency-Key": fresh("matrix-") },
  })),
  changeBatch: thing(ofBatch, () => ({ body: { status: "active" } })),
  readBatch: thing(ofBatch),
  listBatches: listed(),
  exportCodes: thing(ofBatch),
  printCards: thing(ofBatch),

  listCodeKeys: deployment(),
  // The older key of the tests: nothing is issued under it.
  compromiseCodeKey: { ...deployment(() => ({ body: { reason: "matrix" } })), path: () => ({ key: "1" }) },

  listCards: listed(),
  getCard: thing(ofCard),
  listPostings: thing(ofCard),
  actOnCard: thing(ofCard, () => ({ body: { action: "activate", reason: "matrix" } })),
  replaceCard: thing(
    ({ replaced }) => ({ serial: replaced }),
    ({ untouched }) => ({ body: { id: "matrix", to: untouched } }),
  ),
  orderCardAction: thing(undefined, ({ serial }) => ({
    body: { id: fresh("matrix-"), action: "activate", reason: "matrix", dryRun: true, serials: [serial] },
  })),
  listCardActions: { ...deployment(), recalls: true },
  readCardAction: thing(ofAction, undefined, { byOrderer: true }),
  listCardActionResults: thing(ofAction, undefined, { byOrderer: true }),

  creditCard: thing(
    ({ serial }) => ({ serial, id: "matrix" }),
    () => ({ body: { ...money, source: "goodwill" } }),
  ),
  reverseCredit: thing(
    ({ serial }) => ({ serial, id: "c1", reversal: "r1" }),
    () => ({ body: { amount: "0.01", reason: "matrix" } }),
  ),
  reverseDebit: thing(
    ({ serial }) => ({ serial, id: "d1", reversal: "r1" }),
    () => ({ body: { amount: "0.01", reason: "matrix" } }),
  ),
  debitCard: step("matrix", money),

  introspectToken: thing(
    undefined,
    ({ sipToken }) => ({
      raw: new URLSearchParams({ token: sipToken }).toString(),
      headers: { "Content-Type": "application/x-www-form-urlencoded" },
    }),
    { byTrunk: true },
  ),
  placeHold: step("matrix", { ...money, ttlSeconds: 3600 }),
  extendHold: step("h1", { sequence: 1, used: "0.00", ...money, currency: undefined, ttlSeconds: 3600 }),
  commitHold: step("h2", { amount: "0.00" }),
  releaseHold: step("h3", { reason: "matrix" }),
  getHold: step("h1", {}),
  listHolds: step("", {}),

  reportBatches: listed(),
  reconcileCards: deployment(() => ({ body: { limit: 1 } })),

  listAudit: { ...listed(), recalls: true },
  verifyAudit: thing(undefined, ({ partner }) => ({ body: { partner } })),
};
