/**
 * A small switch: a SIP proxy behind Kamailio that holds credit before it lets a call through, extends while the call
 * lasts, and commits when it ends. A tenth of a second, begun, costs a cent.
 */
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { api } from "./product.ts";

const TICK_MS = 100;
const CENTS_PER_TICK = 1;
const STEP_MS = 500;
const STEP_CREDIT = "1.00";

type Step = { readonly verb: string; readonly status: number; readonly body: Record<string, unknown> };
type Call = {
  readonly hold: string;
  readonly serial: string;
  answeredAtMs: number | null;
  chargedTicks: number;
  sequence: number;
  timer: NodeJS.Timeout | undefined;
  /** Steps go one after the other. */
  work: Promise<unknown>;
};

export type Switch = {
  readonly port: number;
  /** What it asked of the product, and the answers. */
  readonly steps: readonly Step[];
  /** Charged so far, in cents. */
  readonly cents: () => number;
  /** Resolves when every call has been settled. */
  readonly settled: () => Promise<void>;
  readonly stop: () => Promise<void>;
};

type Message = { start: string; headers: [name: string, value: string][]; readonly body: string };

export async function startSwitch(key: string): Promise<Switch> {
  const socket = createSocket("udp4").bind(0, "127.0.0.1");
  await once(socket, "listening");
  const { port } = socket.address();
  const state = new SwitchState(socket, port, key);
  socket.on("message", (bytes, from) => state.take(parse(bytes.toString("utf8")), from.port));
  return {
    port,
    steps: state.steps,
    cents: () => [...state.calls.values()].reduce((sum, { chargedTicks }) => sum + chargedTicks * CENTS_PER_TICK, 0),
    settled: async () => {
      await Promise.all([...state.calls.values()].map(({ work }) => work));
    },
    stop: async () => {
      for (const { timer } of state.calls.values()) clearInterval(timer);
      await new Promise<void>((resolve) => socket.close(() => resolve()));
    },
  };
}

class SwitchState {
  readonly steps: Step[] = [];
  readonly calls = new Map<string, Call>();
  readonly #seen = new Set<string>();
  readonly #socket: Socket;
  readonly #port: number;
  readonly #key: string;

  constructor(socket: Socket, port: number, key: string) {
    this.#socket = socket;
    this.#port = port;
    this.#key = key;
  }

