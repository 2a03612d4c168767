/** linphonec fetches a card holder's link, registers, and registers again from what it saved; crawlers get nothing. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { type Kamailio, startKamailio } from "./kamailio.ts";
import { api, issueCodes, type Phone, redeem, routeTrunkTo } from "./product.ts";
import { run, type Running, scratch, sleep } from "./programs.ts";

const folder = await scratch();
let kamailio: Kamailio;
let phone: Phone;
let codes: string[];

beforeAll(async () => {
  codes = await issueCodes(8, { credentials: { longLivedDays: 30 } });
  kamailio = await startKamailio(folder.dir);
  await routeTrunkTo(`sip:127.0.0.1:${kamailio.port}`);
  phone = await redeem(codes[0]);
});
afterAll(async () => {
  await kamailio?.stop();
  await folder.remove();
});

type Link = { readonly link: string; readonly qr: string; readonly device: number };
const linkOf = async ({ accessToken: key }: Phone, format: string): Promise<Link> => {
  const { status, body } = await api<Link>("POST", "/v1/me/provisioning-links", { key, body: { format } });
  expect(status, JSON.stringify(body)).toBe(201);
  return body;
};

/** Its settings and what it learns stay in the home folder. */
function startLinphone(home: string): Running {
  return run(
    "linphonec",
    ["--pipe", "-c", path.join(home, "linphonerc"), "-d", "5", "-l", path.join(home, "linphone.log")],
    {
      cwd: home,
      env: { HOME: home, XDG_CONFIG_HOME: home, XDG_DATA_HOME: home },
    },
  );
}

async function registers(home: string): Promise<void> {
  const linphone = startLinphone(home);
  try {
    const log = path.join(home, "linphone.log");
    const isRegistered = async () =>
      /registration.*(?:successful|LinphoneRegistrationOk)/i.test(await readFile(log, "utf8").catch(() => ""));
    for (const untilMs = Date.now() + 15_000; !(await isRegistered()); await sleep(100))
      if (Date.now() > untilMs) throw new Error(`Linphone did not register:\n${await readFile(log, "utf8")}`);
  } finally {
    await linphone.stop();
  }
}

describe("Linphone", () => {
  it("registers by a link that crawlers looked at, and again after a restart with its saved file", async () => {
    const { link, device } = await linkOf(phone, "linphone");
    for (const agent of ["WhatsApp/2.23.20", "facebookexternalhit/1.1", "Mozilla/5.0"]) {
      const seen = await fetch(link, { headers: { "User-Agent": agent } });
      expect(seen.headers.get("Content-Type")).toMatch(/^text\/html/);
      expect(await seen.text()).not.toMatch(/ha1|passwd/);
    }
    const home = path.join(folder.dir, "linphone");
    await mkdir(path.join(home, ".local/share/linphone"), { recursive: true });
    const settings = `[misc]\nconfig-uri=${link}\n[sip]\nsip_port=-1\nsip_tcp_port=-1\nsip_tls_port=-1\n[sound]\nplayback_dev_id=\n`;
    await writeFile(path.join(home, "linphonerc"), settings);
    await registers(home);
    const saved = await readFile(path.join(home, "linphonerc"), "utf8");
    expect(saved).toContain(`sip:${phone.serial}.${device}@`);
    expect(saved).toContain(`config-uri=${inject("product").demo.url}/d/`);
    expect(saved).not.toContain(link);
    await registers(home);
  });
});

describe("XML for softphones", () => {
  it.each([
    ["linphone", "Linphone/1", 1],
    ["acrobits", "Groundwire/1", 2],
    ["zoiper", "Zoiper/1", 3],
    ["grandstream", "Grandstream Wave 1", 4],
  ])("%s is what a strict parser reads", async (format, agent, at) => {
    const { link } = await linkOf(await redeem(codes[at]), format);
    const answer = await fetch(link, { headers: { "User-Agent": agent } });
    const file = path.join(folder.dir, `${format}.xml`);
    await writeFile(file, await answer.text());
    const xmllint = run("xmllint", ["--noout", "--nonet", file]);
    expect([await xmllint.exited, xmllint.output()]).toEqual([0, ""]);
  });
});
