/** baresip as a telephone with a microphone that hums; told what to do over its control socket. */
import { mkdir, writeFile } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import path from "node:path";
import { freePort } from "../support/free-port.ts";
import { freeUdpPort, run, sleep } from "./programs.ts";
import { DOMAIN, type Phone } from "./product.ts";

export type Telephone = {
  readonly dial: (user: string) => void;
  readonly accept: () => void;
  readonly hangUp: () => void;
  /** Waits for something it prints from now on, or since a mark. */
  readonly says: (pattern: RegExp, limitMs?: number, since?: number) => Promise<RegExpExecArray>;
  readonly output: () => string;
  readonly stop: () => Promise<void>;
};

type Options = { readonly dir: string; readonly port: number };

/** Registers with the card's pair at the Kamailio of that port. */
export async function startTelephone({ user, pair }: Phone, { dir, port }: Options): Promise<Telephone> {
  const home = path.join(dir, `baresip-${user}-${Date.now()}`);
  await mkdir(home, { recursive: true });
  const [sip, control, media] = [
    await freeUdpPort(),
    await freePort(),
    10_000 + 2 * Math.floor(Math.random() * 10_000),
  ];
  const modules = ["g711.so", "ausine.so", "aubridge.so", "rtcpsummary.so"];
  await writeFile(
    path.join(home, "config"),
    [
      "module_path /usr/lib/baresip/modules",
      `sip_listen 127.0.0.1:${sip}`,
      "net_interface 127.0.0.1",
      "ausrc_srate 48000", // ausine knows nothing else
      "ausrc_channels 2",
      "audio_player aubridge,heard",
      "audio_source ausine,440",
      "audio_alert aubridge,alert",
      `rtp_ports ${media}-${media + 40}`,
      ...modules.map((name) => `module ${name}`),
      "module_tmp account.so",
      "module_app menu.so",
      "module_app ctrl_tcp.so",
      `ctrl_tcp_listen 127.0.0.1:${control}`,
      "",
    ].join("\n"),
  );
  const parameters = [
    `auth_user=${pair.username}`,
    `auth_pass=${pair.password}`,
    `outbound="sip:127.0.0.1:${port};transport=udp"`,
    "regint=60",
  ];
  await writeFile(path.join(home, "accounts"), `<sip:${user}@${DOMAIN};transport=udp>;${parameters.join(";")}\n`);
  const baresip = run("baresip", ["-f", home], { cwd: home });
  await baresip.says(/baresip is ready/);
  const socket = await controlOf(control);
  const send = (command: string, params = "") => {
    const message = JSON.stringify({ command, params });
    socket.write(`${Buffer.byteLength(message)}:${message},`);
  };
  return {
    dial: (callee) => send("dial", `sip:${callee}@${DOMAIN}`),
    accept: () => send("accept"),
    hangUp: () => send("hangup"),
    says: baresip.says,
    output: baresip.output,
    stop: async () => {
      socket.destroy();
      await baresip.stop();
    },
  };
}

async function controlOf(port: number): Promise<Socket> {
  for (let tries = 0; ; tries += 1) {
    const socket = connect(port, "127.0.0.1");
    const isOpen = await new Promise<boolean>((resolve) => {
      socket.once("connect", () => resolve(true));
      socket.once("error", () => resolve(false));
    });
    if (isOpen) {
      socket.resume();
      return socket.on("error", () => undefined);
    }
    if (tries > 50) throw new Error("baresip's control socket does not open");
    await sleep(50);
  }
}
