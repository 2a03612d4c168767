import { beforeEach, describe, expect, it } from "vitest";
import { neutralBrand, type Brand } from "../../src/domain/branding.ts";
import type { CatalogueTerms, Standing } from "../../src/domain/terms.ts";
import { createCatalogue, type Catalogue } from "../../src/services/catalogue.ts";
import type { PortalHost } from "../../src/storage/catalogue-kv.ts";
import { standing, terms } from "../support/card-states.ts";

const brand = (version: number): Brand => ({ ...neutralBrand("acme", "acme"), version });
const entry = (version: number, changes: Partial<Standing> = {}, look: Brand | null = null): CatalogueTerms => ({
  batch: terms(),
  standing: standing({ version, ...changes }),
  partnerSuspended: false,
  profile: null,
  trunk: null,
  brand: look,
});

/** Layers that answer what a test puts there, and remember what they were asked. `Error` = the layer is down. */
let kv: {
  terms: CatalogueTerms | null | Error;
  brand: Brand | null | Error;
  host: PortalHost | null;
  put: Error | null;
};
let d1: { terms: CatalogueTerms | undefined | Error; brand: Brand | undefined | Error; host: string | undefined };
let calls: string[];
let written: (CatalogueTerms | Brand | PortalHost)[];
let background: Promise<unknown>[];
let nowMs: number;
let catalogue: Catalogue;

async function answer<T>(call: string, value: T | Error): Promise<T> {
  calls.push(call);
  if (value instanceof Error) throw value;
  return value;
}
const DOWN = new Error("down");

async function write(value: CatalogueTerms | Brand | PortalHost): Promise<void> {
  calls.push("kv put");
  if (kv.put) throw kv.put;
  written.push(value);
}

beforeEach(() => {
  kv = { terms: null, brand: null, host: null, put: null };
  d1 = { terms: entry(1), brand: brand(1), host: "acme" };
  calls = [];
  written = [];
  background = [];
  nowMs = 1_000_000;
  catalogue = createCatalogue({
    kv: {
      terms: () => answer("kv terms", kv.terms),
      brand: () => answer("kv brand", kv.brand),
      putTerms: write,
      putBrand: write,
      portalHost: () => answer("kv host", kv.host),
      putPortalHost: write,
    },
    readTerms: () => answer("d1 terms", d1.terms),
    readBrand: () => answer("d1 brand", d1.brand),
    readHost: () => answer("d1 host", d1.host),
    now: () => nowMs,
    later: (work) => background.push(work),
  });
});

describe("the layers", () => {
  it("are memory for fifteen seconds, then KV", async () => {
    kv.terms = entry(3);
    expect(await catalogue.terms(12)).toEqual(entry(3));
    nowMs += 14_999;
    expect(await catalogue.terms(12)).toEqual(entry(3));
    expect(calls).toEqual(["kv terms"]);
    nowMs += 1;
    await catalogue.terms(12);
    expect(calls).toEqual(["kv terms", "kv terms"]);
  });

  it("end in D1, which fills KV after the answer", async () => {
    expect(await catalogue.terms(12)).toEqual(entry(1));
    expect(calls.slice(0, 2)).toEqual(["kv terms", "d1 terms"]);
    expect(background).toHaveLength(1);
    await Promise.all(background);
    expect(written).toEqual([entry(1)]);
  });

  it("pass over a KV that fails, to read and to write", async () => {
    kv = { terms: DOWN, brand: DOWN, host: null, put: DOWN };
    expect(await catalogue.terms(12)).toEqual(entry(1));
    expect(await catalogue.brand("acme")).toEqual(brand(1));
    expect(await Promise.allSettled(background)).toMatchObject([{ status: "fulfilled" }, { status: "fulfilled" }]);
  });

  it("do not need D1 while KV has a copy", async () => {
    d1 = { terms: DOWN, brand: DOWN, host: undefined };
    kv.terms = entry(2);
    expect(await catalogue.terms(12)).toEqual(entry(2));
  });

  it("answer what was read in the last five minutes while both fail, and then nothing", async () => {
    await catalogue.terms(12);
    kv.terms = DOWN;
    d1.terms = DOWN;
    nowMs += 299_999;
    expect(await catalogue.terms(12)).toEqual(entry(1));
    nowMs += 1;
    await expect(catalogue.terms(12)).rejects.toBe(DOWN);
    d1.terms = entry(2);
    expect(await catalogue.terms(12)).toEqual(entry(2));
  });

  it("refuse rather than guess when nothing was ever read", async () => {
    kv.terms = DOWN;
    d1.terms = DOWN;
    await expect(catalogue.terms(12)).rejects.toBe(DOWN);
  });

  it("do not remember that a batch is absent: it may be issued the next moment", async () => {
    d1.terms = undefined;
    expect(await catalogue.terms(12)).toBeNull();
    expect(written).toEqual([]);
    d1.terms = entry(1);
    expect(await catalogue.terms(12)).toEqual(entry(1));
  });

  it("hold at most two thousand batches in memory", async () => {
    kv.terms = entry(1);
    for (let batch = 1; batch <= 2000; batch++) await catalogue.terms(batch);
    calls = [];
    await catalogue.terms(1);
    expect(calls).toEqual([]);
    await catalogue.terms(2001);
    await catalogue.terms(1);
    expect(calls).toEqual(["kv terms", "kv terms"]);
  });
});

