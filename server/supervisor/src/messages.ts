// The line protocol between supervisor and worker, used by both sides: one JSON object a line, `{"v":1,"t":...}`.
// After an upgrade an old side talks to a new one, so an unknown `t` is ignored and fields are only ever added.
//
// Reserved for upgrade in place and hand-over: handoverBegin, handoverAck, handed, log, setLevel.

export const PROTOCOL_VERSION = 1;
/** What one `broadcast` may carry, in UTF-8 bytes: 64 KiB. */
export const MAX_PAYLOAD_BYTES = 64 * 1024;
/** Throws RangeError if a broadcast cannot carry it. */
export function checkPayload(payload: string): void {
  const bytes = Buffer.byteLength(payload);
  if (bytes <= MAX_PAYLOAD_BYTES) return;
  throw new RangeError(`payload has ${bytes} bytes, more than ${MAX_PAYLOAD_BYTES}`);
}

// JSON writes a control character as six bytes; the rest is room for the envelope.
const MAX_LINE_BYTES = 6 * MAX_PAYLOAD_BYTES + 4096;

/** What a drain came to. */
export interface DrainResult {
  /** Connections that ended by themselves. */
  closed: number;
  /** Connections that were cut at the deadline. */
  forced: number;
}

export type WorkerMessage =
  | { t: "hello"; pid: number; slot: number; generation: number }
  | { t: "ready" }
  | { t: "stat"; connections: number }
  | { t: "pong"; id: number }
  | { t: "adopted"; slot: number }
  | { t: "released"; slot: number }
  | { t: "broadcast"; topic: string; payload: string }
  | { t: "logsReopened"; error: string }
  | ({ t: "drained" } & DrainResult)
  | { t: "exiting" }
  | { t: "fatal"; error: string };

export type SupervisorMessage =
  | { t: "ping"; id: number }
  | { t: "drain"; deadlineMs: number }
  | { t: "adopt"; slot: number }
  | { t: "release"; slot: number }
  | { t: "broadcast"; topic: string; payload: string }
  | { t: "workerExit"; slot: number; generation: number; pid: number }
  | { t: "drainTimeout"; drainTimeoutMs: number }
  | { t: "reopenLogs"; path: string };

/** One message as it goes over the wire, with the line's end. */
export function encodeMessage(message: WorkerMessage | SupervisorMessage): string {
  return `${JSON.stringify({ v: PROTOCOL_VERSION, ...message })}\n`;
}

type Check = "string" | "number";
const shapes: Record<string, Record<string, Check>> = {
  hello: { pid: "number", slot: "number", generation: "number" },
  ready: {},
  stat: { connections: "number" },
  pong: { id: "number" },
  adopted: { slot: "number" },
  released: { slot: "number" },
  broadcast: { topic: "string", payload: "string" },
  logsReopened: { error: "string" },
  drained: { closed: "number", forced: "number" },
  exiting: {},
  fatal: { error: "string" },
  ping: { id: "number" },
  drain: { deadlineMs: "number" },
  adopt: { slot: "number" },
  release: { slot: "number" },
  workerExit: { slot: "number", generation: "number", pid: "number" },
  drainTimeout: { drainTimeoutMs: "number" },
  reopenLogs: { path: "string" },
};

/** A message that this version knows and that has its fields, or undefined. */
export function decodeMessage(line: string): WorkerMessage | SupervisorMessage | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  return isMessage(value) ? value : undefined;
}

function isMessage(value: unknown): value is WorkerMessage | SupervisorMessage {
  if (typeof value !== "object" || value === null) return false;
  if (!("t" in value) || typeof value.t !== "string") return false;
  const shape = Object.hasOwn(shapes, value.t) ? shapes[value.t] : undefined;
  if (!shape) return false;
  const fields: Record<string, unknown> = { ...value };
  return Object.entries(shape).every(([name, type]) => typeof fields[name] === type);
}

/** Cuts a byte stream into messages. What is unknown, broken or longer than a line may be is counted and left out. */
export class MessageReader {
  /** Lines that were left out so far. */
  ignored = 0;
  #chunks: Buffer[] = [];
  #bytes = 0;
  #skipping = false;

  /** @param rest the beginning of a line, as another reader left it */
  constructor(rest: Buffer = Buffer.alloc(0)) {
    if (rest.length > 0) this.#keep(rest);
  }

  /** The beginning of a line whose end has not come. */
  get rest(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  /** Takes the next bytes and gives back the messages that they complete. */
  push(chunk: Buffer): (WorkerMessage | SupervisorMessage)[] {
    const messages: (WorkerMessage | SupervisorMessage)[] = [];
    let start = 0;
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, start)) {
      this.#keep(chunk.subarray(start, end));
      start = end + 1;
      const message = this.#skipping ? undefined : decodeMessage(Buffer.concat(this.#chunks).toString());
      if (message) messages.push(message);
      // A lone line end is what `fatal` writes to get free of a half-written line before it.
      else if (this.#skipping || this.#bytes > 0) this.ignored++;
      this.#reset();
    }
    if (start < chunk.length) this.#keep(chunk.subarray(start));
    return messages;
  }

  #keep(part: Buffer): void {
    this.#bytes += part.length;
    if (this.#bytes > MAX_LINE_BYTES) {
      this.#skipping = true;
      this.#chunks = [];
    } else if (!this.#skipping) this.#chunks.push(part);
  }

  #reset(): void {
    this.#chunks = [];
    this.#bytes = 0;
    this.#skipping = false;
  }
}

/** The environment name under which a worker finds its `WorkerBoot`. */
export const BOOT_VARIABLE = "FIELDPOST_SUPERVISED";

/** What a worker is told before it starts: descriptor numbers and its place. */
export interface WorkerBoot {
  v: number;
  slot: number;
  generation: number;
  workers: number;
  /** Generations of the other processes of this slot that live at this moment. An older supervisor does not say. */
  slotPeers?: number[];
  controlFd: number;
  drainTimeoutMs: number;
  /** It ends where it would join: somebody wants to know whether its module loads. */
  check?: boolean;
  listeners: {
    name: string;
    address: string;
    /** One descriptor for each slot; a single one when all workers share it. */
    fds: number[];
  }[];
}
