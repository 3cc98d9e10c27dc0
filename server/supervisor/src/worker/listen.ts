import fs from "node:fs";
import net from "node:net";
import tls from "node:tls";

import type { DrainResult } from "../messages.ts";
import { keepFresh } from "./certificate.ts";
import type { WatchedCertificate } from "./certificate.ts";
import { ConnectionSet } from "./connections.ts";

// The supervisor's value again: listen(2) on an inherited socket sets the backlog anew, and Node's own default would cut it to 511.
const BACKLOG = 4096;

/** A server that runs on a listener. */
export interface Serving {
  /** Open connections. */
  readonly connections: number;
  /**
   * Accepts nothing more, lets what is open come to its end, and cuts what is left after `deadlineMs` milliseconds.
   * Never rejects.
   */
  drain(deadlineMs: number): Promise<DrainResult>;
}

/** One of the supervisor's addresses in this worker: its own slot's socket, and its siblings' for the time when they are dead. */
export class Listener {
  readonly name: string;
  /** The real address, as in `host:port`, `[v6]:port` or `unix:/path`. */
  readonly address: string;
  readonly #ownFd: number;
  /** The sockets of the other slots; empty when all workers share one. */
  readonly #siblingFds = new Map<number, number>();
  /** Those of slots that have no worker of their own any more: all workers accept there. */
  readonly #retiredFds: readonly number[];
  /** Slots to accept on for a sibling. */
  readonly #wanted = new Set<number>();
  /** By slot; retired ones below 0. */
  readonly #covers = new Map<number, net.Server>();
  #server: net.Server | undefined;
  #connections: ConnectionSet | undefined;
  #closed = false;

  constructor(
    spec: { name: string; address: string; fds: readonly number[] },
    { slot, workers }: { slot: number; workers: number },
  ) {
    this.name = spec.name;
    this.address = spec.address;
    const shared = spec.fds.length === 1;
    const ownFd = spec.fds[shared ? 0 : slot];
    if (ownFd === undefined) throw new Error(`listener ${spec.name} has no socket for slot ${slot}`);
    this.#ownFd = ownFd;
    this.#retiredFds = shared ? [] : spec.fds.slice(workers);
    if (!shared)
      for (const [index, fd] of spec.fds.slice(0, workers).entries())
        if (index !== slot) this.#siblingFds.set(index, fd);
  }

  get isServed(): boolean {
    return this.#server !== undefined;
  }

  /** Open connections. */
  get connections(): number {
    return this.#connections?.size ?? 0;
  }

  /** Lets any `net.Server` (so also http, https, tls) listen here; settles when it does. `serveHttp`, `serveGrpc` and `listen` call this. */
  async serve(server: net.Server): Promise<ConnectionSet> {
    if (this.#server) throw new Error(`listener ${this.name} is already served`);
    // The descriptor's number may be another file's by now.
    if (this.#closed) throw new Error(`listener ${this.name} is closed: this worker is to end`);
    this.#server = server;
    this.#connections = new ConnectionSet(server);
    await listenOn(server, this.#ownFd);
    for (const [index, fd] of this.#retiredFds.entries()) {
      await this.#cover(index - this.#retiredFds.length, server, fd);
    }
    return this.#connections;
  }

  /** Accepts on a sibling's slot as well; rejects if this process has no descriptors left. @internal */
  async adopt(slot: number): Promise<void> {
    this.#wanted.add(slot);
    const fd = this.#siblingFds.get(slot);
    if (fd === undefined) return;
    const duplicate = await loadDuplicate();
    const server = this.#server;
    // It may have been released, or closed, while the module loaded.
    if (!server || this.#closed || !this.#wanted.has(slot) || this.#covers.has(slot)) return;
    // Closing a net.Server closes its descriptor, so it gets a copy: the next death needs the original again.
    if (!duplicate) this.#siblingFds.delete(slot);
    await this.#cover(slot, server, duplicate ? duplicate(fd) : fd);
  }

  async #cover(key: number, server: net.Server, fd: number): Promise<void> {
    const cover = net.createServer(socketOptions(server), (socket) => server.emit("connection", socket));
    this.#covers.set(key, cover);
    await listenOn(cover, fd);
    cover.on("error", (error) => server.emit("error", error));
  }

  /** Leaves a sibling's slot to its new worker; open connections stay. @internal */
  release(slot: number): void {
    this.#wanted.delete(slot);
    // Without a copy of the descriptor it stays: two workers on one slot serve correctly, only less evenly.
    if (!this.#siblingFds.has(slot)) return;
    this.#covers.get(slot)?.close();
    this.#covers.delete(slot);
  }

  /** Stops accepting and gives back every descriptor; open connections stay. Can be called again. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    // Not `server.close()`: that of http also cuts idle keep-alive connections, on which the next request may be under way already.
    if (this.#server) net.Server.prototype.close.call(this.#server);
    else for (const fd of [this.#ownFd, ...this.#retiredFds]) fs.closeSync(fd);
    for (const cover of this.#covers.values()) cover.close();
    // As long as one process holds a socket open, the kernel goes on queueing connections on it.
    for (const fd of this.#siblingFds.values()) fs.closeSync(fd);
    this.#siblingFds.clear();
  }
}

function listenOn(server: net.Server, fd: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    // By position: with a descriptor Node ignores a backlog in the options.
    server.listen({ fd }, BACKLOG, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

/**
 * Serves raw TCP or unix connections: `onConnection` gets each socket and owns its protocol. Settles when it listens.
 *
 * @param certificate makes it TLS; `onConnection` gets a socket when its handshake is done
 */
export async function listen(
  listener: Listener,
  onConnection: (socket: net.Socket) => void,
  { certificate }: { certificate?: WatchedCertificate } = {},
): Promise<Serving> {
  const server =
    certificate === undefined
      ? net.createServer({ noDelay: true }, onConnection)
      : tls.createServer({ ...certificate.context, noDelay: true }, onConnection);
  const letGo = certificate && keepFresh(server as tls.Server, certificate);
  const connections = await listener.serve(server);
  return {
    get connections() {
      return connections.size;
    },
    drain: (deadlineMs) => {
      listener.close();
      letGo?.();
      return connections.drain(deadlineMs);
    },
  };
}

/** Loaded only in a worker that has to stand in for a sibling: it brings koffi, 7 MB. Undefined where that cannot be loaded. */
async function loadDuplicate(): Promise<((fd: number) => number) | undefined> {
  try {
    const { duplicateFd } = await import("../syscalls.ts");
    return duplicateFd;
  } catch {
    return undefined;
  }
}

/** What a server does to each socket that it accepts itself, for those that are accepted in its place. */
function socketOptions(server: net.Server): net.ServerOpts {
  const { allowHalfOpen, noDelay, keepAlive, keepAliveInitialDelay } = server as net.Server & net.ServerOpts;
  return {
    allowHalfOpen: allowHalfOpen === true,
    noDelay: noDelay === true,
    keepAlive: keepAlive === true,
    keepAliveInitialDelay: keepAliveInitialDelay ?? 0,
  };
}
