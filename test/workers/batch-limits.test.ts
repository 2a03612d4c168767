import { beforeAll, describe, expect, it } from "vitest";
import { operatorKey, call } from "../support/api.ts";
import { type Tenant, createTenant, order, issue, countOf, project, UNIT, limits } from "../support/batches.ts";
import { createPartner } from "../support/catalogue.ts";

let acme: Tenant;
let other: Tenant;
beforeAll(async () => {
  acme = await createTenant();
  other = await createTenant();
});

const keypad = (tenant: Tenant, quantity: number) =>
  order(tenant, { format: "keypad18", quantity, credit: { amount: "0.10", currency: "EUR" } });

describe("limits", () => {
  const refused = { status: 402, body: { code: "limit_exceeded" } };

  it("refuse a currency without limits, and a face value above them", async () => {
    const tenant = await createTenant(limits("1000", "20"));
    expect(await issue(tenant.key, order(tenant, { credit: { amount: "1", currency: "USD" } }))).toMatchObject(refused);
    expect(
      await issue(tenant.key, order(tenant, { quantity: 1, credit: { amount: "20.000001", currency: "EUR" } })),
    ).toMatchObject(refused);
    expect(
      (await issue(tenant.key, order(tenant, { quantity: 1, credit: { amount: "20", currency: "EUR" } }))).status,
    ).toBe(201);
    expect(await countOf(tenant.partner)).toBe(1);
  });

  it("are reached exactly and never passed", async () => {
    const tenant = await createTenant(limits("1000"));
    expect((await issue(tenant.key, order(tenant, { quantity: 99 }))).status).toBe(201);
    expect(await issue(tenant.key, order(tenant, { quantity: 2 }))).toMatchObject(refused);
    expect((await issue(tenant.key, order(tenant, { quantity: 1 }))).status).toBe(201);
    expect(
      await issue(tenant.key, order(tenant, { quantity: 1, credit: { amount: "0.000001", currency: "EUR" } })),
    ).toMatchObject(refused);
    expect((await issue(tenant.key, order(tenant, { mode: "test" }))).status).toBe(201);
  });

  it("let exactly one of two pass that need 60 % each", async () => {
    const tenant = await createTenant(limits("1000"));
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => issue(tenant.key, order(tenant, { quantity: 60 }))),
    );
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 402)).toHaveLength(9);
    expect(await countOf(tenant.partner)).toBe(1);
  });

  it("count what cards gained and lost, by the projection", async () => {
    const tenant = await createTenant(limits("1000"));
    const { body } = await issue(tenant.key, order(tenant));
    const number = body.number;
    const one = order(tenant, { quantity: 1 });
    await project(number, 1, { credits: 10 * UNIT });
    expect(await issue(tenant.key, one)).toMatchObject(refused);
    await project(number, 2, { credits: 10 * UNIT, spent: 6 * UNIT, reversed: 4 * UNIT });
    expect((await issue(tenant.key, one)).status).toBe(201);
    await project(number, 3, { credits: 15 * UNIT, spent: 14 * UNIT });
    expect(await issue(tenant.key, one)).toMatchObject(refused);
  });

  it("free what is recalled untouched", async () => {
    const tenant = await createTenant(limits("1000"));
    const { body } = await issue(tenant.key, order(tenant));
    await project(body.number, 7, { credits: 10 * UNIT });
    await call("PATCH", `/v1/batches/${body.number}`, { key: tenant.key, body: { status: "recalled" } });
    expect(await issue(tenant.key, order(tenant))).toMatchObject(refused);
    expect((await issue(tenant.key, order(tenant, { quantity: 99 }))).status).toBe(201);
  });

  it("work at the largest amounts", async () => {
    const tenant = await createTenant(limits("9000000000", "9000000000"));
    const huge = (amount: string) => order(tenant, { quantity: 1, credit: { amount, currency: "EUR" } });
    expect((await issue(tenant.key, huge("8999999999.999999"))).status).toBe(201);
    expect(await issue(tenant.key, huge("0.000002"))).toMatchObject(refused);
    expect((await issue(tenant.key, huge("0.000001"))).status).toBe(201);
  });

  it("refuse everything to a suspended partner, whoever asks", async () => {
    const tenant = await createTenant();
    await createPartner(tenant.partner, { status: "suspended" });
    const answer = await issue(operatorKey(), order(tenant, { partner: tenant.partner }));
    expect(answer).toMatchObject({ status: 403, body: { code: "partner_suspended" } });
    expect(await countOf(tenant.partner)).toBe(0);
  });
});

describe("keypad codes", () => {
  it("are refused once guessing would be worth while, all partners together", async () => {
    const first = await issue(acme.key, keypad(acme, 300_000));
    expect(first.status).toBe(201);
    expect(first.body["guessOdds"]).toMatchObject({ oneIn: "333333333333" });
    const refused = await issue(other.key, keypad(other, 100_000));
    expect(refused).toMatchObject({ status: 422, body: { errors: [{ pointer: "/format" }] } });
    const both = await Promise.all([issue(acme.key, keypad(acme, 10_000)), issue(other.key, keypad(other, 10_000))]);
    expect(both.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([201, 422]);
    expect((await issue(acme.key, keypad(acme, 1_000_000))).status).toBe(422);
  });
});
