/** Listeners of the live channel, as an app has them: over HTTP, by the subprotocol. */
import { env, exports } from "cloudflare:workers";

export type LiveMessage = { readonly type: string; readonly version: number; readonly data: Record<string, unknown> };

export type Listening = {
  readonly socket: WebSocket;
  readonly subprotocol: string | null;
  /** The next message not seen yet; fails after two seconds without one. */
  next(): Promise<LiveMessage>;
  /** What came and was not asked for with `next`. */
  rest(): readonly LiveMessage[];
  /** How often `pong` came; waits for the first. */
  pong(): Promise<number>;
  /** The code it was closed with. */
  closed(): Promise<number>;
};

/** The bare upgrade request. */
export const upgrade = (headers: Readonly<Record<string, string>>): Promise<Response> =>
  exports.default.fetch(
    new Request(new URL("/v1/me/events", env.PUBLIC_ORIGIN), { headers: { Upgrade: "websocket", ...headers } }),
  );

export async function listen(
  token: string,
  headers: Readonly<Record<string, string>> = { "Sec-WebSocket-Protocol": `bearer, ${token}` },
): Promise<Listening> {
  const answer = await upgrade(headers);
  const socket = answer.webSocket;
  if (!socket) throw new Error(`events: ${answer.status} ${await answer.text()}`);
  const messages: LiveMessage[] = [];
  let seen = 0;
  let pongs = 0;
  let code: number | undefined;
  socket.addEventListener("message", ({ data }) => {
    if (data === "pong") pongs += 1;
    else messages.push(JSON.parse(data as string) as LiveMessage);
  });
  socket.addEventListener("close", (event) => {
    code = event.code;
  });
  socket.accept();
  return {
    socket,
    subprotocol: answer.headers.get("Sec-WebSocket-Protocol"),
    next: async () => {
      const message = await eventually(() => messages[seen]);
      seen += 1;
      return message;
    },
    rest: () => messages.slice(seen),
    pong: () => eventually(() => pongs || undefined),
    closed: () => eventually(() => code),
  };
}

/** Counts waits, not the clock: tests move the clock. */
async function eventually<T>(look: () => T | undefined): Promise<T> {
  for (let waits = 0; waits < 200; waits++) {
    const found = look();
    if (found !== undefined) return found;
    await scheduler.wait(10);
  }
  throw new Error("nothing came within two seconds");
}
