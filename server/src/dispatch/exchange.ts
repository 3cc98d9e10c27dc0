/**
 * One request and its answer, as undici tells of them. Ends exactly once: by the last byte of the answer, by an error,
 * by the cap, or cut by the relay. Whatever undici tells after that is not heard.
 */
import type { Socket } from "node:net";
import type { Dispatcher as UndiciDispatcher } from "undici";
import type { ClaimedJob, Header, HttpResponse, Passage } from "../job/job.ts";
import { connectionTimes, endsOf, expectSocket, formatEnd } from "./connections.ts";
import type { SocketUser } from "./connections.ts";
import {
  type CutReason,
  type Verdict,
  decideByCut,
  decideByError,
  decideByStatus,
  unexpectedUpgrade,
} from "./outcome.ts";
import { readRetryAfter } from "./retry-after.ts";

type Controller = UndiciDispatcher.DispatchController;

/** Called once. */
export type OnEnd = (verdict: Verdict, response: HttpResponse | undefined, passage: Passage) => void;

/** What a job says of how its attempts end. */
type Terms = Pick<ClaimedJob, "attemptTimeoutMs" | "retryPolicy">;

const emptyBody = new Uint8Array(0);
/** One for all, since capturing a stack for each costs more than the rest of the abort. Nobody sees it. */
const abandoned = new Error("the attempt is over");

export class Exchange implements UndiciDispatcher.DispatchHandler, SocketUser {
  readonly #responseCapBytes: number;
  readonly #terms: Terms;
  readonly #startTime: number;
  readonly #onEnd: OnEnd;
  #ended = false;
  #controller: Controller | undefined;
  /** 0 until the final one came whole, with its headers. */
  #status = 0;
  #headers: readonly Header[] = [];
  /** Holds the body's first #receivedBytes; grows by doubling, since a target may send it a byte at a time. */
  #body = emptyBody;
  #receivedBytes = 0;
  #socket: Socket | undefined;
  /** What had gone over the connection before. */
  #writtenBefore = 0;
  #readBefore = 0;
  #sendTime: number | undefined;
  #firstByteTime: number | undefined;
  /** What a connection that failed was to reach. */
  #triedAddress = "";

  constructor(responseCapBytes: number, terms: Terms, startTime: number, onEnd: OnEnd) {
    this.#responseCapBytes = responseCapBytes;
    this.#terms = terms;
    this.#startTime = startTime;
    this.#onEnd = onEnd;
  }