  take(message: Message, kamailio: number): void {
    if (message.start.startsWith("SIP/2.0")) return this.#response(message);
    const method = message.start.split(" ", 1)[0] ?? "";
    const transaction = `${method} ${header(message, "Via")}`;
    // The last answer is on its way; its sender asks again when it was lost.
    if (method !== "ACK" && this.#seen.has(transaction)) return;
    this.#seen.add(transaction);
    if (method === "INVITE" && !header(message, "To").includes("tag=")) void this.#place(message, kamailio);
    else {
      if (method === "BYE") this.#end(header(message, "Call-ID"));
      this.#forward(message, kamailio);
    }
  }

  async #place(invite: Message, kamailio: number): Promise<void> {
    this.#answer(invite, kamailio, "100 Trying");
    const id = header(invite, "Call-ID");
    const subject = header(invite, "X-Ringfare-Subject");
    const call: Call = {
      hold: id.replaceAll(/[^A-Za-z0-9._-]/g, "-"),
      serial: subject.split(".", 1)[0] ?? "",
      answeredAtMs: null,
      chargedTicks: 0,
      sequence: 0,
      timer: undefined,
      work: Promise.resolve(),
    };
    const held = await this.#ask(call, "hold", "PUT", "", {
      amount: STEP_CREDIT,
      currency: "EUR",
      ttlSeconds: 30,
      subject,
    });
    if (held.status !== 200) return this.#answer(invite, kamailio, `403 ${String(held.body["code"])}`);
    this.calls.set(id, call);
    return this.#forward(invite, kamailio, true);
  }

  #response(message: Message): void {
    const { headers } = message;
    headers.splice(
      headers.findIndex(([name]) => name === "Via"),
      1,
    );
    const call = this.calls.get(header(message, "Call-ID"));
    const isAnswer = message.start.startsWith("SIP/2.0 2") && header(message, "CSeq").endsWith("INVITE");
    if (call && isAnswer && call.answeredAtMs === null) this.#answered(call);
    const via = header(message, "Via");
    const port = Number(/;rport=(\d+)/.exec(via)?.[1] ?? /:(\d+)/.exec(via)?.[1]);
    this.#socket.send(print(message), port, "127.0.0.1");
  }

  #answered(call: Call): void {
    call.answeredAtMs = Date.now();
    call.timer = setInterval(() => {
      call.work = call.work.then(async () => {
        const used = this.#use(call);
        call.sequence += 1;
        const { sequence } = call;
        await this.#ask(call, "extend", "POST", "/extend", { sequence, used, amount: STEP_CREDIT, ttlSeconds: 30 });
      });
    }, STEP_MS);
  }

  #end(id: string): void {
    const call = this.calls.get(id);
    if (!call?.timer) return;
    clearInterval(call.timer);
    call.timer = undefined;
    call.work = call.work.then(() => this.#ask(call, "commit", "POST", "/commit", { amount: this.#use(call) }));
  }

  /** What has been used since the last step, as the wire wants it. */
  #use(call: Call): string {
    const ticks = Math.ceil((Date.now() - (call.answeredAtMs ?? Date.now())) / TICK_MS);
    const cents = (ticks - call.chargedTicks) * CENTS_PER_TICK;
    call.chargedTicks = ticks;
    return (cents / 100).toFixed(2);
  }

  async #ask({ serial, hold }: Call, verb: string, method: string, tail: string, body: unknown): Promise<Step> {
    const address = `/v1/cards/${serial}/holds/${hold}${tail}`;
    const { status, body: answer } = await api(method, address, { key: this.#key, body });
    const step = { verb, status, body: answer };
    this.steps.push(step);
    return step;
  }

  #forward(message: Message, kamailio: number, recordRoute = false): void {
    const own = `127.0.0.1:${this.#port}`;
    const branch = /branch=([^;,]+)/.exec(header(message, "Via"))?.[1] ?? "";
    message.headers = message.headers.filter(([name, value]) => name !== "Route" || !value.startsWith(`<sip:${own}`));
    if (recordRoute) message.headers.unshift(["Record-Route", `<sip:${own};lr>`]);
    message.headers.unshift(["Via", `SIP/2.0/UDP ${own};branch=${branch}.s`]);
    this.#socket.send(print(message), kamailio, "127.0.0.1");
  }

  #answer(request: Message, kamailio: number, status: string): void {
    const copied = ["Via", "From", "To", "Call-ID", "CSeq"];
    const headers = request.headers
      .filter(([name]) => copied.includes(name))
      .map(([name, value]): [string, string] => [
        name,
        name === "To" && !status.startsWith("100") ? `${value};tag=switch` : value,
      ]);
    const answer = { start: `SIP/2.0 ${status}`, headers: [...headers, ["Content-Length", "0"]], body: "" } as Message;
    this.#socket.send(print(answer), kamailio, "127.0.0.1");
  }
}

/** One header a line, lists taken apart, so that the first of a name is the topmost. */
function parse(text: string): Message {
  const [head = "", ...rest] = text.split("\r\n\r\n");
  const [start = "", ...lines] = head.split("\r\n");
  const headers = lines.flatMap((line): [string, string][] => {
    const at = line.indexOf(":");
    const name = line.slice(0, at).trim();
    const value = line.slice(at + 1).trim();
    const isList = ["Via", "Route", "Record-Route"].includes(name);
    return isList ? value.split(/,\s*/).map((part) => [name, part]) : [[name, value]];
  });
  return { start, headers, body: rest.join("\r\n\r\n") };
}

const header = ({ headers }: Message, wanted: string): string =>
  headers.find(([name]) => name.toLowerCase() === wanted.toLowerCase())?.[1] ?? "";

const print = ({ start, headers, body }: Message): string =>
  [start, ...headers.map(([name, value]) => `${name}: ${value}`), "", body].join("\r\n");
