/**
 * The live channel of one card: hibernating WebSockets that are told what changed. Knows no rule about money.
 * Nothing is kept in memory: what a socket is stands in its attachment, so the object sleeps while they wait, and
 * what ends by time ends by the object's alarm. Messages leave after the transaction; the output gate holds them
 * until what they say is durable.
 */
import { z } from "zod";
import type { VerifiedAccess } from "../auth/signing.ts";
import { refusalOf } from "../domain/card.ts";
import type { DeviceClaim } from "../domain/card-calls.ts";
import { isSignedIn, type Device } from "../domain/devices.ts";
import { refuse, type Refusal } from "../domain/errors.ts";
import { holderView } from "../domain/holder-view.ts";
import { formatSerial } from "../domain/serial.ts";
import { SECOND_MS, toRfc3339 } from "../domain/time.ts";
import type { CardAccountStore } from "./card-account-store.ts";
import { timeOf } from "./card-turns.ts";
import { cardView } from "./card-views.ts";
import type { StoredCard } from "./rows.ts";

const MAX_SOCKETS_PER_DEVICE = 8;
/** A token is at most 4 KiB. */
const MAX_MESSAGE_LENGTH = 8192;
const RETRY_AFTER_SECONDS = 60;

/** 4000 and up are the application's own; these follow HTTP's 401 and 408. */
const CLOSE = { signedOut: 4401, tokenExpired: 4408, tooLarge: 1009, halted: 1011 } as const;

/** What a socket is, through every hibernation. `sent` is what its listener knows already. */
type Listener = DeviceClaim & { readonly expiresAtMs: number; readonly sent: string };

type Parts = {
  readonly store: CardAccountStore;
  readonly verify: (token: string, nowMs: number) => Promise<VerifiedAccess | undefined>;
  readonly wakeBy: (atMs: number) => Promise<void>;
};

const openRequest = z.object({
  device: z.coerce.number().int().positive(),
  family: z.coerce.number().int().positive(),
  expiresAtMs: z.coerce.number().int().positive(),
});
const tokenMessage = z.object({ type: z.literal("token"), token: z.string() });

export class CardLive {
  readonly #ctx: DurableObjectState;
  readonly #parts: Parts;

  constructor(ctx: DurableObjectState, parts: Parts) {
    this.#ctx = ctx;
    this.#parts = parts;
  }

  /**
   * A Worker's upgrade request for a device it has verified; the address says which. Answers 101, or a refusal as JSON.
   * The Worker has asked the card about the device in a turn before; this looks again, because time has passed.
   */
  async open(request: Request): Promise<Response> {
    const { device, family, expiresAtMs } = openRequest.parse(Object.fromEntries(new URL(request.url).searchParams));
    const refusal = this.#refusalOf({ device, family });
    if (refusal) return Response.json(refusal, { status: 403 });
    const { 0: client, 1: server } = new WebSocketPair();
    this.#ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair("ping", "pong"));
    this.#ctx.acceptWebSocket(server, [tagOf(device)]);
    server.serializeAttachment({ device, family, expiresAtMs, sent: "" } satisfies Listener);
    this.tell();
    const nextMs = this.nextMs(Date.now());
    if (nextMs !== null) await this.#parts.wakeBy(nextMs);
    return new Response(null, { status: 101, webSocket: client });
  }

  #refusalOf({ device, family }: DeviceClaim): Refusal | null {
    const { store } = this.#parts;
    const stored = store.load();
    const seat = stored && store.device(device);
    if (!stored || !seat || !isSignedIn(seat, family)) return refuse("device_signed_out");
    const code = refusalOf(stored.state, "holder", timeOf(stored.state));
    if (code) return refuse(code);
    if (this.#sockets(tagOf(device)).length < MAX_SOCKETS_PER_DEVICE) return null;
    const detail = `A device has at most ${MAX_SOCKETS_PER_DEVICE} sockets; close one of them.`;
    return { code: "too_many_attempts", detail, retryAfterSeconds: RETRY_AFTER_SECONDS };
  }

