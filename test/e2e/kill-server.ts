/** One life of the product for the kill test: the bundle that is there already, on the state that is there already. */
import { startLocalPlatform } from "../../src/cli/local-platform.ts";

const { KILL_STATE: stateDir = "", KILL_PORT: port = "0", KILL_BUNDLE: bundle = "", KILL_SECRETS = "{}" } = process.env;

const { url } = await startLocalPlatform({
  stateDir,
  port: Number(port),
  bundle,
  vars: { PUBLIC_ORIGIN: `http://127.0.0.1:${port}` },
  secrets: JSON.parse(KILL_SECRETS) as Record<string, string>,
  logLevel: "error",
});
process.stdout.write(`ready ${url}\n`);
