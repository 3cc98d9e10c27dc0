/** What is known of the connections that attempts go over: when their steps were done, and which ends they have. */
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { buildConnector } from "undici";

/** A connection's own times; those of an attempt that found it open are not among them. */
export interface ConnectionTimes {
  resolveTime?: number;
  connectTime?: number;
  tlsTime?: number;
}

const timesOf = new WeakMap<Socket, ConnectionTimes>();
const noTimes: ConnectionTimes = {};

export function connectionTimes(socket: Socket): ConnectionTimes {
  return timesOf.get(socket) ?? noTimes;
}

/** A connector of undici that notes when each step is done. */
export function buildNotingConnector(options: buildConnector.BuildOptions): buildConnector.connector {
  const connect = buildConnector(options);
  return (target, callback) => {
    // It gives the socket back, though its type does not say so.
    const socket = connect(target, callback) as unknown as Socket;
    const times: ConnectionTimes = {};
    timesOf.set(socket, times);
    // Before undici's own listeners, which send at once.
    socket.prependOnceListener("lookup", () => (times.resolveTime = Date.now()));
    socket.prependOnceListener("connect", () => (times.connectTime = Date.now()));
    (socket as TLSSocket).prependOnceListener("secureConnect", () => (times.tlsTime = Date.now()));
  };
}

/** The ends of a connection; empty strings if it has none any more. Text of a kept connection is made once. */
export function endsOf(socket: Socket): { readonly local: string; readonly remote: string } {
  let ends = endsOfSocket.get(socket);
  if (ends === undefined) {
    ends = {
      local: formatEnd(socket.localAddress, socket.localPort),
      remote: formatEnd(socket.remoteAddress, socket.remotePort),
    };
    endsOfSocket.set(socket, ends);
  }
  return ends;
}

const endsOfSocket = new WeakMap<Socket, { readonly local: string; readonly remote: string }>();

/** `192.0.2.1:80`, `[2001:db8::1]:80`. */
export function formatEnd(address: string | undefined, port: number | undefined): string {
  if (address === undefined || port === undefined) return "";
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

/** What wants to know the connection that its request is written to. */
export interface SocketUser {
  onSocket(socket: Socket): void;
}

let starting: SocketUser | undefined;

/**
 * undici tells a handler that its request starts, and right after that, in the same turn, on its channel, which socket
 * the head is written to.
 */
export function expectSocket(user: SocketUser): void {
  starting = user;
}

function takeSocket(message: unknown): void {
  const user = starting;
  starting = undefined;
  user?.onSocket((message as { socket: Socket }).socket);
}

const channel = "undici:client:sendHeaders";
let listeners = 0;

/** Until what it returns is called. */
export function listenForSockets(): () => void {
  if (listeners++ === 0) subscribe(channel, takeSocket);
  let listens = true;
  return () => {
    if (listens && --listeners === 0) unsubscribe(channel, takeSocket);
    listens = false;
  };
}
