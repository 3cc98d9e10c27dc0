import net from "node:net";

import { encodeMessage, MessageReader } from "../messages.ts";
import type { SupervisorMessage, WorkerMessage } from "../messages.ts";

// A supervisor that does not read must not fill the worker's memory.
const MAX_BACKLOG_BYTES = 1024 * 1024;

/** The worker's end of the control channel. */
export class Control {
  readonly #socket: net.Socket;

  /** `onEnd` is called once, when the supervisor is dead: nothing else closes its end. */
  constructor(
    fd: number,
    onMessage: (message: SupervisorMessage | WorkerMessage) => void,
    onEnd: () => void,
  ) {
    const reader = new MessageReader();
    this.#socket = new net.Socket({ fd, readable: true, writable: true });
    this.#socket.on("data", (chunk) => {
      for (const message of reader.push(chunk)) onMessage(message);
    });
    this.#socket.on("error", () => {});
    this.#socket.on("end", () => this.#socket.destroy());
    this.#socket.once("close", onEnd);
  }

  /** Sends, unless the supervisor is gone. `flushed` is called when the message has left, or cannot any more. */
  send(message: WorkerMessage, flushed?: () => void): void {
    if (!this.#socket.writable) {
      flushed?.();
      return;
    }
    if (message.t === "broadcast" && this.#socket.writableLength > MAX_BACKLOG_BYTES) return;
    this.#socket.write(encodeMessage(message), () => flushed?.());
  }
}
