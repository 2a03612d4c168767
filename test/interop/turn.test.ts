/** TURN pairs at a coturn that runs the documented configuration, and neither kind of pair at the other's server. */
import path from "node:path";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { freePort } from "../support/free-port.ts";
import { DOCUMENTED, type Kamailio, startKamailio } from "./kamailio.ts";
import { addTurn, forge, issueCodes, nowSeconds, type Phone, redeem, TURN_SECRET } from "./product.ts";
import { run, type Running, scratch } from "./programs.ts";
import { register } from "./sipp.ts";

const folder = await scratch();
let coturn: Running;
let kamailio: Kamailio;
let port: number;
let phone: Phone;

beforeAll(async () => {
  port = await freePort();
  await addTurn(`turn:127.0.0.1:${port}?transport=udp`);
  phone = await redeem((await issueCodes(1))[0]);
  kamailio = await startKamailio(folder.dir);
  coturn = run(
    "turnserver",
    [
      "-c",
      path.join(DOCUMENTED, "turnserver.conf"),
      `--static-auth-secret=${TURN_SECRET}`,
      "-p",
      String(port),
      "-L",
      "127.0.0.1",
      "-E",
      "127.0.0.1",
      "--allow-loopback-peers",
      "--allowed-peer-ip=127.0.0.1",
      "--no-tls",
      "--no-dtls",
      "--log-file=stdout",
      "--simple-log",
      "--pidfile",
      path.join(folder.dir, "turn.pid"),
      "--db",
      path.join(folder.dir, "turn.sqlite"),
    ],
    { cwd: folder.dir },
  );
  await coturn.says(/SQLite DB connection success/);
});
afterAll(async () => {
  await coturn?.stop();
  await kamailio?.stop();
  await folder.remove();
});

/** A client allocates, sends five packets to itself through the relay, and says how many came back. */
async function relayed(username: string, password: string): Promise<"relayed" | "refused"> {
  const client = run("turnutils_uclient", [
    "-p",
    String(port),
    "-y",
    "-n",
    "5",
    "-c",
    "-u",
    username,
    "-w",
    password,
    "127.0.0.1",
  ]);
  const code = await client.exited;
  if (/Cannot complete Allocation/.test(client.output())) return "refused";
  if (code === 0 && /tot_send_msgs=(\d+), tot_recv_msgs=\1/.test(client.output())) return "relayed";
  throw new Error(`turnutils_uclient ended with ${code}:\n${client.output()}`);
}

const withTurn = (): { username: string; credential: string } => {
  if (!phone.turn) throw new Error("the answer holds no TURN pair");
  return phone.turn;
};

describe("the TURN pair of a redeemed card", () => {
  it("allocates and relays", async () => {
    expect(await relayed(withTurn().username, withTurn().credential)).toBe("relayed");
  });

  it("is refused for another user or a later expiry", async () => {
    const { username, credential } = withTurn();
    expect(await relayed(username.replace(/\d$/, "9"), credential)).toBe("refused");
    expect(
      await relayed(
        username.replace(/^\d+/, (at) => String(Number(at) + 60)),
        credential,
      ),
    ).toBe("refused");
  });

  it("is refused once it has expired", async () => {
    const expired = forge(TURN_SECRET, nowSeconds() - 5, phone.user, "");
    expect(await relayed(expired.username, expired.password)).toBe("refused");
  });

  it("does not register: 403", async () => {
    const { username, credential: password } = withTurn();
    const { port: sip } = kamailio;
    const pair = { username, password };
    expect(await register({ port: sip, dir: folder.dir, user: phone.user, pair })).toBe("403 Forbidden");
  });
});

describe("the SIP pair", () => {
  it("is refused by TURN", async () => {
    expect(await relayed(phone.pair.username, phone.pair.password)).toBe("refused");
    expect(inject("product").memory.trunkSecret).not.toBe(TURN_SECRET);
  });
});