  /** Tells every listener what it does not know yet, and closes those whose time or sign-in is over. Never throws. */
  tell(): void {
    const sockets = this.#sockets();
    if (sockets.length === 0) return;
    try {
      const stored = this.#parts.store.load();
      const seats = stored ? this.#parts.store.devices() : [];
      for (const socket of sockets) tellOne(socket, stored, seats);
    } catch (error) {
      // Listeners ask again when they miss something; a command that is done stays done.
      console.error(JSON.stringify({ event: "live_failed", card: this.#ctx.id.name, error: String(error) }));
    }
  }

  /** A card that answers nothing tells nothing either. */
  halt(): void {
    for (const socket of this.#sockets()) socket.close(CLOSE.halted, "try again later");
  }

  /** When time alone changes something for a listener; null = nobody listens. */
  nextMs(nowMs: number): number | null {
    const listeners = this.#sockets().map(listenerOf);
    if (listeners.length === 0) return null;
    const endMs = this.#parts.store.load()?.state.expiresAtMs ?? null;
    const ends = endMs === null || endMs < nowMs ? [] : [endMs + 1];
    return Math.min(...listeners.map(({ expiresAtMs }) => expiresAtMs), ...ends);
  }

  /**
   * A new access token of the same device and sign-in lets the socket live on; any other ends it.
   * What is not a token message is ignored.
   */
  async message(socket: WebSocket, message: string | ArrayBuffer): Promise<void> {
    const length = typeof message === "string" ? message.length : message.byteLength;
    if (length > MAX_MESSAGE_LENGTH) return socket.close(CLOSE.tooLarge, "message too large");
    const parsed = tokenMessage.safeParse(typeof message === "string" ? parseJson(message) : undefined);
    if (!parsed.success) return;
    const nowMs = Date.now();
    const claim = await this.#parts.verify(parsed.data.token, nowMs);
    // Read after the await: the card may have changed meanwhile.
    const { store } = this.#parts;
    const stored = store.load();
    const listener = listenerOf(socket);
    const isSame =
      claim !== undefined &&
      stored?.batch === claim.batch &&
      stored.state.card === claim.card &&
      claim.device === listener.device &&
      claim.family === listener.family;
    if (!isSame || !stored) return socket.close(CLOSE.signedOut, "not a token of this device");
    const expiresAtMs = Math.max(listener.expiresAtMs, claim.expiresAtMs);
    socket.serializeAttachment({ ...listener, expiresAtMs } satisfies Listener);
    say(socket, "token", stored.state.version, { expiresAt: toRfc3339(expiresAtMs) });
    this.tell();
    await this.#parts.wakeBy(Math.max(expiresAtMs, nowMs + SECOND_MS));
  }

  #sockets(tag?: string): WebSocket[] {
    return this.#ctx.getWebSockets(tag).filter(({ readyState }) => readyState === WebSocket.READY_STATE_OPEN);
  }
}

const tagOf = (device: number): string => `device ${device}`;
const listenerOf = (socket: WebSocket): Listener => socket.deserializeAttachment() as Listener;

function tellOne(socket: WebSocket, stored: StoredCard | undefined, seats: readonly Device[]): void {
  const listener = listenerOf(socket);
  const seat = seats.find(({ number }) => number === listener.device);
  if (!stored || !seat || !isSignedIn(seat, listener.family)) return socket.close(CLOSE.signedOut, "signed out");
  if (listener.expiresAtMs <= Date.now()) return socket.close(CLOSE.tokenExpired, "token expired");
  const view = cardView(stored.state, seats, timeOf(stored.state));
  const news = `${view.version}.${view.status}`;
  if (news === listener.sent) return;
  const serial = formatSerial({ batch: stored.batch, card: stored.state.card });
  say(socket, "card", view.version, holderView(serial, view, listener.device));
  socket.serializeAttachment({ ...listener, sent: news } satisfies Listener);
}

const say = (socket: WebSocket, type: "card" | "token", version: number, data: object): void =>
  socket.send(JSON.stringify({ type, version, data }));

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
