/** Numbers in queries: read as strictly as numbers in bodies, on every route that takes one. */
import { beforeAll, expect, it } from "vitest";
import { operatorKey, call } from "../support/api.ts";
import { createTenant, issue, order, type Tenant } from "../support/batches.ts";
import { expectInvalid } from "../support/problems.ts";

const WRONG = [
  "",
  "0",
  "-1",
  "01",
  "1.0",
  "1.5",
  "1e1",
  "0x10",
  "+1",
  " 1",
  "1 ",
  "١",
  "true",
  "99999999999999999999",
].map(encodeURIComponent);

let acme: Tenant;
let batch: number;
beforeAll(async () => {
  acme = await createTenant();
  batch = (await issue(acme.key, order(acme))).body.number;
});

it.each(["partners", "keys", "trunks", "brands", "batches", "cards"])("pages of /v1/%s", async (list) => {
  const path = `/v1/${list}`;
  for (const wrong of [...WRONG, "201", "1&limit=1"])
    expectInvalid(await call("GET", `${path}?limit=${wrong}`, { key: operatorKey() }), "/limit", wrong);
  expect((await call("GET", `${path}?limit=1`, { key: operatorKey() })).status).toBe(200);
});

it("the cards of a sheet", async () => {
  const path = `/v1/batches/${batch}/codes`;
  for (const name of ["from", "to"])
    for (const wrong of WRONG)
      expectInvalid(await call("GET", `${path}?${name}=${wrong}`, { key: acme.key }), `/${name}`, wrong);
  expect((await call("GET", `${path}?from=1&to=2`, { key: acme.key })).status).toBe(200);
});

it("the batch of a search and the version of a brand", async () => {
  await call("POST", `/v1/brands/${acme.brand}/publish`, { key: acme.key });
  for (const wrong of WRONG) {
    expectInvalid(await call("GET", `/v1/cards?batch=${wrong}`, { key: acme.key }), "/batch", wrong);
    expectInvalid(await call("GET", `/v1/brands/${acme.brand}/manifest?version=${wrong}`), "/version", wrong);
  }
  expect((await call("GET", `/v1/cards?batch=${batch}`, { key: acme.key })).status).toBe(200);
  expect((await call("GET", `/v1/brands/${acme.brand}/manifest?version=1`)).status).toBe(200);
});
