/** sipp as a telephone that says exactly what it is told to. */
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { freeUdpPort, run } from "./programs.ts";
import { DOMAIN, type Pair } from "./product.ts";

type Registration = {
  readonly port: number;
  readonly dir: string;
  readonly user: string;
  /** Who From and To name; the user's own address unless said otherwise. */
  readonly from?: string;
  readonly pair: Pick<Pair, "username" | "password">;
  /** A header of its own instead of digest, in the first request. */
  readonly authorization?: string;
};

/** Registers once and answers the status line of the final answer, such as `403 Credential Expired`. */
export async function register(registration: Registration): Promise<string> {
  const { dir, port, pair, authorization } = registration;
  const local = await freeUdpPort();
  const file = path.join(dir, `register-${local}.xml`);
  await writeFile(
    file,
    authorization === undefined ? withDigest(registration) : withHeader(registration, authorization),
  );
  const log = path.join(dir, `register-${local}.log`);
  const sipp = run(
    "sipp",
    [
      "-sf",
      file,
      "-m",
      "1",
      "-l",
      "1",
      "-i",
      "127.0.0.1",
      "-p",
      String(local),
      "-nostdin",
      "-timeout",
      "8s",
      "-timeout_error",
      "-trace_msg",
      "-message_file",
      log,
      "-au",
      pair.username,
      "-ap",
      pair.password,
      `127.0.0.1:${port}`,
    ],
    { cwd: dir, env: { TERM: "dumb" } },
  );
  await sipp.exited;
  const messages = await readFile(log, "utf8").catch(() => "");
  const last = [...messages.matchAll(/^SIP\/2\.0 ([^\r\n]+)/gm)].at(-1)?.[1];
  if (last === undefined) throw new Error(`no answer to sipp:\n${sipp.output()}`);
  return last;
}

const request = ({ user, from = user }: Registration, sequence: number, extra: string): string => `
  <send><![CDATA[
REGISTER sip:${DOMAIN} SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
Max-Forwards: 70
From: <sip:${from}@${DOMAIN}>;tag=[call_number]
To: <sip:${from}@${DOMAIN}>
Call-ID: [call_id]
CSeq: ${sequence} REGISTER
Contact: <sip:${user}@[local_ip]:[local_port]>
Expires: 60
${extra}Content-Length: 0

  ]]></send>`;

/** Any final answer ends the call; which one it was is read from the log. */
const final = ["200", "401", "403", "404", "500"]
  .map((status, at, all) => `<recv response="${status}" ${at < all.length - 1 ? 'optional="true" next="1"' : ""}/>`)
  .join("\n  ");
const scenario = (body: string) =>
  `<?xml version="1.0" encoding="ISO-8859-1"?>\n<!DOCTYPE scenario SYSTEM "sipp.dtd">\n<scenario name="register">${body}\n  <label id="1"/>\n</scenario>\n`;

const withDigest = (registration: Registration): string =>
  scenario(
    `${request(registration, 1, "")}\n  <recv response="401" auth="true"/>${request(registration, 2, "[authentication]\n")}\n  ${final}`,
  );

const withHeader = (registration: Registration, authorization: string): string =>
  scenario(`${request(registration, 1, `Authorization: ${authorization}\n`)}\n  ${final}`);
