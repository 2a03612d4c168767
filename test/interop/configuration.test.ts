/** Kamailio's own check of the documented file, with every choice whose modules Debian builds. */
import path from "node:path";
import { afterAll, expect, it } from "vitest";
import { DOCUMENTED } from "./kamailio.ts";
import { run, scratch } from "./programs.ts";

const folder = await scratch();
afterAll(() => folder.remove());

const INTROSPECTION = [
  "WITH_INTROSPECTION",
  'INTROSPECT_URL="http://127.0.0.1:1/v1/introspect"',
  'SWITCH_KEY="rf_key"',
];
const WEB_SOCKET = ["WITH_WEBSOCKET", "LISTEN_WS=tcp:127.0.0.1:8080"];
const SWITCH = ['SWITCH_IP="127.0.0.1"', 'SWITCH_PORT="5070"'];

it.each([
  ["nothing more", []],
  ["the secret before it", ['SECRET_OLD="the secret before it"']],
  ["a switch", SWITCH],
  ["WebSocket", WEB_SOCKET],
  ["introspection", INTROSPECTION],
  ["all of them", [...SWITCH, ...WEB_SOCKET, ...INTROSPECTION]],
])("kamailio.cfg parses with %s", async (_, defines) => {
  const { dir } = folder;
  const settings = ["LISTEN=udp:127.0.0.1:5060", ...defines].flatMap((define) => ["-A", define]);
  const kamailio = run("kamailio", ["-c", "-E", "-f", path.join(DOCUMENTED, "kamailio.cfg"), "-w", dir, ...settings]);
  expect(await kamailio.exited, kamailio.output()).toBe(0);
});