  /** Ends the exchange now. If a status came, it decides and the response is truncated. */
  cut(reason: CutReason): void {
    if (this.#ended) return;
    if (this.#status > 0) this.#endByStatus(true);
    else
      this.#end(decideByCut(reason, this.#controller !== undefined, this.#terms.attemptTimeoutMs), undefined);
    // While it waits for a connection there is no controller; then onRequestStart drops it.
    this.#controller?.abort(abandoned);
  }

  /** Ends the exchange that could not even be handed to undici. */
  refuse(error: unknown): void {
    if (!this.#ended) this.#end(decideByError(error, false), undefined);
  }

  /** A connection is there; the next thing that undici does is write the request. */
  onRequestStart(controller: Controller): void {
    // A second start would be a second sending of the same attempt. With pipelining 1 undici has no reason for one.
    if (this.#ended || this.#controller !== undefined) controller.abort(abandoned);
    else {
      this.#controller = controller;
      expectSocket(this);
    }
  }

  onSocket(socket: Socket): void {
    this.#socket = socket;
    this.#writtenBefore = socket.bytesWritten;
    this.#readBefore = socket.bytesRead;
  }

  /** The last byte of the request was handed to the system. */
  onRequestSent(): void {
    this.#sendTime = Date.now();
  }

  onResponseStarted(): void {
    this.#firstByteTime ??= Date.now();
  }

  onResponseStart(controller: Controller, status: number): void {
    if (this.#ended || (status < 200 && status !== 101)) return;
    if (status === 101) {
      this.#end(unexpectedUpgrade, undefined);
      controller.abort(abandoned);
      return;
    }
    this.#status = status;
    this.#headers = readHeaders(controller.rawHeaders as Buffer[]);
  }

  onResponseData(controller: Controller, chunk: Uint8Array): void {
    if (this.#ended) return;
    const room = this.#responseCapBytes - this.#receivedBytes;
    const fits = chunk.length <= room;
    this.#keep(fits ? chunk : chunk.subarray(0, room));
    if (fits) return;
    this.#endByStatus(true);
    controller.abort(abandoned);
  }

  onResponseEnd(): void {
    if (!this.#ended) this.#endByStatus(false);
  }

  onResponseError(_controller: Controller | null, error: Error): void {
    if (this.#ended) return;
    const { address, port } = error as { readonly address?: string; readonly port?: number };
    this.#triedAddress = formatEnd(address, port);
    if (this.#status > 0) this.#endByStatus(true);
    else this.#end(decideByError(error, this.#controller !== undefined), undefined);
  }

  #endByStatus(truncated: boolean): void {
    this.#end(decideByStatus(this.#status, this.#terms.retryPolicy.retryStatuses), {
      status: this.#status,
      headers: this.#headers,
      body: this.#wholeBody(),
      truncated,
    });
  }

  /** Copies: the chunk is a window on a socket's read buffer, which the few bytes would keep alive. */
  #keep(chunk: Uint8Array): void {
    const end = this.#receivedBytes + chunk.length;
    if (end > this.#body.length) {
      const larger = Math.min(Math.max(end, this.#body.length * 2), this.#responseCapBytes);
      // Most bodies come in one chunk, and then fit exactly.
      const grown = new Uint8Array(this.#receivedBytes === 0 ? end : larger);
      grown.set(this.#body.subarray(0, this.#receivedBytes));
      this.#body = grown;
    }
    this.#body.set(chunk, this.#receivedBytes);
    this.#receivedBytes = end;
  }

  /** In memory of its own: a view is cloned with all that is behind it when the response goes to the store's thread. */
  #wholeBody(): Uint8Array {
    return this.#body.length === this.#receivedBytes ? this.#body : this.#body.slice(0, this.#receivedBytes);
  }

  #end(verdict: Verdict, response: HttpResponse | undefined): void {
    this.#ended = true;
    this.#body = emptyBody;
    this.#onEnd(verdict, response, this.#passage(verdict));
    this.#socket = undefined;
  }

  #passage({ retryable }: Verdict): Passage {
    const retryAfterTime =
      retryable && this.#status > 0 ? readRetryAfter(this.#headers, Date.now()) : undefined;
    const socket = this.#socket;
    if (socket === undefined) return { remoteAddress: this.#triedAddress || undefined, retryAfterTime };
    const { resolveTime, connectTime, tlsTime } = connectionTimes(socket);
    const own = (time: number | undefined): number | undefined =>
      time !== undefined && time >= this.#startTime ? time : undefined;
    const { local, remote } = endsOf(socket);
    return {
      resolveTime: own(resolveTime),
      connectTime: own(connectTime),
      tlsTime: own(tlsTime),
      sendTime: this.#sendTime,
      firstByteTime: this.#firstByteTime,
      localAddress: local,
      remoteAddress: remote,
      sentBytes: socket.bytesWritten - this.#writtenBefore,
      receivedBytes: socket.bytesRead - this.#readBefore,
      retryAfterTime,
    };
  }
}

/** Names in lower case, in the order in which they came, a repeated one as often as it came. */
function readHeaders(raw: readonly Buffer[]): Header[] {
  const headers: Header[] = [];
  for (let i = 0; i + 1 < raw.length; i += 2) {
    headers.push({ name: raw[i]!.toString("latin1").toLowerCase(), value: raw[i + 1]!.toString("latin1") });
  }
  return headers;
}
