/** JsSIP in Chromium: a telephone in a page, over WebSocket. */
import { createRequire } from "node:module";
import { build } from "esbuild";
import type { Page } from "playwright-core";
import type { Pair } from "./product.ts";
import { DOMAIN } from "./product.ts";
import { sleep } from "./programs.ts";

/** How it proves itself; JsSIP wants the whole header value of a token. */
export type Proof =
  | { readonly authorization_user: string; readonly password: string; readonly realm: string }
  | { readonly authorization_jwt: string };

export const digestProof = ({ username, password, realm }: Pair): Proof => ({
  authorization_user: username,
  password,
  realm,
});

/** The one bundle JsSIP's package has for browsers, made here from its modules. */
async function bundle(): Promise<string> {
  const entry = createRequire(import.meta.url).resolve("jssip");
  const { outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    format: "iife",
    globalName: "JsSIP",
    logLevel: "error",
  });
  return outputFiles[0]?.text ?? "";
}

type UserAgent = {
  start: () => void;
  stop: () => void;
  register: () => void;
  set: (name: string, value: string) => boolean;
  isRegistered: () => boolean;
};
type Library = {
  UA: new (configuration: Record<string, unknown>) => UserAgent;
  WebSocketInterface: new (url: string) => unknown;
};
type InPage = { JsSIP: Library; phone: UserAgent };

export type WebPhone = {
  /** Status lines that answered its registrations, in order, once there are so many. */
  readonly answered: (count: number) => Promise<readonly string[]>;
  /** New proof for what is sent from now on, and a registration with it. */
  readonly renew: (proof: Proof) => Promise<void>;
  readonly isRegistered: () => Promise<boolean>;
  readonly stop: () => Promise<void>;
};

export async function startWebPhone(page: Page, port: number, user: string, proof: Proof): Promise<WebPhone> {
  const answers: string[] = [];
  page.on("websocket", (socket) =>
    socket.on("framereceived", ({ payload }) => {
      const text = String(payload);
      if (/^CSeq: \d+ REGISTER\r$/m.test(text)) answers.push(/^SIP\/2\.0 ([^\r]+)/.exec(text)?.[1] ?? text);
    }),
  );
  await page.addScriptTag({ content: await bundle() });
  await page.evaluate(
    ({ url, uri, given }) => {
      const window = globalThis as unknown as InPage;
      window.phone = new window.JsSIP.UA({
        sockets: [new window.JsSIP.WebSocketInterface(url)],
        uri,
        register_expires: 120,
        session_timers: false,
        ...given,
      });
      window.phone.start();
    },
    { url: `ws://127.0.0.1:${port}`, uri: `sip:${user}@${DOMAIN}`, given: proof },
  );
  return {
    answered: async (count) => {
      for (const untilMs = Date.now() + 10_000; answers.length < count && Date.now() < untilMs;) await sleep(25);
      return answers;
    },
    renew: (next) =>
      page.evaluate((fresh) => {
        const { phone } = globalThis as unknown as InPage;
        for (const [name, value] of Object.entries(fresh)) phone.set(name, value);
        phone.register();
      }, next),
    isRegistered: () => page.evaluate(() => (globalThis as unknown as InPage).phone.isRegistered()),
    stop: () => page.evaluate(() => (globalThis as unknown as InPage).phone.stop()),
  };
}
