/**
 * Sends claimed jobs: one call, one attempt, one outcome. Never rejects; never sends a request twice in one attempt.
 * Later the way of a send is resolve → egress → target → outcome; now the name is resolved by Node as it connects.
 */
import { type Tracer, trace } from "@opentelemetry/api";
import type { ClaimedJob, HttpResponse, Outcome, Passage } from "../job/job.ts";
import { listenForSockets } from "./connections.ts";
import { Exchange } from "./exchange.ts";
import type { CutReason, Verdict } from "./outcome.ts";
import { type LentPool, type PoolOptions, type Pools, type Route, openPools } from "./pools.ts";
import { buildRequest } from "./request.ts";
import { type AttemptSpans, endSpans, startSpans } from "./spans.ts";

export interface DispatcherOptions extends PoolOptions {
  /** How much of a response body is kept; the rest is not read. Read anew for each attempt. */
  readonly responseCapBytes: number;
  /** Sent where the caller gave no `user-agent`. */
  readonly userAgent: string;
}

export interface Dispatcher {
  /**
   * Makes one attempt; `job.attemptTimeoutMs` bounds it from this call to the last byte of the response.
   * A second call with the same store key cancels the first: its claim is out of date.
   *
   * @param signal cancels the attempt, as `abort` does
   * @param route how to reach the target; left out, the system chooses
   */
  send(job: ClaimedJob, signal?: AbortSignal, route?: Route): Promise<Outcome>;
  /** Cancels this attempt of the job with this store key. False if it is not in flight. */
  abort(key: number, attempt: number): boolean;
  /** Makes connections as the options are now; those in use are closed when their attempts have ended. */
  renewPools(): void;
  /** How many attempts are in flight. */
  readonly active: number;
  /**
   * Takes no more jobs (they come back `not-sent`), gives those in flight `deadlineMs` to end, cuts the rest and closes
   * all connections. May be called again with less time.
   */
  close(deadlineMs: number): Promise<void>;
}

const autoRoute: Route = { sourceAddress: undefined };
/** More, and Node's timer fires at once. */
const maxTimerMs = 2 ** 31 - 1;

export function openDispatcher(options: DispatcherOptions): Dispatcher {
  return new HttpDispatcher(options);
}

class HttpDispatcher implements Dispatcher {
  readonly #options: DispatcherOptions;
  readonly #pools: Pools;
  readonly #tracer: Tracer = trace.getTracer("fieldpost");
  /** By store key. */
  readonly #inFlight = new Map<number, { readonly exchange: Exchange; readonly attempt: number }>();
  readonly #ignoreSockets = listenForSockets();
  readonly #closeTimers: NodeJS.Timeout[] = [];
  #closed: PromiseWithResolvers<void> | undefined;

  constructor(options: DispatcherOptions) {
    this.#options = options;
    this.#pools = openPools(options);
  }

  get active(): number {
    return this.#inFlight.size;
  }

  send(job: ClaimedJob, signal?: AbortSignal, route: Route = autoRoute): Promise<Outcome> {
    const startTime = Date.now();
    return new Promise((resolve) => {
      let lent: LentPool | undefined;
      let spans: AttemptSpans | undefined;
      const onEnd = (verdict: Verdict, response: HttpResponse | undefined, passage: Passage): void => {
        clearTimeout(deadline);
        if (signal !== undefined) signal.removeEventListener("abort", onAbort);
        if (lent !== undefined) this.#pools.giveBack(lent);
        if (spans !== undefined) endSpans(spans, verdict, response === undefined ? 0 : response.status);
        this.#forget(job.key, exchange);
        const { result, retryable, error } = verdict;
        resolve({ result, retryable, startTime, endTime: Date.now(), error, response, passage });
      };
      const exchange = new Exchange(this.#options.responseCapBytes, job, startTime, onEnd);
      const onAbort = (): void => exchange.cut("CANCELLED");
      const deadline = setTimeout(cutByDeadline, Math.min(job.attemptTimeoutMs, maxTimerMs), exchange);

      const outdated = this.#inFlight.get(job.key);
      this.#inFlight.set(job.key, { exchange, attempt: job.attempt });
      outdated?.exchange.cut("CANCELLED");
      if (this.#closed !== undefined) return exchange.cut("SHUTDOWN");
      if (signal !== undefined) {
        if (signal.aborted) return exchange.cut("CANCELLED");
        signal.addEventListener("abort", onAbort);
      }
      try {
        const { origin, path, method, headers, body } = buildRequest(job, this.#options.userAgent);
        spans = startSpans(this.#tracer, job, headers);
        lent = this.#pools.lend(origin, route);
        // `idempotent: false` for all: undici is never free to send again what may have been sent.
        lent.pool.dispatch({ path, method, headers, body, idempotent: false }, exchange);
      } catch (error) {
        exchange.refuse(error);
      }
    });
  }

  abort(key: number, attempt: number): boolean {
    const found = this.#inFlight.get(key);
    if (found?.attempt !== attempt) return false;
    found.exchange.cut("CANCELLED");
    return true;
  }

  renewPools(): void {
    this.#pools.renew();
  }

  close(deadlineMs: number): Promise<void> {
    const closed = (this.#closed ??= Promise.withResolvers<void>());
    if (this.#inFlight.size === 0) this.#finishClose();
    else this.#closeTimers.push(setTimeout(() => this.#cutAll("SHUTDOWN"), Math.min(deadlineMs, maxTimerMs)));
    return closed.promise;
  }

  #forget(key: number, exchange: Exchange): void {
    // Not if a newer claim of the same job took the place.
    if (this.#inFlight.get(key)?.exchange === exchange) this.#inFlight.delete(key);
    if (this.#closed !== undefined && this.#inFlight.size === 0) this.#finishClose();
  }

  #cutAll(reason: CutReason): void {
    for (const { exchange } of this.#inFlight.values()) exchange.cut(reason);
  }

  #finishClose(): void {
    for (const timer of this.#closeTimers.splice(0)) clearTimeout(timer);
    // A microtask later, since the last exchange may have ended inside undici's parser.
    this.#ignoreSockets();
    queueMicrotask(() => void this.#pools.close().then(this.#closed?.resolve, this.#closed?.reject));
  }
}

function cutByDeadline(exchange: Exchange): void {
  exchange.cut("TOTAL_TIMEOUT");
}