describe("a standing", () => {
  it("is not undone by a slow copy, whose other facts count", async () => {
    kv.terms = entry(5, { status: "recalled" });
    await catalogue.terms(12);
    nowMs += 15_000;
    kv.terms = { ...entry(4), partnerSuspended: true };
    expect(await catalogue.terms(12)).toEqual({ ...entry(5, { status: "recalled" }), partnerSuspended: true });
  });

  it("is replaced by a newer one", async () => {
    kv.terms = entry(4);
    await catalogue.terms(12);
    nowMs += 15_000;
    kv.terms = entry(5, { status: "paused" });
    expect((await catalogue.terms(12))?.standing).toMatchObject({ version: 5, status: "paused" });
  });

  it("is seen here at once after a change, and copied before the change is answered", async () => {
    await catalogue.terms(12);
    d1.terms = entry(2, { status: "recalled" });
    await catalogue.refreshTerms(12);
    expect(written.at(-1)).toEqual(entry(2, { status: "recalled" }));
    calls = [];
    expect((await catalogue.terms(12))?.standing.status).toBe("recalled");
    expect(calls).toEqual([]);
  });

  it("is seen here even when the copy could not be written", async () => {
    await catalogue.terms(12);
    kv.put = DOWN;
    d1.terms = entry(2, { status: "recalled" });
    await catalogue.refreshTerms(12);
    expect((await catalogue.terms(12))?.standing.status).toBe("recalled");
  });

  it("of a batch that does not exist is no error to renew", async () => {
    d1.terms = undefined;
    await catalogue.refreshTerms(12);
    expect(written).toEqual([]);
  });

  it("survives a read that began before the change and ends after it", async () => {
    const slow = Promise.withResolvers<CatalogueTerms>();
    const racing = createCatalogue({
      kv: {
        terms: () => slow.promise,
        brand: async () => null,
        portalHost: async () => null,
        putTerms: write,
        putBrand: write,
        putPortalHost: write,
      },
      readTerms: async () => entry(2, { status: "recalled" }),
      readBrand: async () => undefined,
      readHost: async () => undefined,
      now: () => nowMs,
      later: () => undefined,
    });
    const reading = racing.terms(12);
    await racing.refreshTerms(12);
    slow.resolve(entry(1));
    expect((await reading)?.standing.status).toBe("recalled");
    expect((await racing.terms(12))?.standing.status).toBe("recalled");
  });
});

describe("a brand", () => {
  it("comes with the terms: one read for both", async () => {
    d1.terms = entry(1, {}, brand(7));
    await catalogue.terms(12);
    expect(await catalogue.brand("acme")).toEqual(brand(7));
    expect(calls.filter((call) => call.endsWith("brand"))).toEqual([]);
  });

  it("known already is not replaced by the one that comes with terms", async () => {
    kv.brand = brand(8);
    await catalogue.brand("acme");
    kv.terms = entry(1, {}, brand(7));
    await catalogue.terms(12);
    expect(await catalogue.brand("acme")).toEqual(brand(8));
  });

  it("is read again when its time is over, whatever terms said in between", async () => {
    kv.brand = brand(8);
    await catalogue.brand("acme");
    nowMs += 10_000;
    kv.terms = entry(1, {}, brand(8));
    await catalogue.terms(12);
    nowMs += 5000;
    kv.brand = brand(9);
    expect(await catalogue.brand("acme")).toEqual(brand(9));
  });

  it("never goes back to an older version", async () => {
    kv.brand = brand(8);
    await catalogue.brand("acme");
    nowMs += 15_000;
    kv.brand = brand(7);
    expect(await catalogue.brand("acme")).toEqual(brand(8));
    nowMs += 15_000;
    kv.brand = brand(9);
    expect(await catalogue.brand("acme")).toEqual(brand(9));
  });

  it("that is not published is none, and is asked for again", async () => {
    d1.brand = undefined;
    expect(await catalogue.brand("acme")).toBeNull();
    d1.brand = brand(1);
    expect(await catalogue.brand("acme")).toEqual(brand(1));
  });
});

describe("a host name of a brand's own", () => {
  it("is remembered, copied, and renewed at once", async () => {
    expect(await catalogue.brandOfHost("topup.acme.example")).toBe("acme");
    await Promise.all(background);
    expect(written).toEqual([{ host: "topup.acme.example", brand: "acme" }]);
    d1.host = "other";
    expect(await catalogue.brandOfHost("topup.acme.example")).toBe("acme");
    await catalogue.refreshHost("topup.acme.example");
    expect(await catalogue.brandOfHost("topup.acme.example")).toBe("other");
  });

  it("that is nobody's costs one look, and nothing is written for it", async () => {
    d1.host = undefined;
    for (let turn = 0; turn < 3; turn++) expect(await catalogue.brandOfHost("made-up.example")).toBeNull();
    await Promise.all(background);
    expect([calls, written]).toEqual([["kv host", "d1 host"], []]);
  });

  it("that was given up is nobody's in the copies too", async () => {
    await catalogue.brandOfHost("topup.acme.example");
    d1.host = undefined;
    await catalogue.refreshHost("topup.acme.example");
    expect(await catalogue.brandOfHost("topup.acme.example")).toBeNull();
    expect(written.at(-1)).toEqual({ host: "topup.acme.example", brand: null });
  });
});
