import type net from "node:net";

import type { DrainResult } from "../messages.ts";

/** The open sockets of one server. Its `size` is the only honest answer to "has everything ended": grpc-js and http both call back early. */
export class ConnectionSet {
  readonly #open = new Set<net.Socket>();
  #onEmpty: (() => void) | undefined;

  constructor(server: net.Server) {
    // Also emitted by hand for what is accepted on a sibling's slot or injected.
    server.prependListener("connection", (socket: net.Socket) => this.#add(socket));
  }

  get size(): number {
    return this.#open.size;
  }

  /**
   * Waits until all have ended, at most `deadlineMs` milliseconds, and destroys the rest.
   *
   * @param silentMs for protocols in which the client speaks first: then one on which nothing has come is destroyed. A connection that was
   *   opened before the drain and says nothing would hold it up to its deadline. In milliseconds; default never
   */
  async drain(deadlineMs: number, { silentMs }: { silentMs?: number } = {}): Promise<DrainResult> {
    const before = this.size;
    const cutSilent = (): void => {
      for (const socket of this.#open) if (socket.bytesRead === 0) socket.destroy();
    };
    const silentTimer = silentMs === undefined ? undefined : setTimeout(cutSilent, silentMs);
    if (before > 0) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#onEmpty = resolve;
      const timer = setTimeout(resolve, deadlineMs);
      await promise;
      clearTimeout(timer);
    }
    clearTimeout(silentTimer);
    const forced = this.size;
    for (const socket of this.#open) socket.destroy();
    return { closed: Math.max(0, before - forced), forced };
  }

  #add(socket: net.Socket): void {
    this.#open.add(socket);
    socket.once("close", () => {
      this.#open.delete(socket);
      if (this.#open.size === 0) this.#onEmpty?.();
    });
  }
}

/** Drains several servers at the same time and adds up what each came to. */
export async function drainAll(
  servings: readonly { drain(deadlineMs: number): Promise<DrainResult> }[],
  deadlineMs: number,
): Promise<DrainResult> {
  const results = await Promise.all(servings.map((serving) => serving.drain(deadlineMs)));
  return {
    closed: results.reduce((sum, { closed }) => sum + closed, 0),
    forced: results.reduce((sum, { forced }) => sum + forced, 0),
  };
}
