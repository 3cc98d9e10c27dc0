/** What a caller sends in a stream, in groups and under flow control. */
import type { RelayError } from "../job/error.ts";

/** The reading side of a stream of grpc-js. */
export interface Incoming<Message> {
  on(event: "data", listener: (message: Message) => void): unknown;
  on(event: "end" | "close" | "cancelled", listener: () => void): unknown;
  pause(): unknown;
  resume(): unknown;
}

export interface GroupLimit {
  readonly messages: number;
  readonly bytes: number;
}

/**
 * Holds at most as much as two groups, the one that is being used and the next one, and the message that made it too
 * much; beyond that nothing is read, and HTTP/2's flow control makes the caller wait.
 */
export class Intake<Message> {
  readonly #incoming: Incoming<Message>;
  readonly #waiting: { readonly message: Message; readonly bytes: number }[] = [];
  #waitingBytes = 0;
  /** Nothing more comes. */
  #ended = false;
  /** What did come is of no use any more. */
  #cancelled = false;
  #stopped: RelayError | undefined;
  #wake: () => void = () => {};

  constructor(incoming: Incoming<Message>) {
    this.#incoming = incoming;
  }

  /** Reads no more. What was read is handed out, then this is thrown. */
  stop(why: RelayError): void {
    if (this.#ended) return;
    this.#stopped = why;
    this.#end();
  }

  get isCancelled(): boolean {
    return this.#cancelled;
  }

  /** Called once. Ends when the caller has nothing more to send, or is gone. */
  async *groups(limit: GroupLimit, weigh: (message: Message) => number): AsyncGenerator<Message[], void> {
    this.#incoming.on("data", (message) => {
      if (this.#ended) return;
      const bytes = weigh(message);
      this.#waiting.push({ message, bytes });
      this.#waitingBytes += bytes;
      if (this.#isFull(limit)) this.#incoming.pause();
      this.#wake();
    });
    this.#incoming.on("end", () => this.#end());
    for (const event of ["cancelled", "close"] as const) {
      this.#incoming.on(event, () => {
        this.#cancelled = !this.#ended || event === "cancelled";
        this.#end();
      });
    }
    while (!this.#cancelled) {
      if (this.#waiting.length > 0) {
        const group = this.#take(limit);
        if (!this.#ended) this.#incoming.resume();
        yield group;
      } else if (this.#ended) break;
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    if (this.#stopped !== undefined && !this.#cancelled) throw this.#stopped;
  }

  #end(): void {
    this.#ended = true;
    this.#incoming.pause();
    this.#wake();
  }

  #isFull({ messages, bytes }: GroupLimit): boolean {
    return this.#waiting.length >= messages || this.#waitingBytes >= bytes;
  }

  #take({ messages, bytes }: GroupLimit): Message[] {
    let count = 0;
    let weight = 0;
    for (const one of this.#waiting) {
      if (count > 0 && (count === messages || weight + one.bytes > bytes)) break;
      weight += one.bytes;
      count++;
    }
    this.#waitingBytes -= weight;
    return this.#waiting.splice(0, count).map(({ message }) => message);
  }
}
