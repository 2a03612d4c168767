/** Kamailio on free ports of the loopback, run from the documented file itself. */
import { createSocket } from "node:dgram";
import path from "node:path";
import { inject } from "vitest";
import { freePort } from "../support/free-port.ts";
import { freeUdpPort, run } from "./programs.ts";

export const DOCUMENTED = path.resolve(import.meta.dirname, "../../public/docs/sip");

export type Kamailio = {
  readonly port: number;
  readonly webSocketPort: number;
  readonly output: () => string;
  readonly stop: () => Promise<void>;
};

/** `settings` as the file names them; values as its preprocessor takes them. */
export async function startKamailio(
  dir: string,
  settings: Readonly<Record<string, string>> = {},
  { webSocket = false }: { webSocket?: boolean } = {},
): Promise<Kamailio> {
  const [port, webSocketPort] = [await freeUdpPort(), await freePort()];
  const defines: Record<string, string> = {
    SECRET: `"${inject("product").memory.trunkSecret}"`,
    LISTEN: `udp:127.0.0.1:${port}`,
    ...(webSocket && { WITH_WEBSOCKET: "1", LISTEN_WS: `tcp:127.0.0.1:${webSocketPort}` }),
    ...settings,
  };
  const kamailio = run(
    "kamailio",
    [
      "-f",
      path.join(DOCUMENTED, "kamailio.cfg"),
      "-DD",
      "-E",
      "-m",
      "32",
      "-M",
      "8",
      "-w",
      dir,
      "-Y",
      dir,
      ...Object.entries(defines).flatMap(([name, value]) => ["-A", value === "1" ? name : `${name}=${value}`]),
    ],
    { cwd: dir },
  );
  await kamailio.says(/udp: 127\.0\.0\.1/);
  await answersOptions(port);
  return { port, webSocketPort, output: kamailio.output, stop: kamailio.stop };
}

/** Its workers listen a moment after it has printed its addresses. */
async function answersOptions(port: number): Promise<void> {
  const socket = createSocket("udp4");
  try {
    await new Promise<void>((resolve, reject) => {
      const request = (via: number) =>
        [
          `OPTIONS sip:127.0.0.1:${port} SIP/2.0`,
          `Via: SIP/2.0/UDP 127.0.0.1:${via};branch=z9hG4bK${Math.random().toString(36).slice(2)}`,
          "Max-Forwards: 5",
          "From: <sip:test@127.0.0.1>;tag=1",
          `To: <sip:127.0.0.1:${port}>`,
          `Call-ID: ${Math.random()}`,
          "CSeq: 1 OPTIONS",
          "Content-Length: 0",
          "",
          "",
        ].join("\r\n");
      const ask = () => socket.send(request(socket.address().port), port, "127.0.0.1");
      const timer = setInterval(ask, 100);
      const limit = setTimeout(() => reject(new Error("Kamailio does not answer")), 8000);
      socket.once("message", () => {
        clearInterval(timer);
        clearTimeout(limit);
        resolve();
      });
      socket.bind(0, "127.0.0.1", ask);
    });
  } finally {
    socket.close();
  }
}
