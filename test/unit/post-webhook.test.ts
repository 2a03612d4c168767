/** One attempt against receivers that are really there: what they can do to the sender. */
import { createPrivateKey, type JsonWebKey } from "node:crypto";
import { createServer, type RequestListener, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { createSecrets } from "../../src/cli/secrets.ts";
import { postWebhook } from "../../src/services/post-webhook.ts";

const servers: { close: () => void; closeAllConnections?: () => void }[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections?.();
    server.close();
  }
});

async function listen(server: Server | ReturnType<typeof createTcpServer>): Promise<number> {
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}
const receiver = async (listener: RequestListener) => `http://127.0.0.1:${await listen(createServer(listener))}/in`;
const post = (url: string, timeLimitMs?: number) =>
  postWebhook({ url, headers: { "webhook-id": "evt_1" }, body: '{"type":"webhook.test"}' }, timeLimitMs);

/** A certificate that nobody but its owner vouches for. */
async function ownCertificate(): Promise<{ key: string; cert: string }> {
  const { secrets } = await createSecrets(Date.now());
  const [, text = ""] = Object.entries(secrets).find(([name]) => name.startsWith("SIGNING_KEY_")) ?? [];
  const { jwk, x5c } = JSON.parse(text) as { jwk: JsonWebKey; x5c: string[] };
  const key = createPrivateKey({ key: jwk, format: "jwk" }).export({ format: "pem", type: "pkcs8" });
  return { key: String(key), cert: `-----BEGIN CERTIFICATE-----\n${x5c[0]}\n-----END CERTIFICATE-----\n` };
}

describe("an attempt", () => {
  it("is a POST of the body as it is, with the headers", async () => {
    let seen = "";
    const url = await receiver((request, response) => {
      request.on("data", (chunk: Buffer) => (seen += chunk.toString()));
      request.on("end", () => {
        const { "content-type": type, "webhook-id": id } = request.headers;
        seen += ` ${request.method} ${type} ${String(id)}`;
        response.writeHead(204).end();
      });
    });
    expect(await post(url)).toEqual({ error: null, responseStatus: 204 });
    expect(seen).toBe('{"type":"webhook.test"} POST application/json evt_1');
  });

  it("follows no redirect", async () => {
    let followed = 0;
    const target = await receiver((_, response) => {
      followed += 1;
      response.end();
    });
    for (const status of [301, 302, 303, 307, 308]) {
      const url = await receiver((_, response) => response.writeHead(status, { Location: target }).end());
      expect(await post(url)).toEqual({ error: "redirect", responseStatus: status });
    }
    expect(followed).toBe(0);
  });

  it("ends after its time, whether the answer or the connection hangs", async () => {
    const silent = await receiver(() => undefined);
    expect(await post(silent, 100)).toEqual({ error: "timeout", responseStatus: null });
    const mute = await listen(createTcpServer(() => undefined));
    expect(await post(`http://127.0.0.1:${mute}/`, 100)).toEqual({ error: "timeout", responseStatus: null });
  });

  it("does not read what a receiver answers, however long", async () => {
    let written = 0;
    const closed = Promise.withResolvers<void>();
    const url = await receiver((_, response) => {
      response.once("close", () => closed.resolve());
      const chunk = Buffer.alloc(65_536);
      const pour = () => {
        while (response.writable && written < 2 ** 30 && response.write(chunk)) written += chunk.length;
      };
      response.on("drain", pour);
      response.writeHead(200);
      pour();
    });
    expect(await post(url)).toEqual({ error: null, responseStatus: 200 });
    await closed.promise;
    expect(written).toBeLessThan(16 * 2 ** 20);
  });

  it("fails as a value when nobody listens, the certificate is nobody's, or the answer is no HTTP", async () => {
    const unreachable = { error: "unreachable", responseStatus: null };
    const port = await listen(createServer());
    servers.pop()?.close();
    expect(await post(`http://127.0.0.1:${port}/`)).toEqual(unreachable);
    const tls = await listen(createTlsServer(await ownCertificate(), (_, response) => response.end()));
    expect(await post(`https://127.0.0.1:${tls}/`)).toEqual(unreachable);
    const noise = await listen(createTcpServer((socket) => socket.end("SSH-2.0-x\r\n")));
    expect(await post(`http://127.0.0.1:${noise}/`)).toEqual(unreachable);
  });
});
