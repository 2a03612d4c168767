/** Two redeemed cards call each other through Kamailio and a small switch; the caller's credit is exact at the end. */
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { startTelephone, type Telephone } from "./baresip.ts";
import { type Kamailio, startKamailio } from "./kamailio.ts";
import { api, issueCodes, type Phone, redeem } from "./product.ts";
import { scratch, sleep } from "./programs.ts";
import { startSwitch, type Switch } from "./switch.ts";

/** baresip counts packets by RTCP, whose first report comes after five seconds. */
const TALK_MS = 6500;
/** 20 ms a packet: what is missing at the ends of a call on a busy machine. */
const FEWEST_PACKETS = TALK_MS / 20 / 2;

const folder = await scratch();
let exchange: Switch;
let kamailio: Kamailio;
let caller: Phone;
let callee: Phone;
let telephones: Telephone[] = [];

beforeAll(async () => {
  const codes = await issueCodes(2);
  [caller, callee] = [await redeem(codes[0]), await redeem(codes[1])];
  exchange = await startSwitch(inject("product").demo.switchKey);
  kamailio = await startKamailio(folder.dir, { SWITCH_IP: '"127.0.0.1"', SWITCH_PORT: `"${exchange.port}"` });
  telephones = await Promise.all(
    [caller, callee].map((phone) => startTelephone(phone, { dir: folder.dir, port: kamailio.port })),
  );
  for (const telephone of telephones) await telephone.says(/200 OK/);
});
afterAll(async () => {
  await Promise.all(telephones.map((telephone) => telephone.stop()));
  await kamailio?.stop();
  await exchange?.stop();
  await folder.remove();
});

type Me = { balance: { available: string; held: string } };
const balanceOf = async ({ accessToken: key }: Phone): Promise<Me["balance"]> =>
  (await api<Me>("GET", "/v1/me", { key })).body.balance;

const packets = async (telephone: Telephone, since: number) => {
  const [summary] = await telephone.says(/EX=BareSip;[^\n]+/, 5000, since);
  return [/;PS=(\d+)/, /;PR=(\d+)/].map((count) => Number(count.exec(summary)?.[1] ?? 0));
};

describe("a call between two cards", () => {
  it("is authenticated, held, extended and committed, with media both ways", async () => {
    const [from, to] = telephones;
    if (!from || !to) throw new Error("two telephones");
    const marks = [from.output().length, to.output().length] as const;
    from.dial(callee.user);
    await to.says(/ncoming call/, 8000, marks[1]);
    to.accept();
    await from.says(/Call established/, 8000, marks[0]);
    await sleep(TALK_MS);
    from.hangUp();
    const [near, far] = await Promise.all([packets(from, marks[0]), packets(to, marks[1])]);
    for (const count of [...near, ...far]) expect(count).toBeGreaterThan(FEWEST_PACKETS);
    for (let tries = 0; !exchange.steps.some(({ verb }) => verb === "commit") && tries < 100; tries += 1)
      await sleep(50);
    await exchange.settled();

    const verbs = exchange.steps.map(({ verb }) => verb);
    expect(verbs.slice(0, 2)).toEqual(["hold", "extend"]);
    expect(verbs.at(-1)).toBe("commit");
    expect(exchange.steps.map(({ status }) => status)).toEqual(verbs.map(() => 200));
    expect(exchange.cents()).toBeGreaterThanOrEqual(TALK_MS / 100);
    const left = ((1000 - exchange.cents()) / 100).toFixed(2);
    expect(await balanceOf(caller)).toEqual({ available: left, held: "0.00", currency: "EUR" });
    expect(await balanceOf(callee)).toEqual({ available: "10.00", held: "0.00", currency: "EUR" });
  });

  it("is challenged: what has no pair reaches nobody", async () => {
    const [, to] = telephones;
    const stranger: Phone = { ...caller, pair: { ...caller.pair, password: callee.pair.password } };
    const telephone = await startTelephone(stranger, { dir: folder.dir, port: kamailio.port });
    telephones.push(telephone);
    await telephone.says(/403 Forbidden/);
    const [mark, rings] = [telephone.output().length, to?.output().length ?? 0];
    telephone.dial(callee.user);
    await telephone.says(/403 Forbidden/, 8000, mark);
    expect(to?.output().slice(rings)).not.toMatch(/ncoming call/);
  });
});

describe("a telephone that was signed out", () => {
  it("may be registered still, and calls no more: its next hold is refused", async () => {
    const signedOut = await api("DELETE", "/v1/me/device", { key: caller.accessToken });
    expect(signedOut.status).toBe(204);
    const [from] = telephones;
    const mark = from?.output().length ?? 0;
    from?.dial(callee.user);
    await from?.says(/403 credential_revoked/, 8000, mark);
    expect(exchange.steps.at(-1)).toMatchObject({ verb: "hold", status: 403, body: { code: "credential_revoked" } });
  });
});
