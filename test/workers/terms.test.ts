import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { createDatabase } from "../../src/storage/database.ts";
import { readBrand, readTerms } from "../../src/storage/terms.ts";
import { operatorKey, call } from "../support/api.ts";
import { createTenant, issue, order } from "../support/batches.ts";
import { createPartner, trunkBody } from "../support/catalogue.ts";

const db = createDatabase(env.DB);

describe("terms", () => {
  it("bring batch, standing, profile, trunk and brand in one value, each column its own", async () => {
    const tenant = await createTenant();
    const { body } = await issue(tenant.key, order(tenant, { expiry: { at: "2099-01-02", daysAfterIssue: 9 } }));
    expect((await readTerms(db, body.number))?.brand).toBeNull();
    await call("POST", `/v1/brands/${tenant.brand}/publish`, { key: tenant.key });
    const terms = await readTerms(db, body.number);
    expect(terms).toMatchObject({
      batch: {
        number: body.number,
        partner: tenant.partner,
        brand: tenant.brand,
        profile: tenant.profile,
        quantity: 100,
        creditMicros: 10_000_000,
        currency: "EUR",
        keyId: "2",
        expiry: { at: "2099-01-02", daysAfterFirstUse: null, daysAfterIssue: 9 },
        timeZone: "Europe/Berlin",
      },
      standing: { version: 1, status: "active", untouchedRecalled: false, recalledRanges: [] },
      partnerSuspended: false,
      profile: { id: tenant.profile, partner: tenant.partner, trunk: tenant.trunk, name: "Standard" },
      trunk: { id: tenant.trunk, name: "Test trunk", domain: `${tenant.trunk}.example` },
      brand: { brand: tenant.brand, partner: tenant.partner, version: 1, name: `Brand of ${tenant.partner}` },
    });
    expect(terms?.brand).toEqual(await readBrand(db, tenant.brand));
  });

  it("lose a trunk that is no longer granted, and know a suspended partner", async () => {
    const tenant = await createTenant();
    const { body } = await issue(tenant.key, order(tenant));
    await call("PUT", `/v1/trunks/${tenant.trunk}`, {
      key: operatorKey(),
      body: trunkBody(`${tenant.trunk}.example`, { partners: [] }),
    });
    await createPartner(tenant.partner, { status: "suspended" });
    const terms = await readTerms(db, body.number);
    expect(terms).toMatchObject({ partnerSuspended: true, trunk: null, profile: { id: tenant.profile } });
  });

  it("of a voucher have no profile, and of no batch are undefined", async () => {
    const tenant = await createTenant();
    const { profile: _, ...voucher } = order(tenant, { kind: "voucher" });
    const { body } = await issue(tenant.key, voucher);
    expect(await readTerms(db, body.number)).toMatchObject({ profile: null, trunk: null });
    expect(await readTerms(db, 33_000_000)).toBeUndefined();
    expect(await readBrand(db, "nobody")).toBeUndefined();
  });
});
