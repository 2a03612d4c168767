/** A page that registers over WebSocket with what one redemption gave, and stays registered with what a refresh gives. */
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openBrowser } from "../browser/visitor.ts";
import { type Kamailio, startKamailio } from "./kamailio.ts";
import { freshPhone, issueCodes, type Phone, redeem } from "./product.ts";
import { scratch } from "./programs.ts";
import { digestProof, startWebPhone } from "./web-phone.ts";

const folder = await scratch();
let browser: Browser;
let kamailio: Kamailio;
let phone: Phone;

beforeAll(async () => {
  phone = await redeem((await issueCodes(1))[0]);
  kamailio = await startKamailio(folder.dir, {}, { webSocket: true });
  browser = await openBrowser();
});
afterAll(async () => {
  await browser?.close();
  await kamailio?.stop();
  await folder.remove();
});

describe("JsSIP in Chromium", () => {
  it("registers by digest and stays registered across a refresh", async () => {
    const page = await browser.newPage();
    const web = await startWebPhone(page, kamailio.webSocketPort, phone.user, digestProof(phone.pair));
    expect(await web.answered(2)).toEqual(["401 Unauthorized", "200 OK"]);
    await web.renew(digestProof((await freshPhone(phone)).pair));
    expect(await web.answered(4)).toEqual(["401 Unauthorized", "200 OK", "401 Unauthorized", "200 OK"]);
    expect(await web.isRegistered()).toBe(true);
    await page.close();
  });

  it("is refused with a pair that was tampered with", async () => {
    const page = await browser.newPage();
    const pair = { ...phone.pair, username: phone.pair.username.replace(/^\d+/, (at) => String(Number(at) + 60)) };
    const web = await startWebPhone(page, kamailio.webSocketPort, phone.user, digestProof(pair));
    expect(await web.answered(2)).toEqual(["401 Unauthorized", "403 Forbidden"]);
    expect(await web.isRegistered()).toBe(false);
    await page.close();
  });
});
